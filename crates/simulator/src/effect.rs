//! What changes at the onset, for whom.

use plumbline_units::Day;

use crate::{ScenarioKind, Spec};

/// Extra leads of the lead-quality trap.
pub(crate) const TRAP_VOLUME: f64 = 1.2;
/// Extra spend of the lead-quality trap: with volume and conversion it doubles the cost per customer.
pub(crate) const TRAP_SPEND: f64 = 1.68;
/// What is left of the end-to-end conversion in the trap.
pub(crate) const TRAP_CONVERSION: f64 = 0.7;
/// Where the trap's loss happens: shares of its logarithm by transition.
pub(crate) const TRAP_PARTS: [f64; 4] = [0.0, 0.85, 0.0, 0.15];
/// Growth of the ramp, complete after [`RAMP_DAYS`].
pub(crate) const RAMP_GROWTH: f64 = 0.5;
/// Length of the ramp.
pub(crate) const RAMP_DAYS: i32 = 60;
/// Stretch of all lags in the slow cycle.
pub(crate) const SLOW_LAGS: f64 = 1.15;
/// Yearly swing of volume and spend in the season.
pub(crate) const SEASON_SWING: f64 = 0.15;
/// Length of the silence.
pub(crate) const SILENT_DAYS: i32 = 5;

/// Usual days' worth of leads in the list that is imported.
pub(crate) const BURST_DAYS: f64 = 20.0;

/// Factors on the plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Effect {
    pub(crate) volume: f64,
    pub(crate) spend: f64,
    pub(crate) rates: [f64; 4],
    pub(crate) lags: f64,
}

impl Effect {
    /// As planned.
    pub(crate) const NONE: Effect = Effect { volume: 1.0, spend: 1.0, rates: [1.0; 4], lags: 1.0 };
}

/// The factors of a scenario, worked out per channel.
pub(crate) struct Effects {
    kind: ScenarioKind,
    onset: Option<Day>,
    /// The segments it happens in.
    hit: Vec<bool>,
    /// The effect of the trap by channel.
    trap: Vec<Effect>,
}

impl Effects {
    pub(crate) fn new(spec: &Spec) -> Effects {
        let hit =
            spec.segments.iter().map(|s| spec.onset_segment.as_ref().is_none_or(|o| *o == s.name)).collect();
        Effects { kind: spec.kind, onset: spec.onset_day(), hit, trap: trap_by_channel(spec) }
    }

    /// The factors for leads of a segment and channel created on `day`, and for the money spent on it.
    pub(crate) fn at(&self, day: Day, segment: usize, channel: usize) -> Effect {
        let Some(onset) = self.onset.filter(|onset| day >= *onset && self.hit[segment]) else {
            return Effect::NONE;
        };
        match self.kind {
            ScenarioKind::LeadQualityTrap => self.trap[channel],
            ScenarioKind::Ramp => {
                let grown = f64::from((day.since(onset) + 1).min(RAMP_DAYS)) / f64::from(RAMP_DAYS);
                let volume = 1.0 + RAMP_GROWTH * grown;
                Effect { volume, spend: volume, ..Effect::NONE }
            }
            ScenarioKind::SlowCycle => Effect { lags: SLOW_LAGS, ..Effect::NONE },
            _ => Effect::NONE,
        }
    }

    /// The channel that causes the change, where one does.
    pub(crate) fn culprit(&self) -> Option<usize> {
        let alike = self.trap.iter().all(|effect| *effect == self.trap[0]);
        (self.kind == ScenarioKind::LeadQualityTrap && !alike)
            .then(|| self.trap.iter().position(|effect| *effect != Effect::NONE))
            .flatten()
    }

    /// The swing of the year, 1 outside of the season scenario.
    pub(crate) fn year(&self, day: Day) -> f64 {
        if self.kind != ScenarioKind::Season {
            return 1.0;
        }
        1.0 + SEASON_SWING * libm::sin(std::f64::consts::TAU * f64::from(day.number()) / 365.25)
    }
}

/// The trap's factors over all channels.
pub(crate) fn trap() -> Effect {
    Effect {
        volume: TRAP_VOLUME,
        spend: TRAP_SPEND,
        rates: TRAP_PARTS.map(|part| libm::pow(TRAP_CONVERSION, part)),
        lags: 1.0,
    }
}

/// The trap's factors by channel: the culprit's such that the whole changes by [`trap`].
fn trap_by_channel(spec: &Spec) -> Vec<Effect> {
    let alike = vec![trap(); spec.channels.len()];
    let culprit = spec.onset_channel.as_ref().and_then(|o| spec.channels.iter().position(|c| c.name == *o));
    let Some(culprit) = culprit else { return alike };
    let (leads, spend) = (spec.channel_shares()[culprit], spec.spend_shares()[culprit]);
    if spend <= 0.0 {
        return alike;
    }
    let mut own = Effect {
        volume: (leads + TRAP_VOLUME - 1.0) / leads,
        spend: (spend + TRAP_SPEND - 1.0) / spend,
        ..Effect::NONE
    };
    // `share` of the entries to the stage come through the culprit. The whole rate is to change by `whole`:
    // (1 − share) + share · own = whole.
    let mut share = (leads + TRAP_VOLUME - 1.0) / TRAP_VOLUME;
    for (factor, whole) in own.rates.iter_mut().zip(trap().rates) {
        *factor = 1.0 - (1.0 - whole) / share;
        if *factor < 0.05 {
            return alike;
        }
        share *= *factor / whole;
    }
    let mut effects = vec![Effect::NONE; spec.channels.len()];
    effects[culprit] = own;
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(spec: &Spec) -> (f64, f64, Vec<f64>) {
        let by_channel = trap_by_channel(spec);
        let shares = spec.channel_shares();
        let volume: f64 = shares.iter().zip(&by_channel).map(|(s, e)| s * e.volume).sum();
        let spend: f64 = spec.spend_shares().iter().zip(&by_channel).map(|(s, e)| s * e.spend).sum();
        let mut entries: Vec<f64> = shares.iter().zip(&by_channel).map(|(s, e)| s * e.volume).collect();
        let mut logs = Vec::new();
        for j in 0..4 {
            let before: f64 = entries.iter().sum();
            for (n, e) in entries.iter_mut().zip(&by_channel) {
                *n *= e.rates[j];
            }
            logs.push(libm::log(entries.iter().sum::<f64>() / before));
        }
        (volume, spend, logs)
    }

    #[test]
    fn the_trap_has_its_factors_exactly_whether_one_channel_causes_it_or_all_do() {
        for onset_channel in [Some("paid_social"), Some("organic"), None] {
            let spec = Spec {
                kind: ScenarioKind::LeadQualityTrap,
                onset_channel: onset_channel.map(str::to_owned),
                ..Spec::default()
            };
            let (volume, spend, logs) = whole(&spec);
            assert!((volume - 1.2).abs() < 1e-12 && (spend - 1.68).abs() < 1e-12);
            let total: f64 = logs.iter().sum();
            assert!((total - libm::log(0.7)).abs() < 1e-12);
            for (log, part) in logs.iter().zip([0.0, 0.85, 0.0, 0.15]) {
                assert!((log / total - part).abs() < 1e-12, "{onset_channel:?} {logs:?}");
            }
        }
    }

    #[test]
    fn the_ramp_is_complete_after_sixty_days_and_only_in_its_segment() {
        let spec = Spec {
            kind: ScenarioKind::Ramp,
            onset_segment: Some("mid".to_owned()),
            segments: ["smb", "mid"].map(|n| crate::Segment { name: n.to_owned(), share: 0.5 }).to_vec(),
            ..Spec::default()
        };
        let onset = spec.onset_day().unwrap();
        let effects = Effects::new(&spec);
        assert_eq!(effects.at(onset.plus(-1), 1, 0), Effect::NONE);
        assert_eq!(effects.at(onset.plus(59), 1, 0).volume, 1.5);
        assert_eq!(effects.at(onset.plus(500), 1, 0).spend, 1.5);
        assert_eq!(effects.at(onset.plus(59), 0, 0), Effect::NONE);
    }
}
