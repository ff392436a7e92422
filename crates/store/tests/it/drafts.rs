//! Drafts: saved whatever they say, tried as revisions, done with when they are published.

use hookmill_engine::time::Span;
use hookmill_store::hooks::WantedHook;
use hookmill_store::retention::Policy;
use hookmill_store::runs::{NewRun, State};
use hookmill_store::workflows::{Draft, Dropped, HOOKS_KEPT_MAX, NewDraft, Publication, Published, SavedDraft};
use hookmill_store::workspaces::FIRST_WORKSPACE;
use hookmill_store::{Error, Store};

use crate::both::{Opened, commit, on_both};

on_both!(
    a_draft_makes_a_workflow_that_was_never_published,
    a_dropped_draft_takes_a_workflow_with_it_that_was_never_published,
    dropping_and_publishing_at_the_same_time_leave_all_of_it_or_nothing,
    a_tried_draft_is_a_revision_that_is_not_published,
    a_draft_that_says_what_is_published_is_tried_as_that,
    saving_the_same_again_changes_nothing,
    publishing_ends_the_draft_that_says_the_same_and_no_other,
    hooks_of_drafts_are_proposed_until_they_are_published,
    saving_trying_and_publishing_at_the_same_time_fit_together,
    hostile_drafts_are_refused,
    a_workflow_keeps_a_limited_number_of_hooks,
);

fn new_draft(document: &str, labels: &[&str]) -> NewDraft {
    NewDraft {
        workspace: FIRST_WORKSPACE,
        name: "flow".into(),
        document: document.into(),
        author: "writer".into(),
        labels: labels.iter().map(|label| (*label).into()).collect(),
    }
}

async fn save(opened: &Opened, document: &str, labels: &[&str]) -> SavedDraft {
    opened.store.save_draft(&new_draft(document, labels), opened.now()).await.unwrap()
}

fn publication(document: &str, labels: &[&str], draft: Option<i64>) -> Publication {
    let hook = |label: &&str| WantedHook { label: (*label).into(), path: Some(format!("at/{label}")), alias: None };
    Publication {
        workspace: FIRST_WORKSPACE,
        name: "flow".into(),
        document: document.into(),
        author: "publisher".into(),
        hooks: labels.iter().map(hook).collect(),
        draft,
    }
}

async fn publish(opened: &Opened, document: &str, labels: &[&str], draft: Option<i64>) -> Published {
    opened.store.publish(&publication(document, labels, draft), opened.now()).await.unwrap()
}

async fn stored(store: &Store, saved: &SavedDraft) -> Draft {
    store.draft(saved.workflow).await.unwrap().unwrap()
}

async fn a_draft_makes_a_workflow_that_was_never_published(mut opened: Opened) {
    let saved = save(&opened, "not { a document", &[]).await;
    assert_eq!((saved.hooks.len(), saved.unhooked), (0, None));
    opened.reopen().await;
    let workflow = opened.store.workflow(saved.workflow).await.unwrap().unwrap();
    assert_eq!((workflow.name.as_str(), workflow.revision, workflow.last_revision), ("flow", None, 0));
    assert_eq!(workflow.drafted_at, Some(opened.now()));
    let draft = opened.store.draft(saved.workflow).await.unwrap().unwrap();
    assert_eq!((draft.document.as_str(), draft.author.as_str(), draft.tried), ("not { a document", "writer", None));
    assert!(opened.store.revisions(saved.workflow, None, 10).await.unwrap().is_empty());
    assert_eq!(publish(&opened, "one", &[], None).await.workflow, saved.workflow);
}

async fn a_dropped_draft_takes_a_workflow_with_it_that_was_never_published(opened: Opened) {
    let store = &opened.store;
    let saved = save(&opened, "one", &["a", "b"]).await;
    let (id, hook) = (saved.workflow, &saved.hooks[0]);
    let draft = stored(store, &saved).await;
    let number = store.try_draft(&draft, "one", opened.now()).await.unwrap().unwrap();
    let rotated = store.rotate_hook(hook.id, Some(opened.now().plus(Span(60_000))), opened.now()).await.unwrap();
    store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut open = NewRun { revision: number, draft: true, ..opened.run(None, id.0) };
    open.epoch = store.owned_buckets().await.unwrap().epoch(open.bucket).unwrap();
    store.create_run(open.clone(), Vec::new()).await.unwrap();
    let version = store.catalog_version().await.unwrap();
    assert_eq!(store.drop_draft(id).await.unwrap(), Dropped::Workflow);
    let changes = store.catalog_changes(version).await.unwrap();
    assert_eq!((changes.workflows, changes.places), (vec![(id, version + 1)], Some(version + 1)), "other nodes hear of it");
    assert_eq!((store.workflow(id).await.unwrap(), store.draft(id).await.unwrap()), (None, None));
    assert!(store.workflows(FIRST_WORKSPACE, "", 10).await.unwrap().is_empty());
    assert!(store.hooks(FIRST_WORKSPACE, None, None, 10).await.unwrap().is_empty());
    assert_eq!(store.hook_by_token(&rotated.token).await.unwrap(), None);
    assert_eq!(store.hook_by_old_token(&hook.token).await.unwrap(), None);
    assert_eq!(store.drop_draft(id).await.unwrap(), Dropped::Nothing);
    // Who was about to try it, to save it or to publish it finds nothing, or begins anew.
    assert_eq!(store.try_draft(&draft, "one", opened.now()).await.unwrap(), None);
    let again = save(&opened, "two", &["a"]).await;
    assert!(again.workflow != id && again.hooks[0].token != rotated.token);
    // What runs goes on with the draft that was tried.
    let pass = async || {
        let mut pass = store.plan_pruning(&Policy::default(), opened.now()).await.unwrap();
        let mut gone = Vec::new();
        loop {
            let pruned = store.prune(&mut pass).await.unwrap();
            gone.extend(pruned.drafts);
            if pruned.done {
                return gone;
            }
        }
    };
    assert_eq!(pass().await, []);
    assert_eq!(store.document(id, number).await.unwrap().as_deref(), Some("one"));
    store.commit_run(commit(open.id, open.epoch, State::Succeeded, opened.now())).await.unwrap();
    assert_eq!(pass().await, [(id, number)], "all of them go, however few");
    assert_eq!(store.document(id, number).await.unwrap(), None);

    // What was published once stays, and so do its URLs.
    let published = publish(&opened, "three", &["a"], None).await;
    save(&opened, "four", &["a", "c"]).await;
    assert_eq!(store.drop_draft(again.workflow).await.unwrap(), Dropped::Draft);
    assert_eq!(published.workflow, again.workflow);
    let workflow = store.workflow(again.workflow).await.unwrap().unwrap();
    assert_eq!((workflow.revision, workflow.drafted_at), (Some(published.revision), None));
    assert!(store.hook_by_token(&again.hooks[0].token).await.unwrap().unwrap().hook.active);
}

async fn dropping_and_publishing_at_the_same_time_leave_all_of_it_or_nothing(opened: Opened) {
    let other = opened.another().await;
    for n in 0..12 {
        let name = format!("flow {n}");
        let draft = NewDraft { name: name.clone(), ..new_draft("one", &["a"]) };
        let saved = opened.store.save_draft(&draft, opened.now()).await.unwrap();
        let publication = Publication { name: name.clone(), ..publication("one", &["a"], None) };
        let (mut publication, now) = (publication, opened.now());
        publication.hooks[0].path = None;
        let (published, dropped) = match n % 2 {
            0 => tokio::join!(opened.store.publish(&publication, now), other.drop_draft(saved.workflow)),
            _ => tokio::join!(other.publish(&publication, now), opened.store.drop_draft(saved.workflow)),
        };
        let (published, dropped) = (published.unwrap(), dropped.unwrap());
        let workflow = opened.store.workflow_by_name(FIRST_WORKSPACE, &name).await.unwrap().unwrap();
        assert_eq!((workflow.id, workflow.revision), (published.workflow, Some(1)));
        assert_eq!(dropped == Dropped::Workflow, published.workflow != saved.workflow, "{dropped:?}");
        let hooks = opened.store.hooks_of(workflow.id).await.unwrap();
        assert_eq!((hooks.len(), hooks[0].id, hooks[0].active), (1, published.hooks[0].id, true));
        assert_eq!(opened.store.document(workflow.id, 1).await.unwrap().as_deref(), Some("one"));
        if dropped == Dropped::Workflow {
            assert!(opened.store.hooks_of(saved.workflow).await.unwrap().is_empty());
        }
    }
    other.close().await;
}

async fn a_tried_draft_is_a_revision_that_is_not_published(opened: Opened) {
    let store = &opened.store;
    let first = publish(&opened, "one", &[], None).await;
    let saved = save(&opened, "two # mine", &[]).await;
    assert_eq!(saved.workflow, first.workflow);
    let draft = stored(store, &saved).await;
    assert_eq!(store.try_draft(&draft, "two", opened.now()).await.unwrap(), Some(2));
    assert_eq!(store.try_draft(&draft, "two", opened.now()).await.unwrap(), Some(2), "once");
    assert_eq!(store.document(saved.workflow, 2).await.unwrap().as_deref(), Some("two"));
    assert_eq!(store.draft(saved.workflow).await.unwrap().unwrap().tried, Some(2));
    let workflow = store.workflow(saved.workflow).await.unwrap().unwrap();
    assert_eq!((workflow.revision, workflow.last_revision), (Some(1), 2), "what is published stays so");

    // Another text is another revision; one that was replaced meanwhile is not tried any more.
    save(&opened, "three", &[]).await;
    assert_eq!(store.try_draft(&draft, "two", opened.now()).await.unwrap(), None);
    let draft = stored(store, &saved).await;
    assert_eq!((draft.tried, store.try_draft(&draft, "three", opened.now()).await.unwrap()), (None, Some(3)));
    assert_eq!(publish(&opened, "three", &[], None).await.revision, 4, "published revisions have numbers of their own");
    let revisions = store.revisions(saved.workflow, None, 10).await.unwrap();
    let told: Vec<_> = revisions.iter().map(|one| (one.revision, one.published, one.author.as_str())).collect();
    assert_eq!(told, [(4, true, "publisher"), (3, false, "writer"), (2, false, "writer"), (1, true, "publisher")]);
}

async fn a_draft_that_says_what_is_published_is_tried_as_that(opened: Opened) {
    let store = &opened.store;
    publish(&opened, "one", &[], None).await;
    let saved = save(&opened, "one # with a remark", &[]).await;
    let draft = stored(store, &saved).await;
    assert_eq!(store.try_draft(&draft, "one", opened.now()).await.unwrap(), Some(1));
    assert_eq!(store.workflow(saved.workflow).await.unwrap().unwrap().last_revision, 1);
    assert_eq!(publish(&opened, "two", &[], None).await.revision, 2);
    assert_eq!(store.draft(saved.workflow).await.unwrap().unwrap().tried, Some(1), "it still says what revision 1 says");
}

async fn saving_the_same_again_changes_nothing(opened: Opened) {
    let store = &opened.store;
    let saved = save(&opened, "one", &["a"]).await;
    let draft = stored(store, &saved).await;
    store.try_draft(&draft, "one", opened.now()).await.unwrap();
    let (before, draft) = (store.catalog_version().await.unwrap(), stored(store, &saved).await);
    opened.pass(5);
    assert_eq!(save(&opened, "one", &["a"]).await, saved);
    assert_eq!((store.catalog_version().await.unwrap(), stored(store, &saved).await), (before, draft));
    let more = save(&opened, "one", &["a", "b"]).await;
    assert_eq!((more.hooks.len(), stored(store, &saved).await.tried), (2, Some(1)));
    let changes = store.catalog_changes(before).await.unwrap();
    assert_eq!(
        (changes.version, changes.workflows, changes.places),
        (before + 1, vec![(saved.workflow, before + 1)], Some(before + 1))
    );
}

async fn publishing_ends_the_draft_that_says_the_same_and_no_other(opened: Opened) {
    let store = &opened.store;
    let saved = save(&opened, "one", &[]).await;
    let draft = stored(store, &saved).await;
    save(&opened, "two", &[]).await;
    let published = publish(&opened, "one", &[], Some(draft.version)).await;
    assert_eq!((published.revision, published.changed), (1, true));
    assert_eq!(stored(store, &saved).await.document, "two", "what was saved meanwhile stays");

    // The published text saved as a draft: there is nothing to publish, and the draft goes all the same.
    save(&opened, "one", &[]).await;
    let version = stored(store, &saved).await.version;
    let again = publish(&opened, "one", &[], Some(version)).await;
    assert_eq!((again.revision, again.changed), (1, false));
    assert_eq!(store.draft(saved.workflow).await.unwrap(), None);
}

async fn hooks_of_drafts_are_proposed_until_they_are_published(opened: Opened) {
    let store = &opened.store;
    let saved = save(&opened, "one", &["a", "b"]).await;
    assert!(saved.hooks.iter().all(|hook| hook.proposed && !hook.active && hook.path.is_none()));
    let answering = store.hook_by_token(&saved.hooks[0].token).await.unwrap().unwrap();
    assert_eq!((&answering.hook, answering.revision), (&saved.hooks[0], None));
    let published = publish(&opened, "one", &["a"], None).await;
    let hook = &published.hooks[0];
    assert_eq!((hook.id, &hook.token, hook.active, hook.proposed), (saved.hooks[0].id, &saved.hooks[0].token, true, false));
    assert_eq!(store.hook(hook.id).await.unwrap().as_ref(), Some(hook));
    assert!(store.hook(saved.hooks[1].id).await.unwrap().unwrap().proposed);
    publish(&opened, "two", &[], None).await;
    let gone = store.hook(hook.id).await.unwrap().unwrap();
    assert_eq!((gone.active, gone.proposed), (false, false), "its trigger was published once");
    assert_eq!(save(&opened, "three", &["a", "b"]).await.hooks.len(), 2, "no hook is made twice");
}

async fn saving_trying_and_publishing_at_the_same_time_fit_together(opened: Opened) {
    let other = opened.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..18 {
        let store = if n % 2 == 0 { opened.store.clone() } else { other.clone() };
        let (now, text) = (opened.now(), format!("document {}", n % 3));
        tasks.spawn(async move {
            let saved = store.save_draft(&new_draft(&text, &["a"]), now).await.unwrap();
            if n % 6 == 5 {
                store.publish(&publication(&text, &["a"], None), now).await.unwrap();
            }
            let Some(draft) = store.draft(saved.workflow).await.unwrap() else { return };
            if let Some(number) = store.try_draft(&draft, &draft.document, now).await.unwrap() {
                let revision = store.document(saved.workflow, number).await.unwrap();
                assert_eq!(revision, Some(draft.document), "it is tried as what it says");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let workflows = opened.store.workflows(FIRST_WORKSPACE, "", 10).await.unwrap();
    assert_eq!(workflows.len(), 1);
    let workflow = &workflows[0];
    assert_eq!(opened.store.hooks_of(workflow.id).await.unwrap().len(), 1);
    let revisions = opened.store.revisions(workflow.id, None, 100).await.unwrap();
    let numbers: Vec<_> = revisions.iter().rev().map(|revision| revision.revision).collect();
    assert_eq!(numbers, (1..=workflow.last_revision).collect::<Vec<_>>());
    let published = revisions.iter().find(|revision| revision.published).map(|revision| revision.revision);
    assert_eq!(workflow.revision, published, "the newest that was published");
    other.close().await;
}

async fn hostile_drafts_are_refused(opened: Opened) {
    let long = "x".repeat(hookmill_store::workflows::DOCUMENT_BYTES_MAX + 1);
    let named = |name: &str| NewDraft { name: name.into(), ..new_draft("one", &[]) };
    let bad = [
        new_draft(&long, &[]),
        new_draft("a\0b", &[]),
        new_draft("one", &["a", "a"]),
        new_draft("one", &[""]),
        named(""),
        named("a\0"),
        named(&"x".repeat(201)),
    ];
    for draft in bad {
        assert!(matches!(opened.store.save_draft(&draft, opened.now()).await, Err(Error::Invalid(_))), "{:.80?}", draft);
    }
    assert!(opened.store.workflows(FIRST_WORKSPACE, "", 10).await.unwrap().is_empty());
}

async fn a_workflow_keeps_a_limited_number_of_hooks(opened: Opened) {
    for from in (0..HOOKS_KEPT_MAX).step_by(100) {
        let labels: Vec<String> = (from..from + 100).map(|n| format!("label {n}")).collect();
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        assert_eq!(save(&opened, &format!("{from}"), &labels).await.unhooked, None);
    }
    let full = save(&opened, "one more", &["label 7", "another"]).await;
    assert_eq!(full.hooks.len(), HOOKS_KEPT_MAX);
    assert!(full.unhooked.unwrap().contains("500"), "the draft is saved without");
    let refused = opened.store.publish(&publication("one more", &["label 7", "another"], None), opened.now()).await;
    assert!(matches!(refused, Err(Error::Invalid(why)) if why.contains("500")));
    publish(&opened, "known labels", &["label 7", "label 8"], None).await;
}
