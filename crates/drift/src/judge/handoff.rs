//! Whether a hand-off drifts because what is handed over is worse, or because it is left lying.
//!
//! Journeys are looked at when the hand-off clock has run out for them: advanced, turned away or untouched by then.
//! All are seen at the same age, so those since the onset can be held against those before.

use std::collections::BTreeMap;

use plumbline_plan::{Lag, Metric, StageIndex};
use plumbline_units::{Day, Seconds};
use serde::{Deserialize, Serialize};

use super::assess::Case;
use super::facts::Quantity;

/// What became of the journeys handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// The stage left and the stage to be reached.
    pub transition: (StageIndex, StageIndex),
    /// Days after which a journey is looked at.
    pub older_than_days: u16,
    /// Of those that entered since the onset.
    pub now: HandoffShares,
    /// Of those that entered in the 90 days before.
    pub before: HandoffShares,
    /// Why journeys were turned away since, the commonest first.
    pub reasons: Vec<Rejection>,
    /// What it points to; `None` where neither share moved clearly.
    pub says: Option<HandoffVerdict>,
}

/// Shares of the journeys that entered; they add up to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HandoffShares {
    /// How many entered.
    pub entered: u64,
    /// Reached the next stage in time.
    pub advanced: f64,
    /// Were lost or disqualified in time.
    pub rejected: f64,
    /// Neither.
    pub untouched: f64,
}

/// A reason for turning journeys away, as shares of those that entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rejection {
    /// The source's words, shortened.
    pub reason: String,
    /// Since the onset.
    pub now: f64,
    /// Before it.
    pub before: f64,
}

/// What a hand-off's shares point to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffVerdict {
    /// More are turned away: what is handed over has changed.
    Quality,
    /// More lie untouched: the next ones do not take it up.
    FollowUp,
}

/// Days before the onset that "before" is measured on.
const BEFORE: i32 = 90;
/// Journeys needed on either side.
const MIN_ENTERED: i64 = 20;
/// Standard errors by which a share must have grown.
const CLEAR: f64 = 1.96;
/// Reasons shown.
const MAX_REASONS: usize = 3;
/// A reason given less often may be about one person; it is not shown.
const MIN_GIVEN: i64 = 10;
/// Characters of a reason shown.
const MAX_REASON: usize = 40;

/// The split of a transition since `onset`; `None` while too few are old enough.
pub(crate) fn split(case: &Case<'_>, pair: (StageIndex, StageIndex), onset: Day) -> Option<Handoff> {
    let tick = case.series.last_day;
    clocks(case, pair).into_iter().find_map(|clock| {
        let last = tick.plus(-i32::from(clock));
        let now = count(case, pair, clock, (onset, last))?;
        let before = count(case, pair, clock, (onset.plus(-BEFORE), onset.plus(-1)))?;
        let says = says(&now, &before);
        Some(Handoff {
            transition: pair,
            older_than_days: clock,
            now: now.shares(),
            before: before.shares(),
            reasons: reasons(&now, &before),
            says,
        })
    })
}

/// The clocks to try, in days: a hand-off target's, else the time by which nine of ten advance; then, while nobody
/// since the onset is that old, the time by which half do.
fn clocks(case: &Case<'_>, (from, to): (StageIndex, StageIndex)) -> Vec<u16> {
    let promised = case.plan.targets.iter().find_map(|target| match target.metric {
        Metric::Handoff { from: f, to: t, within } if (f, t) == (from, to) => Some(within),
        _ => None,
    });
    let lag = case.plan.motions.first().and_then(|motion| motion.transitions.get(usize::from(from.0)));
    let lag = lag.filter(|t| t.to == to).map(|t| {
        let own = t.scopes.iter().find(|(scope, _)| case.scope.implies(scope));
        &own.map_or(&t.base, |(_, rate)| rate).lag
    });
    let days = |seconds: Seconds| u16::try_from((seconds.0 + 86_399) / 86_400).unwrap_or(u16::MAX).max(1);
    let first = promised.map(days).or_else(|| lag.map(|lag| quantile(lag, 0.9)));
    first.into_iter().chain(lag.map(|lag| quantile(lag, 0.5))).collect()
}

/// Whole days by which a share of those that advance have.
fn quantile(lag: &Lag, share: f64) -> u16 {
    match lag {
        Lag::LogNormal { median, p90 } => {
            let seconds = if share > 0.5 { p90 } else { median };
            u16::try_from((seconds.0 + 86_399) / 86_400).unwrap_or(u16::MAX).max(1)
        }
        Lag::Days(shares) => {
            let day = shares.iter().position(|s| s.as_f64() >= share).unwrap_or(shares.len());
            u16::try_from(day).unwrap_or(u16::MAX).max(1)
        }
        Lag::Weekday(lags) => lags.iter().map(|lag| quantile(lag, share)).max().unwrap_or(1),
    }
}

#[derive(Default)]
struct Counts {
    entered: i64,
    advanced: i64,
    rejected: i64,
    by_reason: BTreeMap<String, i64>,
}

/// What became, within `clock` days, of the journeys that entered on the days `first` to `last`.
fn count(
    case: &Case<'_>,
    (from, to): (StageIndex, StageIndex),
    clock: u16,
    (first, last): (Day, Day),
) -> Option<Counts> {
    let first = first.max(case.series.first_day);
    if last < first {
        return None;
    }
    let mut counts = Counts::default();
    for &leaf in case.leaves {
        let within = first..=last;
        let mut entered = 0;
        case.facts.by_entry_day(leaf, Quantity::Entered(from), first, last, &mut |_, n| entered += n);
        // Who was only inferred to have been here is a winner by definition.
        case.facts.by_entry_day(leaf, Quantity::Inferred(from), first, last, &mut |_, n| entered -= n);
        counts.entered += entered;
        for day in (0..=last.since(first)).map(|n| first.plus(n)) {
            let by = day.plus(i32::from(clock));
            case.facts.by_event_days(leaf, Quantity::Converted(from, to), day, day, by, &mut |entry, n| {
                counts.advanced += if entry == day { n } else { 0 };
            });
        }
        case.facts.rejections(leaf, from, first, last, &mut |reason, entry, lag, n| {
            if within.contains(&entry) && lag <= clock {
                counts.rejected += n;
                *counts.by_reason.entry(reason.to_string()).or_default() += n;
            }
        });
    }
    (counts.entered >= MIN_ENTERED).then_some(counts)
}

impl Counts {
    fn share(&self, count: i64) -> f64 {
        (count as f64 / self.entered as f64).clamp(0.0, 1.0)
    }

    fn shares(&self) -> HandoffShares {
        let advanced = self.share(self.advanced);
        // Who was turned away and advanced all the same counts as advanced.
        let rejected = self.share(self.rejected).min(1.0 - advanced);
        HandoffShares {
            entered: self.entered.unsigned_abs(),
            advanced,
            rejected,
            untouched: 1.0 - advanced - rejected,
        }
    }
}

/// The share that has clearly grown, the more of the two. Where nobody is ever turned away on record, those left
/// lying cannot be told from them.
fn says(now: &Counts, before: &Counts) -> Option<HandoffVerdict> {
    if now.rejected == 0 && before.rejected == 0 {
        return None;
    }
    let (a, b) = (now.shares(), before.shares());
    let (n, m) = (a.entered as f64, b.entered as f64);
    let z = |now: f64, before: f64| {
        let pooled = (now * n + before * m) / (n + m);
        let variance = pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m);
        if variance > 0.0 { (now - before) / variance.sqrt() } else { 0.0 }
    };
    let (rejected, untouched) = (z(a.rejected, b.rejected), z(a.untouched, b.untouched));
    match (rejected >= CLEAR, untouched >= CLEAR) {
        (false, false) => None,
        (true, false) => Some(HandoffVerdict::Quality),
        (false, true) => Some(HandoffVerdict::FollowUp),
        (true, true) if a.rejected - b.rejected >= a.untouched - b.untouched => Some(HandoffVerdict::Quality),
        (true, true) => Some(HandoffVerdict::FollowUp),
    }
}

/// The commonest reasons. They are free text of the sources: only what was said often, and looks like nobody's
/// address or number, is shown.
fn reasons(now: &Counts, before: &Counts) -> Vec<Rejection> {
    let given =
        |reason: &str| now.by_reason.get(reason).unwrap_or(&0) + before.by_reason.get(reason).unwrap_or(&0);
    let mut common: Vec<(&String, &i64)> =
        now.by_reason.iter().filter(|(reason, _)| given(reason) >= MIN_GIVEN && impersonal(reason)).collect();
    common.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    common
        .into_iter()
        .take(MAX_REASONS)
        .map(|(reason, &count)| Rejection {
            reason: shortened(reason),
            now: now.share(count),
            before: before.share(before.by_reason.get(reason).copied().unwrap_or(0)),
        })
        .collect()
}

fn impersonal(reason: &str) -> bool {
    let digits = reason.chars().filter(char::is_ascii_digit).count();
    !reason.is_empty() && digits < 5 && !reason.contains('@') && !reason.contains("://")
}

fn shortened(reason: &str) -> String {
    let clean: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= MAX_REASON {
        return clean;
    }
    clean.chars().take(MAX_REASON - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(entered: i64, advanced: i64, reasons: &[(&str, i64)]) -> Counts {
        let by_reason: BTreeMap<String, i64> = reasons.iter().map(|(r, n)| ((*r).to_string(), *n)).collect();
        Counts { entered, advanced, rejected: by_reason.values().sum(), by_reason }
    }

    #[test]
    fn the_share_that_grew_says_whose_it_is() {
        use HandoffVerdict::{FollowUp, Quality};
        let before = counts(1000, 400, &[("no budget", 200)]);
        for (advanced, rejected, says_so) in [
            (200, 400, Some(Quality)),
            (200, 200, Some(FollowUp)),
            (195, 210, Some(FollowUp)),
            (120, 470, Some(Quality)),
            (400, 200, None),
            (380, 215, None),
        ] {
            let now = counts(1000, advanced, &[("no budget", rejected)]);
            assert_eq!(says(&now, &before), says_so, "{advanced} advanced, {rejected} turned away");
            let shares = now.shares();
            assert!((shares.advanced + shares.rejected + shares.untouched - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn without_rejections_on_record_nothing_is_said() {
        assert_eq!(says(&counts(1000, 200, &[]), &counts(1000, 400, &[])), None);
    }

    #[test]
    fn reasons_that_may_be_about_a_person_are_not_shown() {
        let now = counts(
            1000,
            0,
            &[
                ("no budget", 50),
                ("call +49 170 1234567", 60),
                ("ask jo@example.com", 60),
                ("her husband said no", 3),
                ("", 90),
                ("a reason that goes on for quite a while and says the same again", 40),
                ("competitor", 30),
                ("timing", 20),
            ],
        );
        let shown = reasons(&now, &counts(1000, 0, &[("no budget", 10)]));
        let texts: Vec<&str> = shown.iter().map(|r| r.reason.as_str()).collect();
        assert_eq!(texts, ["no budget", "a reason that goes on for quite a while…", "competitor"]);
        assert_eq!((shown[0].now, shown[0].before), (0.05, 0.01));
    }
}
