//! A funnel read off the events: which stages there are and in what order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plumbline_events::{BodyView, EventView, LeadFactView, OpportunityFactView};
use plumbline_units::{Currency, Timestamp};

use super::fragment::quoted;
use super::history::each_event;
use crate::args::HistoryArgs;
use crate::exit::{Kind, Outcome};
use crate::progress::Progress;

/// Stages a plan may have.
const MOST_STAGES: usize = 12;
/// The first and the last stage.
const FIRST: &str = "lead";
const LAST: &str = "won";
const OPPORTUNITY: &str = "opportunity";

/// What the events show of the company.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// First to last.
    pub(super) stages: Vec<String>,
    /// By events that name them, the commonest first.
    pub(super) currencies: Vec<(Currency, u64)>,
    /// Values of each attribute of leads with their leads, the commonest first.
    pub(super) attributes: BTreeMap<String, Vec<(String, u64)>>,
}

/// A plan that says no more than the funnel: enough to fold the events by.
pub(super) fn skeleton(args: &HistoryArgs, progress: Progress) -> Outcome<String> {
    let survey = survey(args, progress)?;
    let currency = survey.currencies.first().map_or("EUR".to_owned(), |(c, _)| c.to_string());
    let stages: Vec<String> = survey.stages.iter().map(|s| quoted(s)).collect();
    let mut text = format!(
        "plan = \"fitted\"\nrevision = 1\neffective_from = 1970-01-01\ntimezone = \"UTC\"\n\
         currency = \"{currency}\"\n[funnel]\nstages = [{}]\n",
        stages.join(", ")
    );
    for pair in stages.windows(2) {
        let _ = writeln!(
            text,
            "[[transition]]\nfrom = {}\nto = {}\nconversion = 0.5\nlag = {{ median = \"7d\", p90 = \"30d\" }}\n\
             owners = [{{ function = \"a\", team = \"a\" }}, {{ function = \"b\", team = \"b\" }}]",
            pair[0], pair[1]
        );
    }
    Ok(text)
}

/// Reads the events once.
pub(super) fn survey(args: &HistoryArgs, progress: Progress) -> Outcome<Survey> {
    let mut seen = Seen::default();
    each_event(args, progress, &mut |event| seen.see(event))?;
    seen.survey(args)
}

/// Values of an attribute beyond these are not counted apart.
const MOST_VALUES: usize = 1_000;

#[derive(Default)]
struct Seen {
    /// First time of each stage by journey: the lead, or an opportunity without one.
    journeys: BTreeMap<String, BTreeMap<String, Timestamp>>,
    /// The lead of an opportunity.
    leads: BTreeMap<String, String>,
    currencies: BTreeMap<Currency, u64>,
    attributes: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Seen {
    fn see(&mut self, event: &EventView<'_>) {
        match event.body {
            BodyView::Lead { lead_id, fact } => match fact {
                LeadFactView::Created => {
                    self.reach(format!("l{lead_id}"), FIRST, event.occurred_at);
                    for (name, value) in event.attributes.iter() {
                        let values = self.attributes.entry(name.to_owned()).or_default();
                        let value = value.trim();
                        if values.len() < MOST_VALUES || values.contains_key(value) {
                            *values.entry(value.to_owned()).or_default() += 1;
                        }
                    }
                }
                LeadFactView::StageReached(stage) => {
                    self.reach(format!("l{lead_id}"), stage, event.occurred_at);
                }
                _ => {}
            },
            BodyView::Opportunity { opportunity_id, lead_id, amount, fact } => {
                if let Some(lead) = lead_id {
                    self.leads.insert(opportunity_id.to_owned(), lead.to_owned());
                }
                if let Some(amount) = amount {
                    *self.currencies.entry(amount.currency).or_default() += 1;
                }
                let stage = match fact {
                    OpportunityFactView::Created => OPPORTUNITY,
                    OpportunityFactView::StageReached(stage) => stage,
                    OpportunityFactView::Won => LAST,
                    _ => return,
                };
                self.reach(format!("o{opportunity_id}"), stage, event.occurred_at);
            }
            BodyView::Spend { amount, .. } => {
                *self.currencies.entry(amount.currency).or_default() += 1;
            }
        }
    }

    fn reach(&mut self, journey: String, stage: &str, at: Timestamp) {
        let stages = self.journeys.entry(journey).or_default();
        let first = stages.entry(stage.to_owned()).or_insert(at);
        *first = (*first).min(at);
    }

    fn survey(mut self, args: &HistoryArgs) -> Outcome<Survey> {
        for (opportunity, lead) in std::mem::take(&mut self.leads) {
            let Some(own) = self.journeys.remove(&format!("o{opportunity}")) else { continue };
            for (stage, at) in own {
                self.reach(format!("l{lead}"), &stage, at);
            }
        }
        let stages = self.order();
        if stages.len() < 2 || stages.len() > MOST_STAGES {
            return Err(Kind::Input.says(format!(
                "the events of workspace {} name {} stages ({}); a funnel has 2 to {MOST_STAGES}: state it in a \
                 plan and give --plan",
                args.workspace,
                stages.len(),
                stages.iter().take(20).cloned().collect::<Vec<_>>().join(", ")
            )));
        }
        let ranked = |counts: BTreeMap<String, u64>| {
            let mut values: Vec<(String, u64)> = counts.into_iter().collect();
            values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            values
        };
        let mut currencies: Vec<(Currency, u64)> = self.currencies.into_iter().collect();
        currencies.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(Survey {
            stages,
            currencies,
            attributes: self.attributes.into_iter().map(|(name, counts)| (name, ranked(counts))).collect(),
        })
    }

    /// Stages by how many others they mostly come after; `lead` first and `won` last.
    fn order(&self) -> Vec<String> {
        let mut before: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        let mut names: BTreeMap<&str, u64> = BTreeMap::new();
        for stages in self.journeys.values() {
            for (a, at) in stages {
                *names.entry(a).or_default() += 1;
                for (b, then) in
                    stages.range::<String, _>((std::ops::Bound::Excluded(a), std::ops::Bound::Unbounded))
                {
                    let sign = match at.cmp(then) {
                        std::cmp::Ordering::Less => 1,
                        std::cmp::Ordering::Greater => -1,
                        std::cmp::Ordering::Equal => 0,
                    };
                    *before.entry((a, b)).or_default() += sign;
                }
            }
        }
        let comes_after = |name: &str| {
            let after = names.keys().filter(|other| {
                let (key, sign) = if **other < name { ((**other, name), 1) } else { ((name, **other), -1) };
                before.get(&key).is_some_and(|sum| sum * sign > 0)
            });
            after.count()
        };
        // Of stages that never share a journey, the commoner comes first.
        let place = |name: &str| match name {
            FIRST => (0, 0),
            LAST => (2, 0),
            _ => (1, comes_after(name)),
        };
        let mut order: Vec<(&str, u64)> = names.iter().map(|(name, n)| (*name, *n)).collect();
        order.sort_by(|a, b| place(a.0).cmp(&place(b.0)).then(b.1.cmp(&a.1)).then(a.0.cmp(b.0)));
        order.into_iter().map(|(name, _)| name.to_owned()).collect()
    }
}
