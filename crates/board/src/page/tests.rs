use super::*;
use crate::history::History;
use crate::view::{PlanView, PlannedView, Span, TargetView, TransitionView, WorkspaceView};
use crate::words;

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
    WorkspaceView {
        workspace: "default".to_owned(),
        plan: PlanView {
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
        },
        closed: Some("2026-03-22".parse().unwrap()),
        watermark: Some("2026-03-22T22:00:00Z".parse().unwrap()),
        scopes: (0..targets.div_ceil(6)).map(|at| format!("segment=s{at:04}")).collect(),
        targets: (0..targets).map(|at| target(at, verdicts[at % 5])).collect(),
        funnels: Vec::new(),
        data: Vec::new(),
        streams: Vec::new(),
        ignored_stages: Vec::new(),
    }
}

fn render(view: &WorkspaceView, query: &Query) -> String {
    board(view, false, &History::default(), query).into_string()
}

#[test]
fn what_comes_from_outside_cannot_become_markup() {
    let mut view = view(6);
    view.targets[0].reason = Some("<script>alert(1)</script>".to_owned());
    view.targets[1].target = "\"><img src=x>".to_owned();
    let page = render(&view, &Query { q: Some("\"><i>".to_owned()), ..Query::default() });
    let all = render(&view, &Query::default()) + &page;
    for markup in ["<script>alert", "<img", "<i>", "saas <b>"] {
        assert!(!all.contains(markup), "{markup}");
    }
    assert_eq!(segment("a b&c=<é>/%"), "a%20b%26c%3D%3C%C3%A9%3E%2F%25");
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
    let alert: plumbline_engine::alert::Alert =
        serde_json::from_str(include_str!("../../../../deploy/examples/alert.json")).unwrap();
    let charts = waterfall::charts(&alert);
    assert_eq!(charts.len(), 2);
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
