//! Lists: the same before the indexer, after it and at its border, page by page in both directions.

use hookmill_engine::id::{DeliveryId, HookId, RunId, WorkflowId};
use hookmill_engine::time::Timestamp;
use hookmill_store::deliveries::{DeliveryFilter, Outcome};
use hookmill_store::ids::id_time;
use hookmill_store::page::Page;
use hookmill_store::runs::{RunFilter, State};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::both::{Opened, commit, on_both};

on_both!(
    lists_agree_with_a_plain_model_whatever_the_indexer_did,
    two_indexers_do_not_disturb_each_other,
    a_long_backlog_is_listed_page_by_page,
    a_text_is_found_in_path_headers_and_the_beginning_of_the_body,
    a_page_of_a_text_search_looks_at_a_bounded_number_of_deliveries,
);

#[derive(Clone)]
struct Made {
    delivery: i64,
    hook: i64,
    outcome: Outcome,
    status: u16,
    run: Option<(i64, i64, State)>,
}

async fn make(opened: &Opened, random: &mut StdRng, epochs: &hookmill_store::buckets::Owned) -> Made {
    let mut delivery = opened.delivery(random.random_range(1..=4));
    delivery.outcome = Outcome::ALL[random.random_range(0..Outcome::ALL.len())];
    delivery.status = [202, 401, 503][random.random_range(0..3)];
    let mut made =
        Made { delivery: delivery.id.0, hook: delivery.hook.0, outcome: delivery.outcome, status: delivery.status, run: None };
    if delivery.outcome != Outcome::Accepted {
        opened.store.accept(delivery, Vec::new()).await.unwrap();
        return made;
    }
    let mut run = opened.run(Some(delivery.id), random.random_range(1..=3));
    run.epoch = epochs.epoch(run.bucket).unwrap();
    let state = State::ALL[random.random_range(0..State::ALL.len())];
    made.run = Some((run.id.0, run.workflow.0, state));
    let (id, epoch) = (run.id, run.epoch);
    opened.store.accept(delivery, vec![run]).await.unwrap();
    opened.store.commit_run(commit(id, epoch, state, opened.now())).await.unwrap();
    made
}

async fn lists_agree_with_a_plain_model_whatever_the_indexer_did(opened: Opened) {
    let store = &opened.store;
    let mut random = StdRng::seed_from_u64(20_260_314);
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut model = Vec::new();
    for _ in 0..12 {
        for _ in 0..random.random_range(1..25) {
            model.push(make(&opened, &mut random, &owned).await);
            opened.pass(random.random_range(0..400));
        }
        // Up to the border, beyond everything, or not at all.
        if random.random_range(0..3) > 0 {
            opened.pass(random.random_range(0..12_000));
            while store.index_lists(opened.now()).await.unwrap().more {}
        }
        let since = Timestamp(crate::both::START.0 + random.random_range(0..20_000));
        let until = Timestamp(since.0 + random.random_range(1..60_000));
        for time in [(None, None), (Some(since), None), (None, Some(until)), (Some(since), Some(until))] {
            check_deliveries(&opened, &model, time, &mut random).await;
            check_runs(&opened, &model, time, &mut random).await;
        }
    }
    // Long after the last one, everything is derived.
    opened.pass(60_000);
    while store.index_lists(opened.now()).await.unwrap().more {}
    check_deliveries(&opened, &model, (None, None), &mut random).await;
    check_runs(&opened, &model, (None, None), &mut random).await;
    assert_eq!(store.index_lists(opened.now()).await.unwrap().rows, 0);
}

type Time = (Option<Timestamp>, Option<Timestamp>);

fn within(id: i64, (since, until): Time) -> bool {
    since.is_none_or(|since| id_time(id) >= since) && until.is_none_or(|until| id_time(id) < until)
}

async fn check_deliveries(opened: &Opened, model: &[Made], time: Time, random: &mut StdRng) {
    let filter = DeliveryFilter {
        hook: random.random_bool(0.5).then(|| HookId(random.random_range(1..=5))),
        outcome: random.random_bool(0.4).then(|| Outcome::ALL[random.random_range(0..Outcome::ALL.len())]),
        status: random.random_bool(0.2).then_some(401),
        since: time.0,
        until: time.1,
        ..DeliveryFilter::default()
    };
    let wanted = model.iter().rev().filter(|made| {
        filter.hook.is_none_or(|hook| hook.0 == made.hook)
            && filter.outcome.is_none_or(|outcome| outcome == made.outcome)
            && filter.status.is_none_or(|status| status == made.status)
            && within(made.delivery, time)
    });
    let wanted: Vec<i64> = wanted.map(|made| made.delivery).collect();
    let limit = random.random_range(1..20);
    walk(&wanted, limit, async |before, after| {
        let filter = DeliveryFilter { before: before.map(DeliveryId), after: after.map(DeliveryId), ..filter.clone() };
        let page = opened.store.deliveries(&filter, limit).await.unwrap();
        Page { items: page.items.iter().map(|item| item.id.0).collect(), older: page.older, newer: page.newer }
    })
    .await;
}

async fn check_runs(opened: &Opened, model: &[Made], time: Time, random: &mut StdRng) {
    let delivery = random.random_bool(0.1).then(|| model[random.random_range(0..model.len())].delivery);
    let filter = RunFilter {
        workflow: random.random_bool(0.6).then(|| WorkflowId(random.random_range(1..=4))),
        state: random.random_bool(0.4).then(|| State::ALL[random.random_range(0..State::ALL.len())]),
        delivery: delivery.map(DeliveryId),
        since: time.0,
        until: time.1,
        ..RunFilter::default()
    };
    let runs = model.iter().rev().filter(|made| delivery.is_none_or(|delivery| delivery == made.delivery));
    let wanted = runs.filter_map(|made| made.run).filter(|(id, workflow, state)| {
        filter.workflow.is_none_or(|one| one.0 == *workflow) && filter.state.is_none_or(|one| one == *state) && within(*id, time)
    });
    let wanted: Vec<i64> = wanted.map(|(id, _, _)| id).collect();
    let limit = random.random_range(1..20);
    walk(&wanted, limit, async |before, after| {
        let filter = RunFilter { before: before.map(RunId), after: after.map(RunId), ..filter.clone() };
        let page = opened.store.runs(&filter, limit).await.unwrap();
        Page { items: page.items.iter().map(|item| item.id.0).collect(), older: page.older, newer: page.newer }
    })
    .await;
}

/// Walks to the end and back, and compares with the whole list.
async fn walk(wanted: &[i64], limit: usize, page: impl AsyncFn(Option<i64>, Option<i64>) -> Page<i64>) {
    let mut seen: Vec<i64> = Vec::new();
    let mut current = page(None, None).await;
    assert_eq!(current.newer, None);
    loop {
        assert!(current.items.len() <= limit);
        seen.extend(&current.items);
        let Some(older) = current.older else { break };
        current = page(Some(older), None).await;
    }
    assert_eq!(seen, wanted, "downwards");

    let mut back = current.items.clone();
    while let Some(newer) = current.newer {
        current = page(None, Some(newer)).await;
        back.splice(0..0, current.items.iter().copied());
    }
    assert_eq!(back, wanted, "upwards");
}

async fn two_indexers_do_not_disturb_each_other(opened: Opened) {
    let other = opened.another().await;
    for _ in 0..300 {
        let delivery = opened.delivery(1);
        let run = opened.run(Some(delivery.id), 1);
        opened.store.accept(delivery, vec![run]).await.unwrap();
    }
    let now = opened.pass(60_000);
    let (first, second) = tokio::join!(opened.store.index_lists(now), other.index_lists(now));
    let rows = first.unwrap().rows + second.unwrap().rows + opened.store.index_lists(now).await.unwrap().rows;
    assert_eq!(rows, 600, "each row is copied once");
    let filter = RunFilter { workflow: Some(WorkflowId(1)), ..RunFilter::default() };
    assert_eq!(opened.store.runs(&filter, 500).await.unwrap().items.len(), 300);
    other.close().await;
}

async fn a_long_backlog_is_listed_page_by_page(opened: Opened) {
    let store = &opened.store;
    let owned = store.claim_buckets(1024, opened.now()).await.unwrap();
    let mut made = Vec::new();
    for n in 0..31 {
        let delivery = opened.delivery(1);
        let mut runs: Vec<_> = (0..1_000).map(|_| opened.run(Some(delivery.id), 1)).collect();
        runs[n].epoch = owned.epoch(runs[n].bucket).unwrap();
        let (id, epoch) = (runs[n].id, runs[n].epoch);
        made.extend(runs.iter().map(|run| run.id.0));
        store.accept(delivery, runs).await.unwrap();
        if n % 10 == 0 {
            store.commit_run(commit(id, epoch, State::Running, opened.now())).await.unwrap();
        }
    }
    let running: Vec<i64> = [30, 20, 10, 0].map(|n| made[n * 1_000 + n]).into();
    walk(&running, 50, async |before, after| {
        let filter =
            RunFilter { state: Some(State::Running), before: before.map(RunId), after: after.map(RunId), ..RunFilter::default() };
        let page = store.runs(&filter, 50).await.unwrap();
        Page { items: page.items.iter().map(|item| item.id.0).collect(), older: page.older, newer: page.newer }
    })
    .await;
    let ready = RunFilter { state: Some(State::Ready), ..RunFilter::default() };
    let page = store.runs(&ready, 50).await.unwrap();
    let newest: Vec<i64> = made.iter().rev().filter(|id| !running.contains(id)).take(50).copied().collect();
    assert_eq!(page.items.iter().map(|item| item.id.0).collect::<Vec<_>>(), newest);
}

async fn a_text_is_found_in_path_headers_and_the_beginning_of_the_body(opened: Opened) {
    let store = &opened.store;
    let mut ids = Vec::new();
    for n in 0..4 {
        let mut delivery = opened.delivery(n % 2 + 1);
        match n {
            0 => delivery.path_and_query = "/hooks/main/orders?from=Zebra".into(),
            1 => delivery.headers = [("x-animal", "zebra")].into_iter().collect(),
            // Compressed, and beyond what is looked at.
            2 => delivery.body = format!("{{\"animal\": \"zeBRA\", \"x\": \"{}\"}}", "a".repeat(50_000)).into(),
            _ => delivery.body = format!("{{\"x\": \"{}\", \"animal\": \"zebra\"}}", "a".repeat(20_000)).into(),
        }
        delivery.outcome = Outcome::Refused;
        delivery.reason = Some(if n == 0 { "unauthorized" } else { "bad_body" }.into());
        ids.push(delivery.id);
        store.accept(delivery, Vec::new()).await.unwrap();
    }
    let found = async |set: &dyn Fn(&mut DeliveryFilter)| {
        let mut filter = DeliveryFilter { text: Some("ZEBRA".into()), ..DeliveryFilter::default() };
        set(&mut filter);
        let page = store.deliveries(&filter, 10).await.unwrap();
        assert_eq!(page.older, None);
        page.items.iter().map(|item| item.id).collect::<Vec<_>>()
    };
    for indexed in [false, true] {
        if indexed {
            opened.pass(60_000);
            while store.index_lists(opened.now()).await.unwrap().more {}
        }
        assert_eq!(found(&|_| {}).await, [ids[2], ids[1], ids[0]]);
        assert_eq!(found(&|filter| filter.hook = Some(HookId(1))).await, [ids[2], ids[0]]);
        assert_eq!(found(&|filter| filter.outcome = Some(Outcome::Refused)).await, [ids[2], ids[1], ids[0]]);
        assert_eq!(found(&|filter| filter.reason = Some("unauthorized".into())).await, [ids[0]]);
        assert_eq!(found(&|filter| filter.id = Some(ids[1])).await, [ids[1]]);
        assert_eq!(found(&|filter| filter.text = Some("x-animal: zebra".into())).await, [ids[1]]);
        assert_eq!(found(&|filter| filter.workflow = Some(WorkflowId(99))).await, []);
    }
    let empty = DeliveryFilter { text: Some(String::new()), ..DeliveryFilter::default() };
    assert!(matches!(store.deliveries(&empty, 10).await, Err(hookmill_store::Error::Invalid(_))));
}

async fn a_page_of_a_text_search_looks_at_a_bounded_number_of_deliveries(opened: Opened) {
    let store = &opened.store;
    let mut first = opened.delivery(1);
    first.body = "needle".into();
    let needle = first.id;
    store.accept(first, Vec::new()).await.unwrap();
    let hay: Vec<_> = (0..2_500).map(|_| store.accept(opened.delivery(1), Vec::new())).collect();
    for stored in futures_util::future::join_all(hay).await {
        stored.unwrap();
    }
    let mut filter = DeliveryFilter { text: Some("needle".into()), ..DeliveryFilter::default() };
    let page = store.deliveries(&filter, 10).await.unwrap();
    assert!(page.items.is_empty());
    filter.before = Some(DeliveryId(page.older.expect("there is more")));
    let page = store.deliveries(&filter, 10).await.unwrap();
    assert_eq!(page.items.iter().map(|item| item.id).collect::<Vec<_>>(), [needle]);
    assert_eq!(page.older, None);
}
