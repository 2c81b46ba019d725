//! Targets against plan, and what their drift puts at risk.

use plumbline_board::words;
use plumbline_drift::judge::{TargetStatus, Verdict};
use plumbline_plan::{Direction, Severity};

use super::book::Book;
use super::document::Document;
use super::weeks::Stood;

impl Book<'_> {
    pub(super) fn against_plan(&self, document: &mut Document) {
        document.heading("Targets against plan");
        let mut targets: Vec<&Stood> = self.targets.iter().collect();
        targets.sort_by_key(|stood| rank(&stood.status.verdict));
        let rows = targets.into_iter().map(|stood| self.row(stood)).collect();
        let head = ["target", "scope", "verdict", "now", "90% interval", "plan", "of plan", "a week before"];
        document.table(&head, rows, "The plan has no targets.");
    }

    fn row(&self, stood: &Stood) -> Vec<String> {
        let Stood { status, .. } = stood;
        let text =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| self.value(status, value));
        let now = stood.on(status.day);
        let interval = match now {
            Some([_, low, high]) if low < high => {
                format!("{} to {}", self.value(status, low), self.value(status, high))
            }
            _ => "–".to_owned(),
        };
        let now = now.map(|[value, ..]| value);
        let planned = status.plan.map(|plan| plan.value);
        let of_plan = now.zip(planned.filter(|planned| *planned > 0.0)).map(|(now, planned)| now / planned);
        vec![
            status.name.clone(),
            words::scope(&status.scope_label).to_owned(),
            verdict(status),
            text(now),
            interval,
            text(planned),
            of_plan.map_or_else(|| "–".to_owned(), words::percent),
            text(stood.on(status.day.plus(-7)).map(|[value, ..]| value)),
        ]
    }

    /// A value in the target's unit.
    pub(super) fn value(&self, status: &TargetStatus, value: f64) -> String {
        words::value(value, status.plan.map(|plan| plan.unit.word()), &self.currency())
    }

    /// Which targets depend on one that drifts or is watched, and what is lost in the next week at the present pace.
    pub(super) fn at_risk(&self, document: &mut Document) {
        document.heading("At risk next week");
        let mut items = Vec::new();
        for stood in &self.targets {
            let Stood { status, plan, .. } = stood;
            for dependency in &plan.target(status.target).depends_on {
                let name = plan.target(dependency.target).name.as_str();
                let cause = self.targets.iter().find(|cause| {
                    cause.status.name == name && cause.status.scope_label == status.scope_label
                });
                let Some(stood) = cause else { continue };
                let cause = &stood.status;
                let how = match (&cause.verdict, cause.direction) {
                    (Verdict::Drifting(_), Some(direction)) if direction == dependency.direction => {
                        format!("drifts{}", side(Some(direction)))
                    }
                    (Verdict::Watch(_), _) => "is watched".to_owned(),
                    _ => continue,
                };
                let heading = stood.on(cause.day).map_or_else(String::new, |[value, ..]| {
                    format!(", heading for {}", self.value(cause, value))
                });
                items.push(format!(
                    "{} in {} ({}) depends on {}, which {how}{heading}.",
                    status.name,
                    words::scope(&status.scope_label),
                    verdict(status),
                    cause.name,
                ));
            }
        }
        for told in self.open(true) {
            let Some(week) =
                told.last.cost.as_ref().and_then(|cost| Some((cost.per_week.as_ref()?, &cost.currency)))
            else {
                continue;
            };
            let (per_week, currency) = week;
            let spend = per_week.excess_spend.as_ref().and_then(|text| text.parse::<f64>().ok());
            let spend =
                spend.map_or_else(String::new, |spend| format!("{} {currency} and ", words::grouped(spend)));
            items.push(format!(
                "{}: {spend}{} customers for each further week at the present pace.",
                told.last.title,
                words::grouped(per_week.customers_short),
            ));
        }
        if items.is_empty() {
            document.paragraph(
                "Nothing: no target depends on one that drifts, and no open episode costs anything.",
            );
        }
        document.list(items);
    }
}

fn side(direction: Option<Direction>) -> &'static str {
    match direction {
        None => "",
        Some(Direction::Below) => " below",
        Some(Direction::Above) => " above",
    }
}

/// The verdict with what it lacks or how bad it is.
pub(super) fn verdict(status: &TargetStatus) -> String {
    let side = side(status.direction);
    match &status.verdict {
        Verdict::OnPlan => "on plan".to_owned(),
        Verdict::Watch(_) => "watch".to_owned(),
        Verdict::Drifting(Severity::Warning) => format!("drifting{side}"),
        Verdict::Drifting(Severity::Critical) => format!("drifting{side}, critical"),
        Verdict::NotEnoughEvidence { .. } => "not enough evidence".to_owned(),
        Verdict::DataUnhealthy(_) => "data unhealthy".to_owned(),
        Verdict::NoPlan => "no plan".to_owned(),
    }
}

/// What needs somebody comes first.
fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Drifting(Severity::Critical) => 0,
        Verdict::Drifting(Severity::Warning) => 1,
        Verdict::DataUnhealthy(_) => 2,
        Verdict::Watch(_) => 3,
        Verdict::NotEnoughEvidence { .. } => 4,
        Verdict::OnPlan => 5,
        Verdict::NoPlan => 6,
    }
}
