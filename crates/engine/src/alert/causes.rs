//! What an alert says of causes: parts, coincidences, the hand-off, and why reports look fine.

use plumbline_drift::judge::{
    Coincidence, Handoff as Split, HandoffShares, HandoffVerdict, Interval as Numbers, Part, PartKind, shown,
};
use plumbline_plan::Plan;

use super::build::rounded;
use super::{Coincident, Handoff, HandoffReason, HandoffSide, InReports, Why};

pub(crate) fn in_reports(reports: plumbline_drift::judge::InReports) -> InReports {
    let old = format!("{:.0}%", reports.won_from_before_onset * 100.0);
    let says = if reports.won as f64 >= 0.9 * reports.won_plan {
        format!("reports still show wins on plan: {old} of them come from leads created before the onset")
    } else {
        format!("{old} of the period's wins come from leads created before the onset")
    };
    InReports {
        period: format!("{}/{}", reports.first, reports.last),
        won: i64::try_from(reports.won).unwrap_or(i64::MAX),
        won_plan: rounded(reports.won_plan),
        won_from_before_onset: rounded(reports.won_from_before_onset),
        says,
    }
}

pub(crate) fn why(part: &Part) -> Why {
    let mut why = Why {
        of: part.of.clone(),
        kind: String::new(),
        dimension: None,
        part: part.part.clone(),
        factor: None,
        effect_points: None,
        share: rounded(part.share),
        low: None,
        high: None,
        before: None,
        since: None,
    };
    let mut split = |kind: &str, dimension: &str, effect: Numbers, before: f64, since: f64| {
        why.kind = kind.into();
        why.dimension = Some(dimension.into());
        why.effect_points = Some(rounded(effect.value));
        (why.low, why.high) = (Some(rounded(effect.low)), Some(rounded(effect.high)));
        (why.before, why.since) = (Some(rounded(before)), Some(rounded(since)));
    };
    match &part.kind {
        PartKind::Transition { factor, low, high } => {
            why.kind = "transition".into();
            why.factor = Some(rounded(*factor));
            why.low = low.map(rounded);
            why.high = high.map(rounded);
        }
        PartKind::Rate { dimension, effect_points, before, since } => {
            split("rate", dimension, *effect_points, *before, *since);
        }
        PartKind::Mix { dimension, effect_points, before, since } => {
            split("mix", dimension, *effect_points, *before, *since);
        }
    }
    why
}

pub(crate) fn coincident(found: &Coincidence) -> Coincident {
    Coincident { what: found.what.clone(), relative: rounded(found.relative), day: found.day }
}

pub(crate) fn handoff(plan: &Plan, split: &Split) -> Handoff {
    let (from, to) = split.transition;
    let of = format!("{}>{}", plan.stage_name(from), plan.stage_name(to));
    let side = |shares: HandoffShares| HandoffSide {
        entered: i64::try_from(shares.entered).unwrap_or(i64::MAX),
        advanced: rounded(shares.advanced),
        rejected: rounded(shares.rejected),
        untouched: rounded(shares.untouched),
    };
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    let moved = |before: f64, now: f64| format!("{} against {}", percent(now), percent(before));
    let sentence = match split.says {
        Some(HandoffVerdict::Quality) => {
            format!("more are rejected ({}): quality", moved(split.before.rejected, split.now.rejected))
        }
        Some(HandoffVerdict::FollowUp) => {
            format!("more lie untouched ({}): follow-up", moved(split.before.untouched, split.now.untouched))
        }
        None => format!("what became of {} does not say whose it is", shown(plan.stage_name(from).as_str())),
    };
    Handoff {
        of,
        older_than: format!("{}d", split.older_than_days),
        now: side(split.now),
        before: side(split.before),
        reasons: split
            .reasons
            .iter()
            .map(|r| HandoffReason {
                reason: r.reason.clone(),
                now: rounded(r.now),
                before: rounded(r.before),
            })
            .collect(),
        says: split.says.map(|says| match says {
            HandoffVerdict::Quality => "quality".into(),
            HandoffVerdict::FollowUp => "follow-up".into(),
        }),
        sentence,
    }
}
