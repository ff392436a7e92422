//! Rate limits that hold across nodes.

use hookmill_engine::id::{HookId, WorkspaceId};
use hookmill_engine::time::Span;
use hookmill_store::rates::{Limited, Taken};

use crate::both::{Opened, on_both};

on_both!(permits_are_taken_once_whoever_takes_them, a_window_ends_and_one_of_another_limit_is_not_kept,);

const PER: Span = Span(10_000);

async fn permits_are_taken_once_whoever_takes_them(opened: Opened) {
    let other = opened.another().await;
    let limited = Limited::Hook(HookId(7));
    let takes = (0..20).map(|n| {
        let store = if n % 2 == 0 { &opened.store } else { &other };
        store.take_permits(limited, 3, PER, opened.now())
    });
    let mut taken: Vec<Taken> = futures_util::future::try_join_all(takes).await.unwrap();
    taken.sort_unstable_by_key(|taken| taken.taken);
    let counts: Vec<u64> = taken.iter().map(|taken| taken.taken).collect();
    assert_eq!(counts, (1..=20).map(|n| n * 3).collect::<Vec<_>>());
    assert!(taken.iter().all(|one| one.ends_at == taken[0].ends_at));
    let workspace = opened.store.take_permits(Limited::Workspace(WorkspaceId(7)), 1, PER, opened.now()).await.unwrap();
    assert_eq!(workspace.taken, 1, "another count");
    other.close().await;
}

async fn a_window_ends_and_one_of_another_limit_is_not_kept(opened: Opened) {
    let limited = Limited::Hook(HookId(7));
    let take = |per| opened.store.take_permits(limited, 1, per, opened.now());
    let first = take(PER).await.unwrap();
    assert_eq!(first.ends_at.ms_since(opened.now()), PER.0);
    opened.pass(9_999);
    assert_eq!(take(PER).await.unwrap(), Taken { taken: 2, ..first });
    opened.pass(1);
    let next = take(PER).await.unwrap();
    assert_eq!((next.taken, next.ends_at.ms_since(opened.now())), (1, PER.0));
    opened.pass(10_000);
    let day = take(Span(86_400_000)).await.unwrap();
    assert_eq!(day.taken, 1);
    let shorter = take(PER).await.unwrap();
    assert_eq!((shorter.taken, shorter.ends_at.ms_since(opened.now())), (1, PER.0), "the day is over");
}
