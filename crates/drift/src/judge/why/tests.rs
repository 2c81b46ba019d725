use proptest::prelude::*;

use super::*;

fn share_sum(parts: &[Part]) -> f64 {
    parts.iter().map(|p| p.share).sum()
}

#[test]
fn the_parts_of_the_known_example() {
    let factors = [
        Factor { part: "cost per lead".to_string(), ratio: 1.4, ends: None, sign: 1.0 },
        Factor { part: "mql>sql".to_string(), ratio: 0.745, ends: None, sign: -1.0 },
        Factor { part: "lead>mql".to_string(), ratio: 1.0, ends: None, sign: -1.0 },
    ];
    let parts = product_parts("cac", &factors);
    let said: Vec<(&str, String)> =
        parts.iter().map(|p| (p.part.as_str(), format!("{:.2}", p.share))).collect();
    assert_eq!(said, [("cost per lead", "0.53".to_string()), ("mql>sql", "0.47".to_string())]);
}

#[test]
fn a_channel_that_converts_worse_and_one_that_grows_are_told_apart() {
    let group = |value: &str, before, since| Group { value: value.to_string(), before, since };
    // Both at 40% before; paid_social falls to 20% and grows from half to two thirds of the entries.
    let groups = [
        group("search", (400.0, 1000.0), (400.0, 1000.0)),
        group("paid_social", (400.0, 1000.0), (400.0, 2000.0)),
    ];
    let parts = mix_and_rate("mql>sql", "channel", &groups);
    let first = &parts[0];
    assert_eq!(first.part, "paid_social");
    assert!(matches!(first.kind, PartKind::Rate { before: 0.4, since: 0.2, .. }), "{first:?}");
    let points: f64 = parts
        .iter()
        .map(|p| match p.kind {
            PartKind::Rate { effect_points, .. } | PartKind::Mix { effect_points, .. } => effect_points,
            PartKind::Transition { .. } => 0.0,
        })
        .sum();
    assert!((points - 100.0 * (800.0 / 3000.0 - 0.4)).abs() < 1e-9, "{points}");
}

#[test]
fn nothing_is_named_where_nothing_is_sure() {
    let group = |value: &str, since| Group { value: value.to_string(), before: (40.0, 100.0), since };
    assert!(
        mix_and_rate("a>b", "channel", &[group("x", (38.0, 100.0)), group("y", (41.0, 100.0))]).is_empty()
    );
    assert!(mix_and_rate("a>b", "channel", &[group("x", (10.0, 100.0))]).is_empty());
    assert!(mix_and_rate("a>b", "channel", &[]).is_empty());
}

proptest! {
    #[test]
    fn shares_of_a_product_add_up_to_one(logs in prop::collection::vec((-2.0f64..2.0, any::<bool>()), 1..12)) {
        let factors: Vec<Factor> = logs
            .iter()
            .map(|&(log, up)| Factor {
                part: String::new(),
                ratio: libm::exp(log),
                ends: None,
                sign: if up { 1.0 } else { -1.0 },
            })
            .collect();
        let gap: f64 = factors.iter().map(Factor::log).sum();
        let parts = product_parts("cac", &factors);
        if gap.abs() > 1e-3 {
            prop_assert!((share_sum(&parts) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn mix_and_rate_add_up_to_the_gap(
        groups in prop::collection::vec((0u32..4000, 0.0f64..1.0, 0u32..4000, 0.0f64..1.0), 0..10)
    ) {
        let groups: Vec<Group> = groups
            .iter()
            .enumerate()
            .map(|(i, &(n0, p0, n1, p1))| Group {
                value: format!("g{i}"),
                before: ((f64::from(n0) * p0).floor(), f64::from(n0)),
                since: ((f64::from(n1) * p1).floor(), f64::from(n1)),
            })
            .collect();
        let sum = |side: fn(&Group) -> (f64, f64)| {
            groups.iter().map(side).fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1))
        };
        let (before, since) = (sum(|g| g.before), sum(|g| g.since));
        let parts = mix_and_rate("a>b", "d", &groups);
        if !parts.is_empty() {
            let gap = since.0 / since.1 - before.0 / before.1;
            let points: f64 = parts.iter().map(|p| match p.kind {
                PartKind::Rate { effect_points, .. } | PartKind::Mix { effect_points, .. } => effect_points,
                PartKind::Transition { .. } => 0.0,
            }).sum();
            prop_assert!((points - 100.0 * gap).abs() < 1e-9, "{points} against {}", 100.0 * gap);
            prop_assert!(parts.iter().all(|p| p.share.is_finite()));
        }
    }
}
