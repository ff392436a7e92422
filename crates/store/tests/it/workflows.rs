//! Publishing: revisions, hooks that keep their URLs, paths that are taken, two at the same time.

use hookmill_engine::id::WorkspaceId;
use hookmill_store::hooks::{Hook, Parameters, WantedHook};
use hookmill_store::watch::Changed;
use hookmill_store::workflows::{Publication, Published};
use hookmill_store::workspaces::{FIRST_SLUG, FIRST_WORKSPACE};
use hookmill_store::{Error, Result};

use crate::both::{Opened, on_both};

on_both!(
    an_unchanged_document_is_the_same_revision,
    hooks_keep_their_tokens_when_triggers_come_and_go,
    a_path_belongs_to_one_workflow,
    the_most_literal_path_wins,
    publishing_at_the_same_time_makes_one_workflow_and_one_line_of_revisions,
    hostile_names_are_refused,
    the_first_workspace_is_there,
    the_documentation_of_a_workspace_is_public_once_its_owner_says_so,
);

fn publication(name: &str, document: &str, hooks: &[(&str, Option<&str>)]) -> Publication {
    Publication {
        workspace: FIRST_WORKSPACE,
        name: name.into(),
        document: document.into(),
        author: "somebody".into(),
        hooks: hooks
            .iter()
            .map(|(label, path)| WantedHook { label: (*label).into(), path: path.map(Into::into), alias: None })
            .collect(),
        draft: None,
    }
}

async fn publish(opened: &Opened, name: &str, document: &str, hooks: &[(&str, Option<&str>)]) -> Result<Published> {
    opened.store.publish(&publication(name, document, hooks), opened.now()).await
}

async fn by_path(opened: &Opened, segments: &[&str]) -> Option<(Hook, Parameters)> {
    let masks = opened.store.path_masks(FIRST_WORKSPACE).await.unwrap();
    let found = opened.store.hook_by_path(FIRST_WORKSPACE, &masks, segments).await.unwrap();
    found.map(|(answering, parameters)| (answering.hook, parameters))
}

async fn an_unchanged_document_is_the_same_revision(opened: Opened) {
    let store = &opened.store;
    let mut news = store.watch().listen();
    let before = store.catalog_version().await.unwrap();
    let first = publish(&opened, "Order \u{1F600}", "one", &[("webhook", None)]).await.unwrap();
    assert_eq!((first.revision, first.changed), (1, true));
    assert_eq!(news.next().await, Some(Changed::Catalog { version: before + 1 }));
    let again = publish(&opened, "Order \u{1F600}", "one", &[("webhook", None)]).await.unwrap();
    assert_eq!(again, Published { changed: false, ..first.clone() });
    assert_eq!(store.catalog_version().await.unwrap(), before + 1);

    let second = publish(&opened, "Order \u{1F600}", "two", &[("webhook", None)]).await.unwrap();
    assert_eq!((second.workflow, second.revision, &second.hooks), (first.workflow, 2, &first.hooks));
    let third = publish(&opened, "Order \u{1F600}", "one", &[("webhook", None)]).await.unwrap();
    assert_eq!(third.revision, 3, "going back is a revision too");
    let workflow = store.workflow_by_name(FIRST_WORKSPACE, "Order \u{1F600}").await.unwrap().unwrap();
    assert_eq!((workflow.id, workflow.revision), (first.workflow, Some(3)));
    assert_eq!(store.document(first.workflow, 2).await.unwrap().as_deref(), Some("two"));
    assert_eq!(store.document(first.workflow, 4).await.unwrap(), None);
    let revisions = store.revisions(first.workflow, None, 2).await.unwrap();
    assert_eq!(revisions.iter().map(|revision| revision.revision).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(store.revisions(first.workflow, Some(2), 10).await.unwrap()[0].author, "somebody");
}

async fn hooks_keep_their_tokens_when_triggers_come_and_go(opened: Opened) {
    let store = &opened.store;
    let first = publish(&opened, "flow", "1", &[("a", Some("x")), ("b", Some("y"))]).await.unwrap();
    let tokens: Vec<_> = first.hooks.iter().map(|hook| hook.token.clone()).collect();
    assert_ne!(tokens[0], tokens[1]);
    // Two hooks swap their paths in one publication.
    let swapped = publish(&opened, "flow", "2", &[("a", Some("y")), ("b", Some("x"))]).await.unwrap();
    assert_eq!((swapped.hooks[0].path.as_deref(), &swapped.hooks[0].token), (Some("y"), &tokens[0]));
    assert_eq!(by_path(&opened, &["x"]).await.unwrap().0.token, tokens[1]);

    let without = publish(&opened, "flow", "3", &[("b", None)]).await.unwrap();
    assert_eq!(without.hooks.len(), 1);
    let off = store.hook_by_token(&tokens[0]).await.unwrap().unwrap();
    assert_eq!(off.revision, Some(without.revision));
    let off = off.hook;
    assert!(!off.active);
    assert!(by_path(&opened, &["y"]).await.is_none());
    assert_eq!(store.hooks_of(first.workflow).await.unwrap().len(), 2);

    let back = publish(&opened, "flow", "4", &[("a", None), ("b", None)]).await.unwrap();
    assert_eq!((&back.hooks[0].token, back.hooks[0].id, back.hooks[0].active), (&tokens[0], off.id, true));
    assert_eq!(store.hook(off.id).await.unwrap().unwrap(), back.hooks[0]);
    assert!(store.hook_by_token("unknown\0").await.unwrap().is_none());
}

async fn a_path_belongs_to_one_workflow(opened: Opened) {
    publish(&opened, "Order fulfilment", "1", &[("webhook", Some("/orders/:id"))]).await.unwrap();
    let before = opened.store.catalog_version().await.unwrap();
    let refused = publish(&opened, "Another", "1", &[("a", None), ("b", Some("orders/:number/"))]).await.unwrap_err();
    assert_eq!(refused, Error::PathTaken { path: "orders/:number".into(), workflow: "Order fulfilment".into() });
    assert_eq!(opened.store.workflow_by_name(FIRST_WORKSPACE, "Another").await.unwrap(), None, "nothing of it is there");
    assert_eq!(opened.store.catalog_version().await.unwrap(), before);

    // Once it is given up, others can have it; then the first cannot get it back.
    publish(&opened, "Order fulfilment", "2", &[("webhook", None)]).await.unwrap();
    publish(&opened, "Another", "1", &[("b", Some("orders/:number"))]).await.unwrap();
    let refused = publish(&opened, "Order fulfilment", "3", &[("webhook", Some("orders/:id"))]).await;
    assert!(matches!(refused, Err(Error::PathTaken { workflow, .. }) if workflow == "Another"));
}

async fn the_most_literal_path_wins(opened: Opened) {
    for (name, path) in [("one", "orders/:id"), ("two", "orders/new"), ("three", ":any/:thing")] {
        publish(&opened, name, "1", &[("webhook", Some(path))]).await.unwrap();
    }
    for (segments, wanted) in [(["orders", "new"], "orders/new"), (["orders", "7"], "orders/:id"), (["a", "b"], ":any/:thing")] {
        let (hook, _) = by_path(&opened, &segments).await.unwrap();
        assert_eq!(hook.path.as_deref(), Some(wanted));
    }
    let (_, parameters) = by_path(&opened, &["orders", "a b/ü"]).await.unwrap();
    assert_eq!(parameters, [("id".to_owned(), "a b/ü".to_owned())]);
    assert!(by_path(&opened, &["orders"]).await.is_none());
    assert!(opened.store.path_masks(WorkspaceId(2)).await.unwrap().is_empty());
}

async fn publishing_at_the_same_time_makes_one_workflow_and_one_line_of_revisions(opened: Opened) {
    let other = opened.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..12 {
        let store = if n % 2 == 0 { opened.store.clone() } else { other.clone() };
        // Three of each document.
        let publication = publication("flow", &format!("document {}", n % 4), &[("webhook", Some("p"))]);
        let now = opened.now();
        tasks.spawn(async move { store.publish(&publication, now).await.map(|published| (published, publication.document)) });
    }
    let mut token = None;
    while let Some(done) = tasks.join_next().await {
        let (published, document) = done.unwrap().unwrap();
        assert_eq!(opened.store.document(published.workflow, published.revision).await.unwrap(), Some(document));
        assert_eq!(token.get_or_insert(published.hooks[0].token.clone()), &published.hooks[0].token);
    }
    let workflows = opened.store.workflows(FIRST_WORKSPACE, "", 10).await.unwrap();
    assert_eq!(workflows.len(), 1);
    let revisions = opened.store.revisions(workflows[0].id, None, 100).await.unwrap();
    let numbers: Vec<_> = revisions.iter().rev().map(|revision| revision.revision).collect();
    assert_eq!(numbers, (1..=workflows[0].last_revision).collect::<Vec<_>>());
    other.close().await;
}

async fn hostile_names_are_refused(opened: Opened) {
    for (name, hooks) in [
        ("", &[][..]),
        ("a\0b", &[]),
        (&*"x".repeat(201), &[]),
        ("flow", &[("a", None), ("a", None)]),
        ("flow", &[("", None)]),
        ("flow", &[("a", Some("p/:x")), ("b", Some("p/:y"))]),
        ("flow", &[("a", Some("p//q"))]),
    ] {
        assert!(matches!(publish(&opened, name, "1", hooks).await, Err(Error::Invalid(_))), "{name:?} {hooks:?}");
    }
    assert!(opened.store.workflows(FIRST_WORKSPACE, "", 10).await.unwrap().is_empty());
    assert!(matches!(opened.store.workflows(FIRST_WORKSPACE, "", 0).await, Err(Error::Invalid(_))));
}

async fn the_first_workspace_is_there(mut opened: Opened) {
    opened.reopen().await;
    let workspaces = opened.store.workspaces().await.unwrap();
    assert_eq!(workspaces.len(), 1);
    assert_eq!(opened.store.workspace(FIRST_SLUG).await.unwrap().unwrap(), workspaces[0]);
    assert_eq!(workspaces[0].id, FIRST_WORKSPACE);
    assert!(opened.store.workspace("test").await.unwrap().is_none());
}

async fn the_documentation_of_a_workspace_is_public_once_its_owner_says_so(opened: Opened) {
    let is_public = async || opened.store.workspace_by_id(FIRST_WORKSPACE).await.unwrap().unwrap().public_docs;
    assert!(!is_public().await);
    for public in [true, true, false] {
        opened.store.set_public_docs(FIRST_WORKSPACE, public).await.unwrap();
        assert_eq!(is_public().await, public);
    }
    let nobody = WorkspaceId(77);
    assert!(matches!(opened.store.set_public_docs(nobody, true).await, Err(Error::NotFound)));
    assert!(opened.store.workspace_by_id(nobody).await.unwrap().is_none());
}
