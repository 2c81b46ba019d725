//! Whether the target as a whole has left its tolerance: the projection averaged over which parts moved.
//!
//! A part of the funnel may have left the plan far enough to refute it while another makes up for it, so a page
//! asks where the target as a whole is heading. Since an onset each transition has few entries, and the noise of
//! those that never moved would hide a drift for weeks, or make one up. Each part j therefore counts with the
//! posterior probability w that it has moved at all since τ̂ (Bayesian model averaging; Hoeting et al. 1999):
//! `w = B/(1+B)`, where `B = ½·Σ_down v_r·exp A(τ̂,r)/V_down + ½·Σ_up v_r·exp A(τ̂,r)/V_up` is the Bayes factor
//! of "moved at τ̂" against "on plan", the same likelihood ratios that M sums over onsets. What the leading table
//! spans has moved for certain. With μ the logarithm of a part's projection over its plan and σ² its variance,
//! the whole has the mean Σ w·μ and the variance `Σ w·σ² + w·(1−w)·μ²`.

use super::evidence::{Evidence, Interval, Projection, TableId};
use super::projection::interval;

/// One factor of the whole.
struct Moved {
    /// Posterior probability w of having moved.
    weight: f64,
    /// ln(projected / plan), were it moved.
    log: f64,
    /// Variance of that logarithm.
    variance: f64,
}

/// Where the metric is heading over its plan, given what has moved; `projection` must be that since the onset.
pub(crate) fn heading(projection: &Projection, evidence: &Evidence) -> Interval {
    let Some(parts) = parts(projection, evidence) else { return projection.relative() };
    let (mut log, mut variance) = (0.0, 0.0);
    for part in parts {
        log += part.weight * part.log;
        variance += part.weight * (part.variance + (1.0 - part.weight) * part.log * part.log);
    }
    interval(libm::exp(log), variance)
}

/// The factors of the metric; `None` where it is not a product (volume).
fn parts(projection: &Projection, evidence: &Evidence) -> Option<Vec<Moved>> {
    projection.conversion?;
    let moved = |id: TableId| evidence.tables.iter().find(|t| t.table == id).map_or(1.0, |t| t.moved);
    let part = |weight: f64, value: Interval, plan: f64, sign: f64| {
        let deviation = value.log_deviation();
        Moved { weight, log: sign * libm::log(value.value / plan), variance: deviation * deviation }
    };
    let sign = if projection.cost_per_lead.is_some() { -1.0 } else { 1.0 };
    let pairs = projection.pairs.iter();
    let mut parts: Vec<Moved> =
        pairs.map(|p| part(moved(TableId::Pair { from: p.from, to: p.to }), p.rate, p.plan, sign)).collect();
    let cost = projection.cost_per_lead.iter();
    parts.extend(cost.map(|c| part(moved(TableId::LeadsPerMoney), c.cost, c.plan, 1.0)));
    Some(parts)
}

/// Whether the parts of `leading` include `table`: what the leading table spans moved with it.
pub(crate) fn spans(leading: TableId, table: TableId) -> bool {
    match (leading, table) {
        (TableId::Pair { from, to }, TableId::Pair { from: f, to: t }) => from <= f && t <= to,
        (TableId::WinsPerMoney, _) => true,
        _ => leading == table,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::evidence::{Onset, PairProjection, TableEvidence};
    use plumbline_plan::Direction;
    use plumbline_units::Day;

    const DAY: Day = Day::from_number(20_000);

    fn evidence(leading: TableId, moved: &[(TableId, f64)]) -> Evidence {
        let table =
            |&(table, moved)| TableEvidence { table, log_below: 0.0, log_above: 0.0, effect: 1.0, moved };
        Evidence {
            log_e: 9.0,
            log_threshold: 6.0,
            log_below: 9.0,
            log_above: 0.0,
            direction: Direction::Below,
            critical_weight: 0.0,
            leading,
            tables: moved.iter().map(table).collect(),
            onset: Onset { estimate: DAY, low: DAY, high: DAY },
            strictness: 0.0,
            needed: None,
        }
    }

    fn projection(relatives: &[f64]) -> Projection {
        let pairs = relatives.iter().zip(0..).map(|(relative, from)| PairProjection {
            from,
            to: from + 1,
            plan: 0.4,
            rate: interval(0.4 * relative, 0.01),
            since: DAY,
            entered: 0,
            converted: 0,
            expected: 0.0,
        });
        let value = interval(0.16 * relatives.iter().product::<f64>(), 0.02);
        Projection { plan: 0.16, value, conversion: Some(value), pairs: pairs.collect(), cost_per_lead: None }
    }

    const FIRST: TableId = TableId::Pair { from: 0, to: 1 };
    const SECOND: TableId = TableId::Pair { from: 1, to: 2 };

    #[test]
    fn what_moved_counts_in_full_and_what_did_not_not_at_all() {
        for (weights, expected, variance) in [
            ((1.0, 1.0), 0.8 * 1.25, 0.02),
            ((1.0, 0.0), 0.8, 0.01),
            ((0.0, 0.0), 1.0, 0.0),
            // Half sure: half the logarithm, with the doubt of the other half.
            ((1.0, 0.5), 0.8 * 1.25f64.sqrt(), 0.01 + 0.5 * 0.01 + 0.25 * libm::log(1.25) * libm::log(1.25)),
        ] {
            let evidence = evidence(FIRST, &[(FIRST, weights.0), (SECOND, weights.1)]);
            let heading = heading(&projection(&[0.8, 1.25]), &evidence);
            assert!((heading.value - expected).abs() < 1e-12, "{weights:?}: {heading:?}");
            assert!((heading.log_deviation() - f64::sqrt(variance)).abs() < 1e-9, "{weights:?}: {heading:?}");
        }
    }

    #[test]
    fn the_leading_table_moved_with_all_that_it_spans() {
        let whole = TableId::Pair { from: 0, to: 2 };
        assert!(spans(whole, FIRST) && spans(whole, SECOND) && spans(FIRST, FIRST));
        assert!(!spans(FIRST, SECOND) && !spans(FIRST, whole));
        assert!(spans(TableId::WinsPerMoney, SECOND) && spans(TableId::WinsPerMoney, TableId::LeadsPerMoney));
        assert!(!spans(TableId::LeadsPerMoney, FIRST));
    }
}
