//! An independent, slow recomputation of all cells from the whole set of events. It keeps no registers and knows
//! nothing of the fold: for each question it sorts the facts and reads the answer off.

use std::collections::{BTreeMap, BTreeSet};

use plumbline_events::{Body, Event, LeadFact, OpportunityFact};
use plumbline_plan::{DimensionIndex, Plan, ValueClass};
use plumbline_units::{Day, Money, Timestamp};

use super::Plain;

const SETTLE_MS: i64 = 24 * 3_600_000;

struct Oracle<'a> {
    plan: &'a Plan,
    leads: BTreeMap<&'a str, Vec<&'a Event>>,
    opportunities: BTreeMap<&'a str, Vec<&'a Event>>,
    out: Plain,
}

fn ms(event: &Event) -> i64 {
    event.envelope.occurred_at.millis()
}

/// All cells of the set of `events`.
pub fn batch(plan: &Plan, events: &[Event]) -> Plain {
    let mut oracle =
        Oracle { plan, leads: BTreeMap::new(), opportunities: BTreeMap::new(), out: Plain::new() };
    let mut statements: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        match &event.body {
            Body::Lead { lead_id, fact } => {
                oracle.leads.entry(lead_id.as_str()).or_default().push(event);
                if let LeadFact::Merged(into) = fact {
                    oracle.leads.entry(into.as_str()).or_default();
                }
            }
            Body::Opportunity { opportunity_id, lead_id, .. } => {
                oracle.opportunities.entry(opportunity_id.as_str()).or_default().push(event);
                if let Some(lead) = lead_id {
                    oracle.leads.entry(lead.as_str()).or_default();
                }
            }
            Body::Spend { spend_id, .. } => statements.entry(spend_id.as_str()).or_default().push(event),
        }
    }
    for facts in statements.values() {
        oracle.spend(facts);
    }
    oracle.journeys();
    oracle.out.retain(|_, sum| *sum != 0);
    oracle.out
}

impl<'a> Oracle<'a> {
    fn add(&mut self, leaf: &[String], measure: String, entry: Day, lag: i32, sum: i64) {
        *self.out.entry((leaf.to_vec(), measure, entry.number(), lag.max(0) as u16)).or_insert(0) += sum;
    }

    fn raw(event: &'a Event, dimension: &str) -> Option<&'a str> {
        event.envelope.attributes.get(dimension).map(|v| &**v).filter(|v| !v.trim().is_empty())
    }

    fn shown(&self, dimension: usize, raw: Option<&str>) -> String {
        match raw.map(|raw| self.plan.canonical_value(DimensionIndex(dimension as u8), raw)) {
            None => "(unset)".into(),
            Some(ValueClass::Unplanned) => "(unplanned)".into(),
            Some(ValueClass::Declared(name)) => name.as_str().into(),
            Some(ValueClass::Any(text)) => text.into(),
        }
    }

    fn spend(&mut self, facts: &[&'a Event]) {
        let names: Vec<&str> = self.plan.dimensions.iter().map(|d| d.name.as_str()).collect();
        let latest = facts.iter().max_by_key(|event| {
            let Body::Spend { period_start, period_end, amount, .. } = &event.body else { unreachable!() };
            let raws: Vec<_> = names.iter().map(|name| Self::raw(event, name)).collect();
            (ms(event), *period_start, *period_end, *amount, raws)
        });
        let event = latest.unwrap();
        let Body::Spend { period_start, period_end, amount, .. } = &event.body else { unreachable!() };
        let leaf: Vec<String> =
            names.iter().enumerate().map(|(n, name)| self.shown(n, Self::raw(event, name))).collect();
        let total = i128::from(self.plan.exchange(*amount, *period_start).unwrap().0);
        let days = i128::from(period_end.since(*period_start));
        for n in 0..days {
            let part = ((n + 1) * total).div_euclid(days) - (n * total).div_euclid(days);
            self.add(&leaf, "Spend".into(), period_start.plus(n as i32), 0, part as i64);
        }
    }

    /// The lead that each lead's latest merge leads into.
    fn parents(&self) -> BTreeMap<&'a str, (i64, &'a str)> {
        let mut parents = BTreeMap::new();
        for (&lead, facts) in &self.leads {
            let said = facts.iter().filter_map(|event| match &event.body {
                Body::Lead { fact: LeadFact::Merged(into), .. } => Some((ms(event), "merged", into.as_str())),
                Body::Lead { fact: LeadFact::Restored, .. } => Some((ms(event), "restored", "")),
                _ => None,
            });
            if let Some((at, "merged", into)) = said.max() {
                parents.insert(lead, (at, into));
            }
        }
        // Cut every circle at its earliest merge.
        let chains: Vec<&str> = parents.keys().copied().collect();
        for start in chains {
            let mut path = vec![start];
            while let Some((_, next)) = parents.get(path[path.len() - 1]).copied() {
                if let Some(from) = path.iter().position(|lead| *lead == next) {
                    let earliest = path[from..].iter().min_by_key(|lead| parents[**lead]).copied();
                    parents.remove(earliest.unwrap());
                    break;
                }
                path.push(next);
            }
        }
        parents
    }

    fn is_deleted(facts: &[&Event]) -> bool {
        let said = facts.iter().filter_map(|event| match &event.body {
            Body::Lead { fact: LeadFact::Deleted, .. } => Some((ms(event), "deleted")),
            Body::Lead { fact: LeadFact::Restored, .. } => Some((ms(event), "restored")),
            Body::Opportunity { fact: OpportunityFact::Deleted, .. } => Some((ms(event), "deleted")),
            Body::Opportunity { fact: OpportunityFact::Restored, .. } => Some((ms(event), "restored")),
            _ => None,
        });
        said.max().is_some_and(|(_, kind)| kind == "deleted")
    }

    fn link(facts: &[&'a Event]) -> Option<&'a str> {
        let said = facts.iter().filter_map(|event| match &event.body {
            Body::Opportunity { lead_id: Some(lead), .. } => Some((ms(event), lead.as_str())),
            _ => None,
        });
        said.max().map(|(_, lead)| lead)
    }

    fn journeys(&mut self) {
        let parents = self.parents();
        let mut families: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut root_of = BTreeMap::new();
        for &lead in self.leads.keys() {
            let mut root = lead;
            while let Some((_, next)) = parents.get(root) {
                root = next;
            }
            families.entry(root).or_default().insert(lead);
            root_of.insert(lead, root);
        }
        let mut of_root: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut alone = Vec::new();
        for (&id, facts) in &self.opportunities {
            if Self::is_deleted(facts) {
                continue;
            }
            match Self::link(facts) {
                Some(lead) if !Self::is_deleted(&self.leads[root_of[lead]]) => {
                    of_root.entry(root_of[lead]).or_default().push(id);
                }
                _ => alone.push(id),
            }
        }
        for (root, members) in families {
            if !Self::is_deleted(&self.leads[root]) {
                let facts = members.iter().flat_map(|lead| self.leads[lead].clone()).collect();
                self.journey(facts, of_root.get(root).cloned().unwrap_or_default());
            }
        }
        for id in alone {
            self.journey(Vec::new(), vec![id]);
        }
    }

    /// The second in which an opportunity counts as won.
    fn won(&self, facts: &[&Event]) -> Option<i64> {
        let last = self.plan.last();
        let ends_with_opportunity = self.plan.motion().opportunity == Some(last);
        let mut said: Vec<(i64, &str)> = Vec::new();
        for event in facts {
            let Body::Opportunity { fact, .. } = &event.body else { continue };
            match fact {
                OpportunityFact::Won => said.push((ms(event), "won")),
                OpportunityFact::StageReached(s)
                    if self.plan.stage(s.as_str()) == Some(last) && !ends_with_opportunity =>
                {
                    said.push((ms(event), "won"));
                }
                OpportunityFact::Lost(_) => said.push((ms(event), "lost")),
                OpportunityFact::Reopened => said.push((ms(event), "reopened")),
                _ => {}
            }
        }
        said.sort();
        let latest = said.last().filter(|s| s.1 == "won")?;
        let first = said.iter().position(|s| s.1 == "won")?;
        let between = said[first..].iter().any(|s| s.1 != "won");
        let at = if between { latest.0 } else { said[first].0 };
        Some(at.div_euclid(1000))
    }

    fn lost(facts: &[&'a Event]) -> Option<(i64, &'a str)> {
        let said = facts.iter().filter_map(|event| match &event.body {
            Body::Opportunity { fact: OpportunityFact::Lost(r), .. } => {
                Some((ms(event), "lost", r.as_deref().unwrap_or("")))
            }
            Body::Opportunity { fact: OpportunityFact::Reopened, .. } => Some((ms(event), "reopened", "")),
            Body::Lead { fact: LeadFact::Disqualified(r), .. } => {
                Some((ms(event), "disqualified", r.as_deref().unwrap_or("")))
            }
            Body::Lead { fact: LeadFact::Reopened, .. } => Some((ms(event), "reopened", "")),
            _ => None,
        });
        said.max().filter(|s| s.1 != "reopened").map(|(at, _, reason)| (at.div_euclid(1000), reason))
    }

    fn amount(facts: &[&Event]) -> Option<(i64, Money)> {
        let said = facts.iter().filter_map(|event| match &event.body {
            Body::Opportunity { amount: Some(money), .. } => Some((ms(event), *money)),
            _ => None,
        });
        said.max()
    }

    /// Stage and second of every plain stage fact.
    fn reached(&self, event: &Event) -> Option<(usize, i64)> {
        let (first, last) = (self.plan.first(), self.plan.last());
        let opportunity = self.plan.motion().opportunity;
        let stage = match &event.body {
            Body::Lead { fact: LeadFact::Created, .. } => Some(first),
            Body::Lead { fact: LeadFact::StageReached(name), .. } => self.plan.stage(name.as_str()),
            Body::Opportunity { fact: OpportunityFact::Created, .. } => opportunity,
            Body::Opportunity { fact: OpportunityFact::StageReached(name), .. } => {
                self.plan.stage(name.as_str()).filter(|s| *s != last || opportunity == Some(last))
            }
            _ => None,
        };
        stage.map(|s| (usize::from(s.0), ms(event).div_euclid(1000)))
    }

    fn day(&self, second: i64) -> Day {
        self.plan.zone.day_of(Timestamp::clamped(second * 1000))
    }

    fn journey(&mut self, lead_facts: Vec<&'a Event>, ids: Vec<&'a str>) {
        let of: Vec<Vec<&Event>> = ids.iter().map(|id| self.opportunities[id].clone()).collect();
        let all: Vec<&Event> = lead_facts.iter().copied().chain(of.iter().flatten().copied()).collect();
        let mut seen: BTreeMap<usize, i64> = BTreeMap::new();
        let wins =
            of.iter().filter_map(|facts| self.won(facts)).map(|at| (usize::from(self.plan.last().0), at));
        for (stage, at) in all.iter().filter_map(|event| self.reached(event)).chain(wins) {
            let earliest = seen.entry(stage).or_insert(at);
            *earliest = at.min(*earliest);
        }
        let Some((&entry_stage, &entry)) = seen.iter().min_by_key(|(stage, at)| (**at, **stage)) else {
            return;
        };
        let mut leaf = Vec::new();
        for (n, dimension) in self.plan.dimensions.iter().enumerate() {
            let facts =
                all.iter().filter_map(|e| Self::raw(e, dimension.name.as_str()).map(|raw| (ms(e), raw)));
            let earliest = facts.min().filter(|(at, _)| *at <= entry * 1000 + SETTLE_MS);
            leaf.push(self.shown(n, earliest.map(|(_, raw)| raw)));
        }
        // An inferred stage has the time of the next one seen.
        let mut times = seen.clone();
        let (lowest, highest) = (*seen.keys().next().unwrap(), *seen.keys().last().unwrap());
        for stage in lowest..highest {
            let next = seen.range(stage..).next().unwrap();
            times.entry(stage).or_insert(*next.1);
        }
        for (&stage, &at) in &times {
            let (day, hour) = self.plan.zone.day_and_hour(Timestamp::clamped(at * 1000));
            self.add(&leaf, format!("Entered({stage})"), day, 0, 1);
            if seen.contains_key(&stage) {
                self.add(&leaf, format!("hour {hour} of stage {stage}"), day, 0, 1);
            } else {
                self.add(&leaf, format!("Inferred({stage})"), day, 0, 1);
            }
        }
        let pairs = self.pairs();
        for (from, to) in pairs {
            let (Some(&a), Some(&b)) = (times.get(&from), times.get(&to)) else { continue };
            let evidence = seen.contains_key(&from) && (seen.contains_key(&to) || to != from + 1);
            let word = if evidence { "Converted" } else { "Skipped" };
            let (a, b) = (self.day(a), self.day(b));
            self.add(&leaf, format!("{word}({from}, {to})"), a, b.since(a), 1);
        }
        for (n, (from, to, within)) in self.plan.handoffs().into_iter().enumerate() {
            let (from, to) = (usize::from(from.0), usize::from(to.0));
            let (Some(&a), Some(&b)) = (seen.get(&from), times.get(&to)) else { continue };
            if (seen.contains_key(&to) || to != from + 1) && b - a <= within.0 {
                let (a, b) = (self.day(a), self.day(b));
                self.add(&leaf, format!("Reached({n})"), a, b.since(a), 1);
            }
        }
        if let Some((at, reason)) = Self::lost(&lead_facts) {
            let furthest = seen.iter().rev().find(|(_, t)| **t <= at).map(|(s, _)| *s).unwrap_or(entry_stage);
            let (from, to) = (self.day(seen[&furthest]), self.day(at));
            self.add(&leaf, format!("Disqualified({furthest}, {reason:?})"), from, to.since(from), 1);
        }
        for facts in &of {
            self.outcome(facts, &leaf, &seen, (entry_stage, self.day(entry)));
        }
    }

    fn outcome(
        &mut self,
        facts: &[&'a Event],
        leaf: &[String],
        seen: &BTreeMap<usize, i64>,
        (entry_stage, entry): (usize, Day),
    ) {
        if let Some(at) = self.won(facts) {
            let lag = self.day(at).since(entry);
            self.add(leaf, "WonCount".into(), entry, lag, 1);
            if let Some((said, money)) = Self::amount(facts) {
                let amount = self.plan.exchange(money, self.day(said.div_euclid(1000))).unwrap();
                self.add(leaf, "WonAmount".into(), entry, lag, amount.0);
            }
        } else if let Some((at, reason)) = Self::lost(facts) {
            let last = usize::from(self.plan.last().0);
            let own = facts.iter().filter_map(|e| self.reached(e)).filter(|(s, t)| *s < last && *t <= at);
            let any = seen.iter().filter(|(s, t)| **s < last && **t <= at).map(|(s, _)| *s);
            let stage = own.map(|(s, _)| s).max().or(any.max()).unwrap_or(entry_stage);
            let (from, to) = (self.day(seen[&stage]), self.day(at));
            self.add(leaf, format!("Lost({stage}, {reason:?})"), from, to.since(from), 1);
        }
    }

    /// Neighbours; first to each; from the start of each target's pair to each stage up to its end.
    fn pairs(&self) -> BTreeSet<(usize, usize)> {
        let watched = self.plan.watched_pairs().into_iter();
        watched.flat_map(|(a, b)| (a.0 + 1..=b.0).map(move |n| (usize::from(a.0), usize::from(n)))).collect()
    }
}
