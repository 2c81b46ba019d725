//! What really happens: the yardstick for an alarm.

use std::collections::BTreeMap;

use plumbline_units::{Day, Timestamp};

use crate::effect::{Effect, Effects, SILENT_DAYS, trap};
use crate::{STAGES, ScenarioKind, Spec};

/// What `plumbline backtest --truth` judges a run by. For real data a person writes one by hand:
///
/// ```json
/// {
///   "onset": "2026-03-04",
///   "scopes": [{ "segment": "smb" }],
///   "expected": [{ "name": "lead-to-won", "direction": "below", "cause": "mql>sql" }]
/// }
/// ```
///
/// Everything may be left out; an empty one says that nothing happened and every page is false.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Yardstick {
    /// First day of the change: it concerns leads created, and money spent, from this day on.
    pub onset: Option<Day>,
    /// Where it happens, as values of the plan's dimensions; empty = everywhere.
    pub scopes: Vec<BTreeMap<String, String>>,
    /// Targets and patterns of the plan that should speak there. Any other alert of a business target is a
    /// false one.
    pub expected: Vec<Expected>,
}

/// What a scenario does, written beside the events by `plumbline generate`. Rates and money are means, to nine
/// decimals.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Truth {
    /// The story.
    pub scenario: ScenarioKind,
    /// Its seed.
    pub seed: u64,
    /// First day of leads.
    pub start: Day,
    /// Number of days.
    pub days: u32,
    /// Zone that cuts the days.
    pub timezone: String,
    /// Mean leads per day before the onset, over all segments.
    pub leads_per_day: f64,
    /// What a run is judged by.
    #[serde(flatten)]
    pub yardstick: Yardstick,
    /// The channel that causes it, where one does.
    pub channel: Option<String>,
    /// Factor on the leads in the segments hit, when fully there.
    pub volume_factor: f64,
    /// Factor on the spend in the segments hit, when fully there.
    pub spend_factor: f64,
    /// Factor on all lags.
    pub lag_factor: f64,
    /// End-to-end conversion before and after, and of each transition.
    pub conversion: TransitionTruth,
    /// The transitions, first to last.
    pub transitions: Vec<TransitionTruth>,
    /// Planned spend per won customer.
    pub cac_before: f64,
    /// The same in the segments hit from the onset on.
    pub cac_after: f64,
    /// A source that is not heard.
    pub silence: Option<Silence>,
    /// The data episodes that should open, by the end of their keys.
    #[serde(default)]
    pub expected_data: Vec<String>,
}

/// A rate before and after the onset.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TransitionTruth {
    /// The stage left.
    pub from: String,
    /// The stage reached.
    pub to: String,
    /// Share that converts before the onset.
    pub before: f64,
    /// Share of those created from the onset on, in the segments hit.
    pub after: f64,
    /// `after / before`.
    pub factor: f64,
    /// Part of the loss of end-to-end conversion, in logarithms; 0 where nothing is lost.
    pub log_share: f64,
}

/// When a source says nothing.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Silence {
    /// Which source.
    pub source: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when; then it delivers what it held back.
    pub until: Timestamp,
}

/// An alert that would be right.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Expected {
    /// Name of the target or pattern.
    pub name: String,
    /// `below` or `above`; absent for a pattern, and where either is right.
    #[serde(default)]
    pub direction: Option<String>,
    /// What should be named first: `mql>sql`, `cost per lead`; absent where there are no parts.
    #[serde(default)]
    pub cause: Option<String>,
}

/// What happens in `spec`.
pub fn truth(spec: &Spec) -> Truth {
    let onset = spec.onset_day();
    let whole = match spec.kind {
        ScenarioKind::LeadQualityTrap => trap(),
        ScenarioKind::Ramp => Effect { volume: 1.5, spend: 1.5, ..Effect::NONE },
        ScenarioKind::SlowCycle => Effect { lags: crate::effect::SLOW_LAGS, ..Effect::NONE },
        _ => Effect::NONE,
    };
    let lost: f64 = whole.rates.iter().map(|r| libm::log(*r)).sum();
    let rate = |from: &str, to: &str, before: f64, factor: f64| TransitionTruth {
        from: from.to_owned(),
        to: to.to_owned(),
        before: rounded(before),
        after: rounded(before * factor),
        factor: rounded(factor),
        log_share: if factor == 1.0 { 0.0 } else { rounded(libm::log(factor) / lost) },
    };
    let kept: f64 = whole.rates.iter().product();
    Truth {
        scenario: spec.kind,
        seed: spec.seed,
        start: spec.start,
        days: spec.days,
        timezone: spec.zone.name().to_owned(),
        leads_per_day: spec.leads_per_day,
        yardstick: Yardstick { onset, scopes: scopes_hit(spec), expected: expected(spec.kind, &whole) },
        channel: Effects::new(spec).culprit().map(|at| spec.channels[at].name.clone()),
        volume_factor: whole.volume,
        spend_factor: whole.spend,
        lag_factor: whole.lags,
        conversion: rate(STAGES[0], STAGES[4], spec.conversion(), kept),
        transitions: (0..4).map(|j| rate(STAGES[j], STAGES[j + 1], spec.rates[j], whole.rates[j])).collect(),
        cac_before: rounded(spec.cac()),
        cac_after: rounded(spec.cac() * whole.spend / whole.volume / kept),
        silence: onset.filter(|_| spec.kind.silences()).map(|onset| Silence {
            source: match spec.kind {
                ScenarioKind::StoppedType => crate::spec::CRM.to_owned(),
                _ => spec.silent_source.clone(),
            },
            from: spec.zone.start_of(onset),
            until: spec.zone.start_of(onset.plus(SILENT_DAYS)),
        }),
        expected_data: expected_data(spec).into_iter().collect(),
    }
}

fn expected_data(spec: &Spec) -> Option<String> {
    let crm = crate::spec::CRM;
    match spec.kind {
        ScenarioKind::SilentSource => Some(format!("silent-source/{}", spec.silent_source)),
        ScenarioKind::StoppedType => Some(format!("stopped-type/{crm}/lead.stage_reached")),
        ScenarioKind::ImportBurst => Some(format!("import-burst/{crm}")),
        ScenarioKind::RenamedValue => Some(format!("vanished-value/segment={}", spec.segments.first()?.name)),
        _ => None,
    }
}

/// Nine decimals: what lies beyond is the arithmetic's own.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn scopes_hit(spec: &Spec) -> Vec<BTreeMap<String, String>> {
    if !spec.kind.has_onset() {
        return Vec::new();
    }
    let hit = |name: &String| spec.onset_segment.as_ref().is_none_or(|only| only == name);
    let scope = |name| BTreeMap::from([("segment".to_owned(), name)]);
    spec.segments.iter().map(|s| s.name.clone()).filter(hit).map(scope).collect()
}

/// The largest parts of the changes: of the conversion, and of the cost per won customer.
fn causes(whole: &Effect) -> (Option<String>, Option<String>) {
    let (at, least) =
        (0..4).map(|j| (j, whole.rates[j])).fold((0, 1.0), |a, b| if b.1 < a.1 { b } else { a });
    let transition = (least < 1.0).then(|| format!("{}>{}", STAGES[at], STAGES[at + 1]));
    let per_lead = whole.spend / whole.volume;
    let dearer = per_lead * least > 1.0;
    (transition.clone(), if dearer { Some("cost per lead".to_owned()) } else { transition })
}

fn expected(kind: ScenarioKind, whole: &Effect) -> Vec<Expected> {
    let (transition, part_of_cac) = causes(whole);
    let alert = |name: &str, direction: Option<&str>| Expected {
        name: name.to_owned(),
        direction: direction.map(str::to_owned),
        cause: match name {
            "lead-to-won" | "lead-quality-trap" => transition.clone(),
            "cac" => part_of_cac.clone(),
            _ => None,
        },
    };
    match kind {
        ScenarioKind::LeadQualityTrap => vec![
            alert("lead-to-won", Some("below")),
            alert("cac", Some("above")),
            alert("spend", Some("above")),
            alert("lead-quality-trap", None),
        ],
        ScenarioKind::Ramp => vec![alert("lead-volume", Some("above")), alert("spend", Some("above"))],
        _ => Vec::new(),
    }
}
