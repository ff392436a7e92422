//! Paused hooks: what they hold waits in order, and is let go once.

use hookmill_engine::id::{DeliveryId, HookId};
use hookmill_engine::time::Span;
use hookmill_store::deliveries::{DeliveryFilter, Outcome, RELEASED_AT_ONCE, Released};
use hookmill_store::hook_states::{HookState, OffAnswer, Switch};
use hookmill_store::hooks::WantedHook;
use hookmill_store::lists::SETTLE_SHARED;
use hookmill_store::retention::Policy;
use hookmill_store::runs::{Free, State};
use hookmill_store::workflows::Publication;
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, on_both};

on_both!(
    what_waits_is_counted_up_to_a_limit,
    a_hook_goes_from_state_to_state_and_everybody_learns_of_it,
    what_is_held_is_let_go_in_order_and_once,
    a_pause_in_between_keeps_the_rest,
    what_is_held_is_listed_as_such_and_never_too_old,
);

async fn hook(opened: &Opened) -> HookId {
    let wanted = WantedHook { label: "webhook".into(), path: None, alias: None };
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: "w".into(),
        document: "{}".into(),
        author: "somebody".into(),
        hooks: vec![wanted],
        draft: None,
    };
    opened.store.publish(&publication, opened.now()).await.unwrap().hooks[0].id
}

async fn hold(opened: &Opened, hook: HookId, count: usize) -> Vec<DeliveryId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        let mut delivery = opened.delivery(hook.0);
        delivery.outcome = Outcome::Held;
        let mut run = opened.run(Some(delivery.id), 1);
        run.state = State::Held;
        ids.push(delivery.id);
        opened.store.accept(delivery, vec![run]).await.unwrap();
    }
    ids
}

async fn a_hook_goes_from_state_to_state_and_everybody_learns_of_it(opened: Opened) {
    let (store, hook) = (&opened.store, hook(&opened).await);
    let other = opened.another().await;
    let stands = async |store: &Store| {
        let stored = store.hook(hook).await.unwrap().unwrap();
        (stored.state, stored.off_answer)
    };
    assert_eq!(stands(store).await, (HookState::Active, OffAnswer::NotFound));
    for (switch, expected) in [
        (Switch::Pause, Ok(HookState::Paused)),
        (Switch::On, Err(())),
        (Switch::Resume, Ok(HookState::Active)),
        (Switch::Off(OffAnswer::Unavailable), Ok(HookState::Off)),
        (Switch::Pause, Err(())),
        (Switch::Resume, Err(())),
        (Switch::Off(OffAnswer::NotFound), Ok(HookState::Off)),
        (Switch::On, Ok(HookState::Active)),
    ] {
        let (before, version) = (stands(store).await, other.notice_catalog().await.unwrap());
        let switched = store.switch_hook(hook, switch).await;
        let after = stands(store).await;
        match expected {
            Ok(state) => assert_eq!((switched, after.0), (Ok(state), state), "{switch:?}"),
            Err(()) => {
                assert!(matches!(switched, Err(Error::Invalid(_))), "{switch:?}: {switched:?}");
                assert_eq!(before, after);
            }
        }
        assert_eq!(other.notice_catalog().await.unwrap() > version, before != after, "{switch:?}");
        if let Switch::Off(answer) = switch {
            assert_eq!(after.1, answer);
        }
    }
    assert_eq!(store.switch_hook(HookId(1), Switch::Pause).await, Err(Error::NotFound));
    other.close().await;
}

async fn what_is_held_is_let_go_in_order_and_once(opened: Opened) {
    let (store, hook) = (&opened.store, hook(&opened).await);
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let held = hold(&opened, hook, RELEASED_AT_ONCE as usize + 1).await;
    assert_eq!((store.next_holding(None).await, store.next_holding(Some(hook)).await), (Ok(Some(hook)), Ok(None)));
    assert_eq!(store.held_count(hook).await, Ok(held.len() as u64));
    assert!(store.claim_runs(&owned, Free::Abandoned, opened.pass(1_000), 10).await.unwrap().is_empty());
    let other = opened.another().await;
    let (mine, others) = tokio::join!(store.release_held(hook, opened.now()), other.release_held(hook, opened.now()));
    let mut released = 0;
    for outcome in [mine.unwrap(), others.unwrap()] {
        match outcome {
            Released::Some(count) => released += count,
            Released::Nothing => {}
            Released::Shut => panic!("the hook is active"),
        }
    }
    while let Released::Some(count) = store.release_held(hook, opened.pass(1)).await.unwrap() {
        released += count;
    }
    assert_eq!((released, store.held_count(hook).await), (held.len(), Ok(0)), "each once, whoever does it");
    let claimed = store.claim_runs(&owned, Free::Unclaimed, opened.now(), 500).await.unwrap();
    let order: Vec<DeliveryId> = claimed.iter().filter_map(|claimed| claimed.run.delivery).collect();
    assert_eq!(order, held, "in the order of reception");
    assert!(claimed.iter().all(|claimed| claimed.run.state == State::Ready));
    assert_eq!(store.next_holding(None).await, Ok(None));
    other.close().await;
}

async fn a_pause_in_between_keeps_the_rest(opened: Opened) {
    let (store, hook) = (&opened.store, hook(&opened).await);
    let held = hold(&opened, hook, RELEASED_AT_ONCE as usize + 5).await;
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Some(RELEASED_AT_ONCE as usize)));
    store.switch_hook(hook, Switch::Pause).await.unwrap();
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Shut));
    store.switch_hook(hook, Switch::Off(OffAnswer::NotFound)).await.unwrap();
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Shut), "what is off lets nothing go either");
    let last = store.delivery(*held.last().unwrap()).await.unwrap().unwrap();
    assert_eq!(last.outcome, Outcome::Held);
    store.switch_hook(hook, Switch::On).await.unwrap();
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Some(5)));
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Nothing));
}

async fn what_is_held_is_listed_as_such_and_never_too_old(opened: Opened) {
    let (store, hook) = (&opened.store, hook(&opened).await);
    let held = hold(&opened, hook, 2).await;
    let listed = async || {
        let filter = DeliveryFilter { outcome: Some(Outcome::Held), ..DeliveryFilter::default() };
        let page = store.deliveries(&filter, 10).await.unwrap();
        page.items.iter().rev().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, held, "at once");
    while store.index_lists(opened.pass(SETTLE_SHARED.0.cast_signed() + 1)).await.unwrap().more {}
    assert_eq!(listed().await, held, "and behind the cursor");
    let policy = Policy { runs: Some(Span(1)), failed_runs: Some(Span(1)), deliveries: Some(Span(1)), ..Policy::default() };
    let mut pass = store.plan_pruning(&policy, opened.pass(100 * 86_400_000)).await.unwrap();
    while !store.prune(&mut pass).await.unwrap().done {}
    assert_eq!((listed().await, store.held_count(hook).await), (held.clone(), Ok(2)), "whatever their age");
    assert_eq!(store.release_held(hook, opened.now()).await, Ok(Released::Some(2)));
    assert_eq!(listed().await, []);
    assert_eq!(store.delivery(held[0]).await.unwrap().unwrap().outcome, Outcome::Accepted);
}

async fn what_waits_is_counted_up_to_a_limit(opened: Opened) {
    let (store, hook) = (&opened.store, hook(&opened).await);
    assert_eq!((store.count_held_runs(10).await.unwrap(), store.count_blocked(10).await.unwrap()), (0, 0));
    hold(&opened, hook, 3).await;
    assert_eq!((store.count_held_runs(10).await.unwrap(), store.count_held_runs(2).await.unwrap()), (3, 2));
    let mut runs = Vec::new();
    for _ in 0..3 {
        let run = opened.run(None, 1);
        runs.push(run.id);
        store.create_run(run, Vec::new()).await.unwrap();
    }
    for run in &runs {
        store.block_on_lane(*run, 0).await.unwrap();
    }
    assert_eq!((store.count_blocked(10).await.unwrap(), store.count_blocked(2).await.unwrap()), (3, 2));
    assert_eq!(store.count_free(opened.now(), 10).await.unwrap(), 0, "those have a limit of their own");
    store.wake_lanes(opened.now()).await.unwrap();
    assert_eq!((store.count_blocked(10).await.unwrap(), store.count_free(opened.now(), 10).await.unwrap()), (0, 3));
    while store.release_held(hook, opened.now()).await.unwrap() != Released::Nothing {}
    assert_eq!(store.count_held_runs(10).await.unwrap(), 0);
}
