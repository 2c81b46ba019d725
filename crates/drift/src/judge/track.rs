//! One target in one scope from tick to tick: quiet or drifting, and what moves it between the two.
//!
//! A drift is latched: it ends only by evidence (recovered) or by a projection that came back inside the
//! tolerance (retracted), never by a lull.

use plumbline_plan::{Direction, Severity};
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use super::verdict::{Verdict, WatchReason};
use crate::stat::{Label, TableId};

/// Posterior weight of critical effects from which a drift is critical.
const CRITICAL_FROM: f64 = 0.5;
/// Posterior weight below which a critical drift is a warning again; the gap keeps it from flickering.
const CRITICAL_UNTIL: f64 = 0.25;
/// Posterior weight of critical effects from which the last weeks alone make a standing drift critical: they are
/// few days, looked at every day.
const CRITICAL_LATELY_FROM: f64 = 0.9;
/// Ticks in a row on which the recovery of a daily count must show: one lucky day is none. Conversions tell of a
/// day over many.
const RECOVERY_TICKS: u8 = 3;

/// Ticks in a row on which a drift must look like another kind before it is called so: near the border between two
/// kinds a few facts decide.
const LABEL_TICKS: u8 = 3;

/// What a tick says of one target in one scope, reduced to what decides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// ln of the e-value against the plan; 0 for measured targets.
    pub(crate) log_e: f64,
    /// Whether the plan is refuted.
    pub(crate) rejects: bool,
    /// Whether the evidence has passed a tenth of the threshold.
    pub(crate) watches: bool,
    /// Which warn bound the projection since the onset lies beyond.
    pub(crate) outside: Option<Direction>,
    /// By how many of its standard deviations.
    pub(crate) sureness: f64,
    /// Whether the projection has come back inside so far that a drift in that direction is withdrawn.
    pub(crate) inside: bool,
    /// Posterior weight of effects at or beyond the critical bound.
    pub(crate) critical_weight: f64,
    /// The same of a standing drift, by the last weeks alone.
    pub(crate) critical_lately: f64,
    /// Whether the projection's interval excludes the critical bound.
    pub(crate) excludes_critical: bool,
    /// Entries still missing until a critical drift would be seen.
    pub(crate) needed: Option<u64>,
    /// The table with the most evidence; `None` for measured targets.
    pub(crate) leading: Option<TableId>,
    /// Its name, for [`WatchReason::Compensated`].
    pub(crate) leading_name: String,
    /// How far the latched drift has recovered.
    pub(crate) recovery: Recovery,
}

/// How far a latched drift has recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Not shown.
    No,
    /// The evidence has passed a tenth of its threshold.
    Under,
    /// Shown.
    Done,
}

/// A drift that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latch {
    pub(crate) direction: Direction,
    pub(crate) severity: Severity,
    /// The table that opened it; recovery is shown on it.
    pub(crate) table: Option<TableId>,
    /// The day it was found.
    pub(crate) since: Day,
    /// The recovery's evidence has passed a tenth of its threshold.
    pub(crate) recovering: bool,
    /// Ticks in a row on which the recovery has shown.
    recovered_ticks: u8,
}

/// Where a target stands in a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// No drift.
    #[default]
    Quiet,
    /// A drift stands.
    Drifting(Latch),
}

/// The memory of one target in one scope between ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Track {
    pub(crate) phase: Phase,
    /// The last closed day.
    pub(crate) closed: Option<Day>,
    /// The day the last drift had recovered: onset candidates start there.
    pub(crate) restart: Option<Day>,
    /// Which way the drifts went that were withdrawn since the evidence last faded, and how many.
    pub(crate) withdrawn: Option<(Direction, u8)>,
    /// Whether the last drift ended by retraction.
    pub(crate) ended_by_retraction: bool,
    /// What the drift looks like other than it is called, and on how many ticks in a row.
    pub(crate) relabel: Option<(Label, u8)>,
}

/// How the phase moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Stayed,
    Began,
    Worsened,
    Eased,
    Recovered,
    Retracted,
}

impl Track {
    /// The latched drift, if one stands.
    pub(crate) fn latch(&self) -> Option<&Latch> {
        match &self.phase {
            Phase::Quiet => None,
            Phase::Drifting(latch) => Some(latch),
        }
    }

    /// The track after the tick that ends `day`, how it moved and the verdict.
    pub(crate) fn step(self, reading: &Reading, day: Day) -> (Track, Step, Verdict) {
        let (mut track, step) = match self.phase {
            Phase::Quiet => self.look(reading, day),
            Phase::Drifting(latch) => self.follow(latch, reading, day),
        };
        track.closed = Some(day);
        let verdict = track.verdict(reading);
        (track, step, verdict)
    }

    /// The track after a tick on which the drift looks like `found`, and what it is called from now on: as it was
    /// `said` to be, until it has looked otherwise for [`LABEL_TICKS`].
    pub(crate) fn label(self, said: Option<Label>, found: Option<Label>) -> (Track, Option<Label>) {
        let (Some(said), Some(found)) = (said, found) else {
            return (Track { relabel: None, ..self }, found.or(said));
        };
        let before = self.relabel.filter(|(label, _)| *label == found).map_or(0, |(_, ticks)| ticks);
        let ticks = before.saturating_add(1);
        if said == found || ticks >= LABEL_TICKS {
            (Track { relabel: None, ..self }, Some(found))
        } else {
            (Track { relabel: Some((found, ticks)), ..self }, Some(said))
        }
    }

    /// The track with its latched drift replaced.
    pub(crate) fn latched(self, latch: Latch) -> Track {
        Track { phase: Phase::Drifting(latch), ..self }
    }

    /// The track after late facts have left nothing of its drift, and the verdict.
    pub(crate) fn withdrawn(self, reading: &Reading) -> (Track, Verdict) {
        let withdrawn = self.latch().map(|latch| self.counted_withdrawal(latch.direction));
        let track = Track { phase: Phase::Quiet, withdrawn, ended_by_retraction: true, ..self };
        let verdict = track.verdict(reading);
        (track, verdict)
    }

    fn look(mut self, reading: &Reading, day: Day) -> (Track, Step) {
        if !reading.watches {
            // What was withdrawn has faded: the next drift is another one.
            self.withdrawn = None;
        }
        match reading.outside {
            Some(direction) if reading.rejects && reading.sureness >= self.doubt(direction) => {
                let severity = severity_of(reading);
                self.ended_by_retraction = false;
                self.phase = Phase::Drifting(Latch {
                    direction,
                    severity,
                    table: reading.leading,
                    since: day,
                    recovering: false,
                    recovered_ticks: 0,
                });
                (self, Step::Began)
            }
            _ => (self, Step::Stayed),
        }
    }

    /// By how many standard deviations the projection must lie outside to open: one for every drift that went the
    /// same way and was withdrawn, so that what makes up for a change does not open and close an episode in turn,
    /// while a drift that lasts is told once enough is known of it. The other way nothing was withdrawn.
    fn doubt(&self, direction: Direction) -> f64 {
        f64::from(self.times_withdrawn(direction))
    }

    fn times_withdrawn(&self, direction: Direction) -> u8 {
        self.withdrawn.filter(|(way, _)| *way == direction).map_or(0, |(_, times)| times)
    }

    fn counted_withdrawal(&self, direction: Direction) -> (Direction, u8) {
        (direction, self.times_withdrawn(direction).saturating_add(1))
    }

    fn follow(mut self, mut latch: Latch, reading: &Reading, day: Day) -> (Track, Step) {
        latch.recovering = reading.recovery != Recovery::No;
        latch.recovered_ticks = match reading.recovery {
            Recovery::Done => latch.recovered_ticks.saturating_add(1),
            Recovery::No | Recovery::Under => 0,
        };
        let ticks = match latch.table {
            None | Some(TableId::Pair { .. } | TableId::WinsPerMoney) => 1,
            Some(TableId::Volume { .. } | TableId::Velocity { .. } | TableId::LeadsPerMoney) => {
                RECOVERY_TICKS
            }
        };
        let step = if latch.recovered_ticks >= ticks {
            // Onset candidates of the next drift start here.
            self.restart = Some(day);
            self.withdrawn = None;
            self.ended_by_retraction = false;
            Step::Recovered
        } else if reading.inside {
            self.withdrawn = Some(self.counted_withdrawal(latch.direction));
            self.ended_by_retraction = true;
            Step::Retracted
        } else {
            let critical =
                reading.critical_weight >= CRITICAL_FROM || reading.critical_lately >= CRITICAL_LATELY_FROM;
            let lately = reading.critical_lately >= CRITICAL_FROM;
            match latch.severity {
                Severity::Warning if critical => Step::Worsened,
                Severity::Critical if reading.critical_weight < CRITICAL_UNTIL && !lately => Step::Eased,
                _ => Step::Stayed,
            }
        };
        self.phase = match step {
            Step::Recovered | Step::Retracted => Phase::Quiet,
            Step::Worsened => Phase::Drifting(Latch { severity: Severity::Critical, ..latch }),
            Step::Eased => Phase::Drifting(Latch { severity: Severity::Warning, ..latch }),
            _ => Phase::Drifting(latch),
        };
        (self, step)
    }

    fn verdict(&self, reading: &Reading) -> Verdict {
        match self.phase {
            Phase::Drifting(latch) => Verdict::Drifting(latch.severity),
            Phase::Quiet if reading.rejects => {
                Verdict::Watch(WatchReason::Compensated { table: reading.leading_name.clone() })
            }
            Phase::Quiet if reading.watches => Verdict::Watch(WatchReason::Evidence),
            Phase::Quiet => match reading.needed {
                Some(needed) => Verdict::NotEnoughEvidence { needed, by: None },
                None if reading.excludes_critical => Verdict::OnPlan,
                None => Verdict::Watch(WatchReason::Uncertain),
            },
        }
    }
}

/// The severity with which a drift opens on this reading.
pub(crate) fn severity_of(reading: &Reading) -> Severity {
    severity(reading.critical_weight >= CRITICAL_FROM)
}

fn severity(critical: bool) -> Severity {
    if critical { Severity::Critical } else { Severity::Warning }
}
