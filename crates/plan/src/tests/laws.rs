//! Laws: no text makes the reader panic, findings lie inside the text, reading is a function of the text, the
//! quick lookups agree with plain ones.

use plumbline_units::{Day, Micros, Money, Name};
use proptest::prelude::*;

use super::{EXAMPLE, example, listed, parsed};
use crate::{Level, Plan, Scope, StageIndex, ValueClass};

/// Reads a text and checks what holds for every text.
fn read_any(text: &str) {
    let lines = text.split('\n').count() as u32;
    let found = match Plan::parse("any.toml", text) {
        Ok(parsed) => {
            // What is accepted can be shown and asked.
            let report = crate::check_report(&parsed.plan, &parsed.warnings);
            assert!(report.ends_with('\n'));
            assert!(parsed.plan.folds_like(&parsed.plan));
            for (from, to) in parsed.plan.watched_pairs() {
                assert!(from < to && to <= parsed.plan.last());
            }
            parsed.warnings
        }
        Err(found) => {
            assert!(found.iter().any(|d| d.severity == Level::Error), "{}", listed(&found));
            found
        }
    };
    for finding in &found {
        assert!((1..=lines).contains(&finding.line), "{finding}");
        assert!(finding.column >= 1 && !finding.message.is_empty() && !finding.mend.is_empty(), "{finding}");
        assert!(!finding.message.contains('\n'), "{finding}");
    }
    assert!(found.is_sorted_by_key(|d| (d.line, d.column)), "{}", listed(&found));
}

/// A value of TOML as text, right or wrong for wherever it lands.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("0.4".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("nan".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("0xFFFF_FFFF".to_owned()),
        Just("true".to_owned()),
        Just("2026-01-01".to_owned()),
        Just("2026-01-01T00:00:00Z".to_owned()),
        Just("07:00:00".to_owned()),
        Just("\"\"".to_owned()),
        Just("\"±25%\"".to_owned()),
        Just("\"-99.99999%\"".to_owned()),
        Just("\"9e9 EUR/day\"".to_owned()),
        Just("\"0.000001 EUR/week\"".to_owned()),
        Just("\"0.4/week\"".to_owned()),
        Just("\"1.d\"".to_owned()),
        Just("\"😀d\"".to_owned()),
        Just("\"cac above\"".to_owned()),
        Just("\"segment\"".to_owned()),
        Just("\"smb\"".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        "\"[a-z €%/.+-]{0,12}\"",
    ];
    leaf.prop_recursive(3, 24, 7, |inner| {
        let key = prop_oneof![
            Just("segment"),
            Just("smb"),
            Just("days"),
            Just("weekday"),
            Just("median"),
            Just("p90")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|v| format!("[{}]", v.join(", "))),
            prop::collection::btree_map(key, inner, 0..4).prop_map(|m| {
                let pairs: Vec<String> = m.iter().map(|(k, v)| format!("{k} = {v}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        read_any(&text);
    }

    #[test]
    fn no_lines_of_plan_words_make_the_reader_panic(
        lines in prop::collection::vec(prop_oneof![
            Just("[funnel]".to_owned()), Just("[[target]]".to_owned()), Just("[[transition]]".to_owned()),
            Just("[[transition.scope]]".to_owned()), Just("[dimension.segment]".to_owned()),
            Just("[[pattern]]".to_owned()), Just("[[rates]]".to_owned()),
            ("(name|metric|from|to|stage|values?|each|where|warn|critical|season|owners|lag|stages|plan)", any_value())
                .prop_map(|(key, value)| format!("{key} = {value}")),
        ], 0..30)
    ) {
        read_any(&lines.join("\n"));
    }

    #[test]
    fn no_edit_of_one_value_makes_the_reader_panic(at in any::<prop::sample::Index>(), value in any_value()) {
        let lines: Vec<&str> = EXAMPLE.lines().collect();
        let settable: Vec<usize> =
            lines.iter().enumerate().filter(|(_, l)| l.contains(" = ")).map(|(i, _)| i).collect();
        let at = settable[at.index(settable.len())];
        let key = lines[at].split(" = ").next().unwrap();
        let changed = format!("{key} = {value}");
        let text: Vec<&str> = lines.iter().enumerate().map(|(i, l)| if i == at { changed.as_str() } else { l }).collect();
        read_any(&text.join("\n"));
    }

    #[test]
    fn no_cut_or_damaged_byte_makes_the_reader_panic(
        start in any::<prop::sample::Index>(), length in 0usize..80, put in "[\\[\\]{}\"=,.a-z0-9\n-]{0,6}",
    ) {
        let chars: Vec<char> = EXAMPLE.chars().collect();
        let start = start.index(chars.len());
        let end = (start + length).min(chars.len());
        let text: String = chars[..start].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        read_any(&text);
    }

    #[test]
    fn the_lookup_of_values_agrees_with_a_plain_search(
        values in prop::collection::btree_set("[a-d]{1,3}", 0..12),
        aliases in prop::collection::btree_map("[a-e]{1,3}", any::<prop::sample::Index>(), 0..12),
        raws in prop::collection::vec(" ?[a-e]{0,3} ?", 1..20),
        rotate in 0usize..12,
    ) {
        let mut values: Vec<String> = values.into_iter().collect();
        let places = values.len().max(1);
        values.rotate_left(rotate % places);
        let aliases: Vec<(String, String)> = aliases.into_iter()
            .filter(|(alias, _)| !values.contains(alias) && !values.is_empty())
            .map(|(alias, i)| (alias, values[i.index(values.len())].clone())).collect();
        let list = |items: &[String]| format!("[{}]", items.iter().map(|v| format!("\"{v}\"")).collect::<Vec<_>>().join(", "));
        let table: Vec<String> = aliases.iter().map(|(a, v)| format!("\"{a}\" = \"{v}\"")).collect();
        let plan = parsed(&small_plan(&format!(
            "[dimension.segment]\nvalues = {}\naliases = {{ {} }}\n", list(&values), table.join(", "))));
        let segment = plan.dimension("segment").unwrap();
        for raw in &raws {
            let trimmed = raw.trim();
            let alias = aliases.iter().find(|(a, _)| a == trimmed).map(|(_, v)| v.as_str());
            let name = Some(trimmed).filter(|t| values.iter().any(|v| v == t)).or(alias);
            let name: Option<Name> = name.map(|n| n.parse().unwrap());
            let expected = match &name {
                Some(name) => ValueClass::Declared(name),
                None if values.is_empty() => ValueClass::Any(trimmed),
                None => ValueClass::Unplanned,
            };
            prop_assert_eq!(plan.canonical_value(segment, raw), expected);
        }
    }

    #[test]
    fn exchange_takes_the_newest_rate_on_or_before_the_day(
        rates in prop::collection::btree_map((0usize..3, 0i32..40), 1i64..5_000_000, 0..20),
        currency in 0usize..4, day in 0i32..45,
    ) {
        let codes = ["AUD", "USD", "ZAR", "EUR"];
        let date = |n: i32| Day::from_ymd(2026, 1, 1).unwrap().plus(n);
        let text: String = rates.iter().map(|((c, from), rate)| format!(
            "[[rates]]\ncurrency = \"{}\"\nfrom = {}\nrate = \"{}\"\n", codes[*c], date(*from), Micros(*rate))).collect();
        let plan = parsed(&small_plan(&text));
        let money = Money { micros: Micros(1_000_000), currency: codes[currency].parse().unwrap() };
        let expected = if currency == 3 { Some(Micros(1_000_000)) } else {
            rates.iter().filter(|((c, from), _)| *c == currency && *from <= day).map(|(_, r)| Micros(*r)).next_back()
        };
        prop_assert_eq!(plan.exchange(money, date(day)), expected);
    }
}

/// The shortest plan, with more appended.
fn small_plan(more: &str) -> String {
    format!(
        "plan = \"p\"\nrevision = 1\neffective_from = 2026-01-01\ntimezone = \"UTC\"\ncurrency = \"EUR\"\n\
         [funnel]\nstages = [\"lead\", \"won\"]\ndimensions = [\"segment\"]\n\
         [[transition]]\nfrom = \"lead\"\nto = \"won\"\nconversion = 0.1\nlag = {{ median = \"2d\", p90 = \"9d\" }}\n\
         owners = [{{ function = \"a\", team = \"t\" }}, {{ function = \"b\", team = \"t\" }}]\n{more}"
    )
}

#[test]
fn two_stages_and_no_targets_make_a_plan() {
    let plan = parsed(&small_plan(""));
    assert_eq!((plan.last(), plan.motion().opportunity), (StageIndex(1), None));
    assert_eq!(plan.watched_pairs(), [(StageIndex(0), StageIndex(1))]);
    assert!(plan.targets.is_empty() && plan.arithmetic().is_empty());
}

#[test]
fn reading_is_a_function_of_the_text_and_the_hash_of_the_text_alone() {
    let (a, b) = (example(), example());
    assert_eq!(a, b);
    let commented = parsed(&format!("{EXAMPLE}\n# a remark\n"));
    assert_ne!(a.content_hash, commented.content_hash);
    assert!(a.folds_like(&commented));
}

#[test]
fn plans_fold_alike_iff_nothing_the_cells_depend_on_differs() {
    let plan = example();
    for (from, to, alike) in [
        ("revision = 3", "revision = 4", true),
        ("warn = \"-10%\"", "warn = \"-12%\"", true),
        ("conversion = 0.50", "conversion = 0.51", true),
        ("30/day", "31/day", true),
        ("rate = \"0.92\"", "rate = \"0.93\"", false),
        ("Europe/Berlin", "Europe/Paris", false),
        ("\"SMB\" = \"smb\", ", "", false),
        ("within = \"7d\"", "within = \"6d\"", false),
        ("dimensions = [\"segment\", \"channel\"]", "dimensions = [\"segment\"]", false),
        ("from = \"opportunity\"\nto = \"won\"\nvalue", "from = \"sql\"\nto = \"won\"\nvalue", false),
        ("from = \"opportunity\"\nto = \"won\"\nvalue", "from = \"lead\"\nto = \"won\"\nvalue", true),
    ] {
        assert!(EXAMPLE.contains(from), "{from}");
        let other = parsed(&EXAMPLE.replacen(from, to, 1));
        assert_eq!(plan.folds_like(&other), alike, "{from} -> {to}");
        assert_eq!(other.folds_like(&plan), alike, "{from} -> {to}");
    }
}

#[test]
fn two_dimensions_cross_and_where_narrows() {
    let more = "[dimension.segment]\nvalues = [\"s=1\", \"s,2\"]\n[dimension.region]\nvalues = [\"eu\", \"us\"]\n\
         [[target]]\nname = \"cross\"\nmetric = \"volume\"\nstage = \"won\"\neach = [\"region\", \"segment\"]\n\
         value = \"1/day\"\nvalues = { us = { \"s=1\" = \"2/day\" } }\nwarn = \"-10%\"\n\
         [[target]]\nname = \"narrow\"\nmetric = \"volume\"\nstage = \"won\"\neach = [\"region\"]\n\
         where = { segment = \"s,2\" }\nvalues = { us = \"3/day\", eu = \"4/day\" }\nwarn = \"-10%\"\n";
    let text = small_plan(more).replace("[\"segment\"]\n[[tr", "[\"segment\", \"region\"]\n[[tr");
    let plan = parsed(&text);
    let shown = |name: &str| -> Vec<String> {
        let target = plan.target(plan.target_named(name).unwrap());
        let value = |v| crate::display::value(v, plan.currency);
        target.scopes.iter().map(|s| format!("{} {}", plan.scope_label(&s.scope), value(s.value))).collect()
    };
    assert_eq!(
        shown("cross"),
        [
            "segment=s\\=1,region=eu 1/day",
            "segment=s\\=1,region=us 2/day",
            "segment=s\\,2,region=eu 1/day",
            "segment=s\\,2,region=us 1/day",
        ]
    );
    assert_eq!(shown("narrow"), ["segment=s\\,2,region=eu 4/day", "segment=s\\,2,region=us 3/day"]);
    assert_eq!(plan.scope_label(&Scope::default()), "");
}

#[test]
fn the_parts_of_a_whole_may_not_exceed_it() {
    let target = |name: &str, rest: &str| {
        format!(
            "[[target]]\nname = \"{name}\"\nmetric = \"volume\"\nstage = \"won\"\nwarn = \"-10%\"\n{rest}\n"
        )
    };
    for (whole, contradictions) in [("10/day", 0), ("3/day", 0), ("2.9/day", 1)] {
        let more = format!(
            "[dimension.segment]\nvalues = [\"a\", \"b\"]\n{}{}",
            target("whole", &format!("value = \"{whole}\"")),
            target("parts", "each = [\"segment\"]\nvalues = { a = \"1/day\", b = \"2/day\" }"),
        );
        let plan = parsed(&small_plan(&more));
        let wrong = plan.arithmetic().iter().filter(|line| !line.agrees()).count();
        assert_eq!((plan.arithmetic().len(), wrong), (1, contradictions), "{whole}");
    }
}
