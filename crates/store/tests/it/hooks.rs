//! Hooks: listed, found among many, by paths of many kinds; and what others are told of a change.

use std::time::{Duration, Instant};

use hookmill_engine::id::WorkflowId;
use hookmill_store::catalog::{CHANGES_KEPT, Changes};
use hookmill_store::db::{Batch, Expect};
use hookmill_store::hooks::{OLD_TOKENS_MAX, PATH_MASKS_MAX, WantedHook};
use hookmill_store::secrets::NewSecret;
use hookmill_store::workflows::{Publication, Published};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Result, args};

use crate::both::{Opened, on_both};

on_both!(
    hooks_are_listed_with_their_workflows_newest_first,
    finding_one_of_a_hundred_thousand_costs_what_finding_one_of_ten_does,
    a_workspace_has_a_limited_number_of_kinds_of_paths,
    each_version_tells_what_it_changed,
    a_log_that_was_cut_says_so,
    an_old_token_is_kept_until_a_date_or_ended,
);

async fn publish(opened: &Opened, name: &str, document: &str, paths: &[&str]) -> Result<Published> {
    let hooks = paths.iter().map(|path| WantedHook {
        label: format!("at {path}"),
        path: Some((*path).to_owned()).filter(|path| !path.is_empty()),
        alias: None,
    });
    let publication = Publication {
        workspace: FIRST_WORKSPACE,
        name: name.into(),
        document: document.into(),
        author: "somebody".into(),
        hooks: hooks.collect(),
        draft: None,
    };
    opened.store.publish(&publication, opened.now()).await
}

async fn hooks_are_listed_with_their_workflows_newest_first(opened: Opened) {
    let first = publish(&opened, "one", "1", &["a", "b"]).await.unwrap();
    let second = publish(&opened, "two", "1", &["c"]).await.unwrap();
    publish(&opened, "two", "2", &["c"]).await.unwrap();
    let all = opened.store.hooks(FIRST_WORKSPACE, None, None, 10).await.unwrap();
    let paths: Vec<_> = all.iter().map(|listed| listed.hook.path.as_deref().unwrap()).collect();
    assert_eq!(paths, ["c", "b", "a"]);
    assert_eq!((all[0].workflow_name.as_str(), all[0].revision, &all[0].hook), ("two", Some(2), &second.hooks[0]));
    let page = opened.store.hooks(FIRST_WORKSPACE, None, Some(all[0].hook.id), 1).await.unwrap();
    assert_eq!(page[..], all[1..2]);
    let of_first = opened.store.hooks(FIRST_WORKSPACE, Some(first.workflow), None, 10).await.unwrap();
    assert_eq!(of_first[..], all[1..]);
    assert_eq!(opened.store.listed_hook(all[2].hook.id).await.unwrap().as_ref(), Some(&all[2]));
    assert!(opened.store.hooks(FIRST_WORKSPACE, None, None, 0).await.is_err());
}

/// The best of many times: whatever else the machine does, one of them was not disturbed.
async fn best_time(opened: &Opened, token: &str) -> Duration {
    let segments = ["shop", "17", "orders", "4711"];
    let mut best = Duration::MAX;
    for _ in 0..60 {
        let began = Instant::now();
        assert!(opened.store.hook_by_token(token).await.unwrap().is_some());
        assert!(opened.store.hook_by_alias("/webhooks/7").await.unwrap().is_some());
        let masks = opened.store.path_masks(FIRST_WORKSPACE).await.unwrap();
        assert_eq!(masks.len(), 3);
        let (answering, parameters) = opened.store.hook_by_path(FIRST_WORKSPACE, &masks, &segments).await.unwrap().unwrap();
        assert_eq!((answering.hook.path.as_deref(), parameters[0].1.as_str()), (Some("shop/17/orders/:id"), "4711"));
        assert!(opened.store.hook_by_path(FIRST_WORKSPACE, &masks, &["nobody"]).await.unwrap().is_none());
        best = best.min(began.elapsed());
    }
    best
}

/// Hooks of one workflow with these numbers: two thirds with paths of three kinds, one third as another product's.
async fn seed(opened: &Opened, workflow: WorkflowId, from: i64, to: i64) {
    const HOOKS: &str = "
        WITH RECURSIVE numbers (n) AS (
            SELECT CAST($3 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < CAST($4 AS BIGINT))
        INSERT INTO hooks (id, workspace, workflow, label, token, path, path_shape, path_mask, alias, active, created_at)
        SELECT n + 1000, $1, $2, 'hook ' || n, 'token' || n,
               CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN 'events/' || n ELSE 'shop/' || n || '/orders/:id' END,
               CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN 'events/' || n ELSE 'shop/' || n || '/orders/:' END,
               CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN 4 ELSE 17 END,
               '/webhooks/' || n, 1, 0
          FROM numbers";
    let mut batch = Batch::new();
    let expected = Expect::Exactly(u64::try_from(to - from).unwrap());
    batch.execute(HOOKS, args![FIRST_WORKSPACE.0, workflow.0, from, to], expected);
    if opened.database.starts_with("postgres") {
        // What it does by itself within a minute; until then its plans are those for ten.
        batch.execute("ANALYZE hooks", args![], Expect::Any);
    }
    opened.store.db().write(batch).await.unwrap();
}

async fn finding_one_of_a_hundred_thousand_costs_what_finding_one_of_ten_does(opened: Opened) {
    let published = publish(&opened, "many", "1", &[":any/:thing"]).await.unwrap();
    seed(&opened, published.workflow, 0, 9).await;
    seed(&opened, published.workflow, 17, 18).await;
    let token = published.hooks[0].token.as_str();
    let few = best_time(&opened, token).await;
    seed(&opened, published.workflow, 18, 100_017).await;
    let many = best_time(&opened, token).await;
    // Looking at all of them would take thousands of times as long.
    assert!(many < few * 4, "{few:?} with ten hooks, {many:?} with a hundred thousand");
}

async fn a_workspace_has_a_limited_number_of_kinds_of_paths(opened: Opened) {
    // Eight segments have 256 masks; a workflow has at most a hundred hooks.
    let paths: Vec<String> = (0..=PATH_MASKS_MAX)
        .map(|mask| {
            (0..8)
                .map(|at| if mask >> at & 1 == 1 { format!(":p{at}") } else { format!("s{mask}") })
                .collect::<Vec<_>>()
                .join("/")
        })
        .collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    publish(&opened, "half", "1", &paths[..64]).await.unwrap();
    publish(&opened, "other half", "1", &paths[64..PATH_MASKS_MAX]).await.unwrap();
    let refused = publish(&opened, "one more", "1", &paths[PATH_MASKS_MAX..]).await.unwrap_err();
    assert!(matches!(&refused, Error::Invalid(why) if why.contains("128")), "{refused}");
    publish(&opened, "of the same kind", "1", &["x/y/z/0/1/2/3/4"]).await.unwrap();
    let masks = opened.store.path_masks(FIRST_WORKSPACE).await.unwrap();
    assert_eq!(masks.len(), PATH_MASKS_MAX);
    assert!(masks.is_sorted() && masks.iter().all(|mask| mask.segments() == 8));
    // A kind that nobody has any more makes room.
    publish(&opened, "half", "2", &paths[..63]).await.unwrap();
    publish(&opened, "one more", "1", &paths[PATH_MASKS_MAX..]).await.unwrap();
}

async fn each_version_tells_what_it_changed(opened: Opened) {
    let store = &opened.store;
    let before = store.catalog_version().await.unwrap();
    let first = publish(&opened, "one", "1", &["a"]).await.unwrap();
    publish(&opened, "one", "2", &["a"]).await.unwrap();
    let secret = NewSecret { name: "key", version: 1, key_id: "id", sealed: b"sealed".to_vec().into(), expires_at: None };
    store.put_secret(FIRST_WORKSPACE, secret, opened.now()).await.unwrap();
    let second = publish(&opened, "two", "1", &[]).await.unwrap();
    let changes = store.catalog_changes(before).await.unwrap();
    let workflows = vec![(first.workflow, before + 1), (first.workflow, before + 2), (second.workflow, before + 4)];
    assert_eq!(changes, Changes { version: before + 4, workflows, places: Some(before + 1), complete: true });
    let later = store.catalog_changes(before + 4).await.unwrap();
    assert_eq!(later, Changes { version: before + 4, complete: true, ..Changes::default() });
    publish(&opened, "one", "3", &[]).await.unwrap();
    assert_eq!(store.catalog_changes(before + 4).await.unwrap().places, Some(before + 5), "a hook that goes is a place too");
}

async fn a_log_that_was_cut_says_so(opened: Opened) {
    let store = &opened.store;
    publish(&opened, "one", "1", &["a"]).await.unwrap();
    let seen = store.catalog_version().await.unwrap();
    let mut batch = Batch::new();
    batch.execute("UPDATE catalog SET version = version + $1", args![CHANGES_KEPT], Expect::Exactly(1));
    store.db().write(batch).await.unwrap();
    publish(&opened, "one", "2", &["a"]).await.unwrap();
    let changes = store.catalog_changes(seen).await.unwrap();
    assert!(!changes.complete);
    assert_eq!(store.catalog_changes(seen - 1).await.unwrap().workflows.len(), 1, "old lines are gone");
}

async fn an_old_token_is_kept_until_a_date_or_ended(opened: Opened) {
    let store = &opened.store;
    let hooks = vec![WantedHook { label: "a".into(), path: None, alias: Some("/webhooks/{token}".into()) }];
    let (name, document, author) = ("one".to_owned(), "1".to_owned(), "somebody".to_owned());
    let publication = Publication { workspace: FIRST_WORKSPACE, name, document, author, hooks, draft: None };
    let first = store.publish(&publication, opened.now()).await.unwrap().hooks.remove(0);
    let until = opened.now().plus(hookmill_engine::time::Span(1_000));
    let before = store.catalog_version().await.unwrap();
    let second = store.rotate_hook(first.id, Some(until), opened.now()).await.unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!(second.alias, Some(format!("/webhooks/{}", second.token)));
    assert_eq!(store.hook(first.id).await.unwrap().as_ref(), Some(&second));
    assert_eq!(store.catalog_changes(before).await.unwrap().places, Some(before + 1));
    assert!(store.hook_by_token(&first.token).await.unwrap().is_none());
    let (answering, old) = store.hook_by_old_token(&first.token).await.unwrap().unwrap();
    assert_eq!((&answering.hook, old.ends_at, old.rotated_at), (&second, until, opened.now()));
    // Publishing the same again changes nothing, though the token is another.
    assert!(!store.publish(&publication, opened.now()).await.unwrap().changed);

    opened.pass(10);
    let third = store.rotate_hook(first.id, None, opened.now()).await.unwrap();
    let old = store.old_tokens(first.id).await.unwrap();
    assert_eq!(old.iter().map(|old| old.token.as_str()).collect::<Vec<_>>(), [&second.token, &first.token]);
    assert_eq!(old[0].ends_at, opened.now(), "without a date it ends at once");
    assert_eq!(store.end_old_tokens(first.id, None, opened.now()).await.unwrap(), 1, "the other ended before");
    assert_eq!(store.hook_by_old_token(&first.token).await.unwrap().unwrap().1.ends_at, opened.now());

    // Ended ones are forgotten, the oldest first; working ones are limited.
    let far = opened.now().plus(hookmill_engine::time::Span(1_000_000));
    for _ in 0..OLD_TOKENS_MAX {
        opened.pass(1);
        store.rotate_hook(first.id, Some(far), opened.now()).await.unwrap();
    }
    assert!(matches!(store.rotate_hook(first.id, Some(far), opened.now()).await, Err(Error::Invalid(_))));
    assert!(store.hook_by_old_token(&first.token).await.unwrap().is_none());
    assert_eq!(store.old_tokens(first.id).await.unwrap().len(), OLD_TOKENS_MAX);
    assert_eq!(store.end_old_tokens(first.id, Some(&third.token), opened.now()).await.unwrap(), 1);
    store.rotate_hook(first.id, Some(far), opened.now()).await.unwrap();
    assert!(matches!(store.rotate_hook(hookmill_engine::id::HookId(1), None, opened.now()).await, Err(Error::NotFound)));
}
