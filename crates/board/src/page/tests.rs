use super::*;
use crate::history::{Episodes, History, Told};
use crate::view::{
    DataView, FunnelView, Passing, PlanView, PlannedView, Span, StepView, StreamView, TargetView,
    TransitionView, WorkspaceView, worst_scope,
};
use crate::words;
use plumbline_engine::alert::{Alert, Coincident};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EXAMPLE: &str = include_str!("../../../../deploy/examples/alert.json");

fn target(at: usize, verdict: &'static str) -> TargetView {
    TargetView {
        target: format!("target-{}", at % 6),
        metric: "conversion",
        scope: format!("segment=s{:04}", at / 6),
        verdict,
        severity: (verdict == "drifting").then_some("critical"),
        direction: None,
        reason: Some("fewer convert, in the planned time".to_owned()),
        unit: Some("share"),
        plan: Some(PlannedView { value: 0.04, lower: Some(0.036), upper: None }),
        projected: Some(Span { value: 0.03, low: 0.025, high: 0.035 + at as f64 * 1e-6 }),
        observed: None,
        e_value: Some(12.0),
        threshold: 365.0,
        day: "2026-03-22".parse().unwrap(),
        owners: vec!["marketing/demand-gen".to_owned(), "sales/sdr".to_owned()],
        trend: (0..120)
            .map(|day| plumbline_engine::TrendPoint {
                day: "2026-01-01".parse::<plumbline_units::Day>().unwrap().plus(day),
                value: Some([0.04 - day as f32 * 1e-4, 0.02, 0.05]),
                log_e: Some(1.0),
            })
            .collect(),
    }
}

fn view(targets: usize) -> WorkspaceView {
    let verdicts = ["on_plan", "watch", "drifting", "not_enough_evidence", "data_unhealthy"];
    let plan = PlanView {
        name: "saas <b>".to_owned(),
        revision: 3,
        effective_from: "2026-01-01".parse().unwrap(),
        live_from: "2026-03-01T00:00:00Z".parse().unwrap(),
        currency: "EUR".to_owned(),
        timezone: "Europe/Berlin".to_owned(),
        false_alarms_per_year: 1.0,
        stages: vec!["lead".to_owned(), "won".to_owned()],
        transitions: vec![TransitionView {
            from: "lead".to_owned(),
            to: "won".to_owned(),
            owners: vec!["marketing/demand-gen".to_owned()],
            action: None,
        }],
    };
    let scopes: Vec<String> = (0..targets.div_ceil(6)).map(|at| format!("segment=s{at:04}")).collect();
    let targets: Vec<TargetView> = (0..targets).map(|at| target(at, verdicts[at % 5])).collect();
    WorkspaceView {
        workspace: "default".into(),
        plan: plan.into(),
        closed: Some("2026-03-22".parse().unwrap()),
        worst_scope: worst_scope(&scopes, &targets).into(),
        scopes: scopes.into(),
        targets: targets.into(),
        funnels: [].into(),
        data: [].into(),
        passing: Passing { watermark: Some("2026-03-22T22:00:00Z".parse().unwrap()), ..Passing::default() },
    }
}

/// The topic read to its end, with these alerts on it.
fn told(alerts: impl IntoIterator<Item = Alert>) -> Episodes {
    let mut history = History::default();
    for alert in alerts {
        assert!(history.take(&serde_json::to_vec(&alert).unwrap()).is_some());
    }
    history.told_all(true);
    history.of("default")
}

fn render(view: &WorkspaceView, query: &Query) -> String {
    board(view, false, &told([]), query).into_string()
}

const HOSTILE: &str = "\"'><script>alert(1)</script>";

/// Puts markup into every text of a JSON document that may be any text.
fn poison(document: &mut Value, path: &str) -> usize {
    let texts = |value: &Value| value.pointer(path).is_some_and(Value::is_string);
    if texts(document) {
        let mut changed = document.clone();
        *changed.pointer_mut(path).unwrap() = json!(HOSTILE);
        let taken = serde_json::from_value::<Alert>(changed.clone()).is_ok();
        if taken {
            *document = changed;
        }
        return usize::from(taken);
    }
    let below: Vec<String> = match document.pointer(path) {
        Some(Value::Array(items)) => (0..items.len()).map(|n| n.to_string()).collect(),
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    };
    below
        .iter()
        .map(|key| poison(document, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))))
        .sum()
}

fn hostile_alert() -> Alert {
    let mut alert: Value = serde_json::from_str(EXAMPLE).unwrap();
    for (field, value) in [
        ("inhibited_by", json!("x")),
        ("supersedes", json!(["x"])),
        ("revision", json!({ "field": "x", "from": "x", "to": "x", "cause": "x" })),
        (
            "acknowledgements",
            json!([{ "function": "x", "at": "2026-03-23T00:00:00Z", "note": "x", "until": null }]),
        ),
        ("coincident", json!([{ "what": "x", "relative": 0.1, "day": "2026-03-04" }])),
        (
            "handoff",
            json!({
                "of": "x", "older_than": "x", "says": "x", "sentence": "x",
                "now": { "entered": 1, "advanced": 0.1, "rejected": 0.1, "untouched": 0.8 },
                "before": { "entered": 1, "advanced": 0.1, "rejected": 0.1, "untouched": 0.8 },
                "reasons": [{ "reason": "x", "now": 0.1, "before": 0.1 }],
            }),
        ),
    ] {
        alert[field] = value;
    }
    assert!(serde_json::from_value::<Alert>(alert.clone()).is_ok());
    assert!(poison(&mut alert, "") > 60);
    // What the pages look at to know where it belongs.
    for (field, value) in [("workspace", "default"), ("kind", "business")] {
        alert[field] = json!(value);
    }
    serde_json::from_value(alert).unwrap()
}

fn hostile_view() -> WorkspaceView {
    let text = || HOSTILE.to_owned();
    let mut view = view(6);
    let targets = view.targets.iter().cloned().map(|target| TargetView {
        target: text(),
        scope: text(),
        reason: Some(text()),
        owners: vec![format!("{HOSTILE}/{HOSTILE}"), text()],
        ..target
    });
    view.targets = targets.collect();
    view.workspace = HOSTILE.into();
    view.plan = PlanView {
        name: text(),
        currency: text(),
        timezone: text(),
        stages: vec![text(); 2],
        transitions: vec![TransitionView {
            from: text(),
            to: text(),
            owners: vec![text(); 2],
            action: Some(text()),
        }],
        ..PlanView::clone(&view.plan)
    }
    .into();
    (view.scopes, view.worst_scope) = ([text(), "other".to_owned()].into(), HOSTILE.into());
    let step = StepView {
        from: text(),
        to: text(),
        verdict: "drifting",
        plan: 0.1,
        rate: None,
        entered: 1,
        converted: 1,
        expected: 1.0,
        drift: None,
    };
    view.funnels = [FunnelView { scope: text(), steps: vec![step] }].into();
    view.data = [DataView {
        episode: text(),
        kind: "silent-source",
        title: text(),
        summary: text(),
        action: text(),
        since: "2026-03-22T22:00:00Z".parse().unwrap(),
        critical: true,
    }]
    .into();
    let at = "2026-03-22T22:00:00Z".parse().unwrap();
    view.passing.streams =
        vec![StreamView { topic: text(), source: text(), last_received: at, watermark: at }];
    view.passing.ignored_stages = vec![(text(), 3)];
    view
}

#[test]
fn what_comes_from_outside_cannot_become_markup_on_any_page() {
    let (alert, view) = (hostile_alert(), hostile_view());
    let notice = Alert { state: "notice".to_owned(), ..alert.clone() };
    let over = Alert { resolution: Some(HOSTILE.to_owned()), alert_id: "over".to_owned(), ..alert.clone() };
    let episodes = told([alert, over]);
    assert!(!episodes.all[0].ended() && episodes.all[1].ended());
    let query = Query { scope: Some(HOSTILE.to_owned()), sort: Some(HOSTILE.to_owned()), ..Query::default() };
    let searched = Query { q: Some(HOSTILE.to_owned()), verdict: Some(HOSTILE.to_owned()), ..query.clone() };
    let view = std::sync::Arc::new(view);
    for (name, page, at_least) in [
        ("board", board(&view, true, &episodes, &query), 40),
        ("board, searched", board(&view, false, &episodes, &searched), 5),
        ("workspaces", workspaces(&[(std::sync::Arc::clone(&view), true)]), 2),
        ("episodes", super::episodes(HOSTILE, &episodes), 5),
        ("episode", episode(&episodes.all[0], Some(&view)), 20),
        ("episode that is over", episode(&episodes.all[1], None), 20),
        ("data", data(&view, &told([notice])), 9),
        ("missing", missing(HOSTILE), 1),
    ] {
        let page = page.into_string();
        // The page's own script has a source; nothing else opens a tag or leaves an attribute.
        assert_eq!(page.matches("<script").count(), 1, "{name}");
        assert!(!page.contains("\"'"), "{name}: an attribute can be left");
        let escaped = page.matches("&lt;script&gt;alert(1)").count();
        assert!(escaped >= at_least, "{name}: {escaped} texts");
    }
    assert_eq!(segment("a b&c=<é>/%"), "a%20b%26c%3D%3C%C3%A9%3E%2F%25");
}

#[test]
fn a_notice_is_on_the_data_page_and_is_not_open() {
    let notice: Alert = serde_json::from_str(EXAMPLE).unwrap();
    let title = "a plan revision was refused: no such stage".to_owned();
    let mend = Some("mend the plan and apply it again".to_owned());
    let notice = Alert { state: "notice".to_owned(), kind: "data".to_owned(), title, action: mend, ..notice };
    let episodes = told([notice]);
    let page = data(&view(2), &episodes).into_string();
    for said in ["no such stage", "mend the plan and apply it again", "/e/"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!data(&view(2), &told([])).into_string().contains("Notices"));
    let list = super::episodes("default", &episodes).into_string();
    assert!(list.contains("Over (1)") && !list.contains("Open"), "{list}");
}

#[test]
fn a_card_says_since_when_by_what_is_known_now_and_a_page_names_stages_as_titles_do() {
    let first: Alert = serde_json::from_str(EXAMPLE).unwrap();
    let mut last = Alert { sequence: first.sequence + 1, ..first.clone() };
    last.onset.as_mut().unwrap().estimate = "2026-02-27".parse().unwrap();
    let step = |what: &str, relative, day: &str| Coincident {
        what: what.to_owned(),
        relative,
        day: day.parse().unwrap(),
    };
    last.coincident = vec![
        step("spend", 0.68, "2026-03-02"),
        step("cost per lead", 0.46, "2026-03-02"),
        step("lead volume", 0.15, "2026-03-04"),
    ];
    last.so_far.as_mut().unwrap().entered = 1_339;
    let episodes = told([first, last]);
    let list = super::episodes("default", &episodes).into_string();
    assert!(list.contains("since about <span class=\"day\">2026-02-27</span>"), "{list}");
    let mut told = Told::clone(&episodes.all[0]);
    let word = |at: &str| json!({ "function": "sales", "at": at });
    let words = ["2026-03-23T09:00:00Z", "2026-03-24T10:30:00Z"].map(word);
    told.last.acknowledgements = serde_json::from_value(json!(words)).unwrap();
    for (state, shown) in [("open", false), ("acknowledged", true)] {
        told.last.state = state.to_owned();
        let card = super::episode::card(&told).into_string();
        assert_eq!(card.contains("known since <span class=\"day\">2026-03-24 10:30 UTC"), shown, "{card}");
    }
    told.last.acknowledgements.clear();
    // Two teams of one function, apart in the list.
    told.last.owners.push(told.last.owners[0].clone());
    let page = episode(&told, None).into_string();
    assert!(page.contains("not yet acknowledged by marketing, sales<"), "{page}");
    assert!(page.contains("1,339 MQL since 2026-03-04"), "{page}");
    let steps = "2026-03-02: spend +68%, cost per lead +46% · 2026-03-04: lead volume +15%";
    assert!(page.contains(steps), "steps of one day share its date: {page}");
}

#[test]
fn that_nothing_is_open_is_said_only_where_that_is_known() {
    let calm = WorkspaceView { targets: view(2).targets, ..view(2) };
    let drifting = view(6);
    let resolved: Alert = serde_json::from_str(EXAMPLE).unwrap();
    let resolved = Alert { resolution: Some("recovered".to_owned()), ..resolved };
    let unread = Episodes { complete: false, ..told([]) };
    for (view, episodes, clear) in [
        (&calm, told([]), true),
        (&calm, told([resolved]), true),
        (&calm, unread.clone(), false),
        (&drifting, told([]), false),
        (&drifting, unread.clone(), false),
    ] {
        let page = board(view, false, &episodes, &Query::default()).into_string();
        assert_eq!(page.contains("No drift is open."), clear, "{page}");
    }
    assert!(!super::episodes("default", &unread).into_string().contains("None has been told."));
}

#[test]
fn ten_times_the_scopes_take_no_more_than_some_ten_times_the_work() {
    let example: Alert = serde_json::from_str(EXAMPLE).unwrap();
    let takes = |scopes: usize| -> Duration {
        let view = view(scopes * 6);
        let open = |at: usize| {
            let (scope, mut alert) = (format!("s{at:04}"), example.clone());
            alert.alert_id = format!("{at}");
            alert.episode = format!("saas-emea-2026/lead-quality-trap/segment={scope}");
            alert.scope = [("segment".to_owned(), scope)].into();
            alert
        };
        let episodes = told((0..scopes).map(open));
        let query = Query {
            q: Some("s0".to_owned()),
            sort: Some("gap".to_owned()),
            page: Some(2),
            ..Query::default()
        };
        let once = |_| {
            let begun = Instant::now();
            let page = board(&view, false, &episodes, &query).into_string();
            let worst = worst_scope(&view.scopes, &view.targets);
            let took = begun.elapsed();
            assert!(page.len() < 1_000_000 && worst == *view.worst_scope);
            took
        };
        (0..5).map(once).min().unwrap()
    };
    let (few, many) = (takes(200), takes(2_000));
    println!("200 scopes: {few:?}, 2,000 scopes: {many:?}");
    assert!(many < few * 30, "200 scopes: {few:?}, 2,000 scopes: {many:?}");
}

#[test]
fn targets_are_filtered_and_sorted_the_worst_first() {
    let view = view(30);
    let names = |query: Query| -> Vec<&'static str> { query.pick(&view).iter().map(|t| t.verdict).collect() };
    let all = names(Query::default());
    assert_eq!((all[0], all[29], all.len()), ("drifting", "on_plan", 30));
    let drifting = Query { verdict: Some("drifting".to_owned()), ..Query::default() };
    assert!(names(drifting.clone()).iter().all(|verdict| *verdict == "drifting"));
    let here = Query { q: Some("S0002".to_owned()), ..drifting };
    let found: Vec<_> = here.pick(&view).iter().map(|t| (t.scope.as_str(), t.verdict)).collect();
    assert_eq!(found, [("segment=s0002", "drifting"); 2]);
    let by_name = Query { sort: Some("target".to_owned()), ..Query::default() };
    assert_eq!(by_name.pick(&view)[0].target, "target-0");
}

#[test]
fn two_thousand_scopes_make_pages_of_less_than_a_megabyte_with_every_row_on_one_of_them() {
    let view = view(12_000);
    let mut rows = 0;
    for page in 1..=24 {
        let html = render(&view, &Query { page: Some(page), ..Query::default() });
        assert!(html.len() < 1_000_000, "{}", html.len());
        rows += html.matches("<th scope=\"row\">target-").count();
    }
    assert_eq!(rows, 12_000);
}

#[test]
fn a_page_beyond_the_last_shows_the_last() {
    let html = render(&view(30), &Query { page: Some(9_000), ..Query::default() });
    assert_eq!(html.matches("<th scope=\"row\">").count(), 30);
}

#[test]
fn every_verdict_has_its_word_and_its_sign() {
    let words = ["on_plan", "watch", "drifting", "not_enough_evidence", "data_unhealthy", "no_plan"];
    let signs: std::collections::BTreeSet<_> = words.iter().map(|word| words::sign(word)).collect();
    let names: std::collections::BTreeSet<_> = words.iter().map(|word| words::verdict(word)).collect();
    assert_eq!((signs.len(), names.len()), (6, 6));
}

#[test]
fn the_bars_of_a_waterfall_start_where_the_one_before_ends_and_reach_the_whole() {
    let alert: Alert = serde_json::from_str(EXAMPLE).unwrap();
    let charts = waterfall::charts(&alert);
    assert_eq!(charts.len(), 2);
    let text = plumbline_engine::alert::render_text(&alert);
    let heading = &charts[0].1.last().unwrap().says;
    assert!(text.contains(&format!("CAC {heading} = ")), "{heading} is the text's: {text}");
    for (caption, bars) in charts {
        let parts: Vec<_> = bars.iter().filter(|bar| !bar.whole).collect();
        for pair in parts.windows(2) {
            assert_eq!(pair[0].to, pair[1].from, "{caption}");
        }
        let whole = bars.last().unwrap();
        assert!((parts.last().unwrap().to - whole.to).abs() < 1e-9, "{caption}");
        assert!(whole.to.abs() > 0.1, "{caption}");
    }
}
