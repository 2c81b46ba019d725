//! From a case to what its episode publishes.

use plumbline_plan::{
    Direction, Owner, Pattern, Plan, Severity, StageIndex, Target, Transition as PlanTransition,
};
use plumbline_units::{Day, Timestamp};

use super::assess::Case;
use super::episode::{Episode, EpisodeKey, EpisodeState, Subject};
use super::life::Published;
use super::measure::Measured;
use super::names;
use super::text::Words;
use super::track::Latch;
use super::verdict::{Assessment, Verdict};

/// What an episode tells of: a target, or a pattern led by it.
#[derive(Clone, Copy)]
pub(crate) struct Story<'a> {
    pub(crate) case: Case<'a>,
    pub(crate) pattern: Option<&'a Pattern>,
    pub(crate) measured: &'a Measured,
    pub(crate) direction: Direction,
    pub(crate) severity: Severity,
    /// Explain CAC's gap rather than the target's own.
    pub(crate) by_cac: bool,
}

impl Story<'_> {
    /// The numbers and texts as of the tick.
    pub(crate) fn publish(&self, at: Timestamp, verdict: Verdict) -> Published {
        let assessment = self.case.assess(at, verdict, self.measured, self.by_cac);
        let (title, summary) = self.words(&assessment);
        Published { severity: self.severity, assessment, title, summary }
    }

    /// The numbers at the end of the episode, with a sentence that says how it ended.
    pub(crate) fn conclude(&self, at: Timestamp, verdict: Verdict, retracted: bool) -> Published {
        let mut published = self.publish(at, verdict);
        let of = names_of(&published.assessment, &self.case);
        published.summary = if retracted {
            format!(
                "Later events brought {of} back inside its tolerance: taken as a whole it never left the plan."
            )
        } else {
            format!("The evidence since shows {of} back on plan.")
        };
        published
    }

    /// The episode as it opens.
    pub(crate) fn episode(&self, key: EpisodeKey, day: Day, published: Published) -> Episode {
        let plan = self.case.plan;
        let target = self.case.target;
        let drifting = published.assessment.drift.transition.map(|(from, _)| from);
        let Prescribed { owners, action, runbook_url } = prescribed(plan, target, self.pattern, drifting);
        Episode {
            key,
            subject: Subject {
                pattern: self.pattern.map(|p| p.name.clone()),
                target: target.name.clone(),
                metric: target.metric.word().to_string(),
                line: target.line,
                scope: self.case.scope.clone(),
                scope_values: names::scope_values(plan, self.case.scope),
            },
            plan_revision: plan.revision,
            opened_day: day,
            opened_at: published.assessment.at,
            alert_id: None,
            sequence: 0,
            state: EpisodeState::Open,
            acknowledgements: Vec::new(),
            asked_again: 0,
            severity: self.severity,
            direction: self.direction,
            historical: false,
            opening: Box::new(published.assessment.clone()),
            assessment: published.assessment,
            inhibited_by: None,
            supersedes: Vec::new(),
            owners,
            action,
            runbook_url,
            title: published.title,
            summary: published.summary,
        }
    }

    fn words(&self, assessment: &Assessment) -> (String, String) {
        let plan = self.case.plan;
        let scope = names::scope_values(plan, self.case.scope);
        let since = assessment.onset.map(|onset| onset.estimate);
        let words = Words {
            pattern: self.pattern.map(|p| &p.name),
            target: &self.case.target.name,
            scope: &scope,
            direction: self.direction,
            currency: plan.currency,
            assessment,
            volume: since.and_then(|since| self.case.volume_since(since)),
            first_stage: names::stage(plan, StageIndex(0)),
        };
        (words.title(), words.summary())
    }
}

/// What a plan prescribes for an episode.
pub(crate) struct Prescribed {
    pub(crate) owners: Vec<Owner>,
    pub(crate) action: Option<String>,
    pub(crate) runbook_url: Option<String>,
}

/// What the plan prescribes for a drift of the target or pattern that began in the transition from `drifting`.
fn prescribed(
    plan: &Plan,
    target: &Target,
    pattern: Option<&Pattern>,
    drifting: Option<StageIndex>,
) -> Prescribed {
    let all = plan.motions.first().map_or(&[][..], |motion| &motion.transitions);
    let transition = drifting.and_then(|from| all.iter().find(|t| t.from == from));
    let (owners, action, runbook_url) = match pattern {
        Some(pattern) => (pattern.owners.clone(), pattern.action.clone(), pattern.runbook_url.clone()),
        None => (owners(target, all, transition), target.action.clone(), target.runbook_url.clone()),
    };
    let action = action.or_else(|| transition.and_then(|t| t.action.clone()));
    let runbook_url = runbook_url.or_else(|| transition.and_then(|t| t.runbook_url.clone()));
    Prescribed { owners, action: action.map(String::from), runbook_url: runbook_url.map(String::from) }
}

/// The same for a live episode under another revision of its plan, whose stages are found by name. `None` where that
/// knows its subject no more.
pub(crate) fn prescribed_anew(plan: &Plan, episode: &Episode) -> Option<Prescribed> {
    let subject = &episode.subject;
    let target = plan.target(plan.target_named(subject.target.as_str())?);
    let pattern = match &subject.pattern {
        Some(name) => Some(plan.patterns.iter().find(|p| p.name == *name)?),
        None => None,
    };
    let drift = &episode.assessment.drift;
    let from = drift.transition.and(drift.of.split_once('>')).and_then(|(from, _)| plan.stage(from));
    Some(prescribed(plan, target, pattern, from))
}

/// Transitions, not departments, are owned: the drifting transition's owners, unless the target names its own.
fn owners(target: &Target, all: &[PlanTransition], transition: Option<&PlanTransition>) -> Vec<Owner> {
    let inherited = target.owners.iter().all(|o| all.iter().any(|t| t.owners.contains(o)))
        && all
            .iter()
            .filter(|t| on_path(target.metric, t))
            .flat_map(|t| &t.owners)
            .all(|o| target.owners.contains(o));
    match transition {
        Some(transition) if inherited => transition.owners.clone(),
        _ => target.owners.clone(),
    }
}

fn names_of(assessment: &Assessment, case: &Case<'_>) -> String {
    match assessment.drift.transition {
        Some(_) => format!("{} ({})", case.target.name, names::shown(&assessment.drift.of)),
        None => case.target.name.to_string(),
    }
}

fn on_path(metric: plumbline_plan::Metric, transition: &PlanTransition) -> bool {
    use plumbline_plan::Metric;
    match metric {
        Metric::Conversion { from, to }
        | Metric::Velocity { from, to }
        | Metric::Handoff { from, to, .. } => transition.from >= from && transition.to <= to,
        Metric::Cac | Metric::Volume { .. } | Metric::Spend => true,
    }
}

/// Where the latch stands, as the verdict of an assessment.
pub(crate) fn drifting(latch: &Latch) -> Verdict {
    Verdict::Drifting(latch.severity)
}
