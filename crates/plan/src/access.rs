//! What the fold, the detectors and the alerts ask a plan.

use plumbline_units::{Day, Micros, Money, Name, Seconds, Share};

use crate::diagnostic::Diagnostic;
use crate::model::{
    Dimension, DimensionIndex, Metric, Motion, Owner, Plan, RateAndLag, Scope, StageIndex, Target,
    TargetIndex, Transition,
};
use crate::read::{self, Parsed};

/// What a dimension's raw value counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueClass<'a> {
    /// A declared value, or an alias of it.
    Declared(&'a Name),
    /// Any value of a dimension that declares none: trimmed, aliases replaced; may be empty.
    Any(&'a str),
    /// Not among the declared values.
    Unplanned,
}

impl Plan {
    /// Reads a plan. `source_name` is the file's name as findings and alerts are to show it.
    ///
    /// # Errors
    /// All findings in the order of the text, among them at least one error.
    pub fn parse(source_name: &str, text: &str) -> Result<Parsed, Vec<Diagnostic>> {
        read::parse(source_name, text)
    }

    /// The funnel.
    pub fn motion(&self) -> &Motion {
        &self.motions[0]
    }

    /// The first stage.
    pub const fn first(&self) -> StageIndex {
        StageIndex(0)
    }

    /// The last stage.
    pub fn last(&self) -> StageIndex {
        StageIndex((self.motion().stages.len() - 1) as u8)
    }

    /// The stage called `name`. A funnel has at most 12, so a scan is the fastest search.
    pub fn stage(&self, name: &str) -> Option<StageIndex> {
        self.motion().stages.iter().position(|stage| stage.as_str() == name).map(|i| StageIndex(i as u8))
    }

    /// The name of a stage.
    pub fn stage_name(&self, stage: StageIndex) -> &Name {
        &self.motion().stages[usize::from(stage.0)]
    }

    /// A target.
    pub fn target(&self, index: TargetIndex) -> &Target {
        &self.targets[usize::from(index.0)]
    }

    /// The target called `name`.
    pub fn target_named(&self, name: &str) -> Option<TargetIndex> {
        self.targets.iter().position(|t| t.name.as_str() == name).map(|i| TargetIndex(i as u16))
    }

    /// The dimension read from the attribute `name`.
    pub fn dimension(&self, name: &str) -> Option<DimensionIndex> {
        self.dimensions.iter().position(|d| d.name.as_str() == name).map(|i| DimensionIndex(i as u8))
    }

    /// Rate and lag of the transition that leaves stage `transition`, in a scope: the first override whose
    /// selector the scope implies, else the base.
    pub fn rate_and_lag(&self, transition: usize, scope: &Scope) -> &RateAndLag {
        self.motion().transitions[transition].in_scope(scope)
    }

    /// The planned share of the journeys in `from` that reach `to`: the product of the transitions between.
    pub fn conversion(&self, from: StageIndex, to: StageIndex, scope: &Scope) -> Share {
        conversion_between(&self.motion().transitions, from, to, scope)
    }

    /// An amount in the plan's currency, at the newest rate that holds on the day; `None` where there is no
    /// rate, or the result is beyond one trillion.
    pub fn exchange(&self, money: Money, on: Day) -> Option<Micros> {
        if money.currency == self.currency {
            return Some(money.micros);
        }
        let after = self.rates.partition_point(|r| (r.currency, r.from) <= (money.currency, on));
        let rate = self.rates[..after].last().filter(|r| r.currency == money.currency)?;
        money.micros.convert(rate.rate)
    }

    /// The owners of the transitions from `from` to `to`, in funnel order, each once.
    pub fn owners_of_path(&self, from: StageIndex, to: StageIndex) -> Vec<Owner> {
        owners_between(&self.motion().transitions, from, to)
    }

    /// What a raw attribute value counts as in a dimension: trimmed, compared exactly, aliases replaced.
    pub fn canonical_value<'a>(&'a self, dimension: DimensionIndex, raw: &'a str) -> ValueClass<'a> {
        let dimension = &self.dimensions[usize::from(dimension.0)];
        let raw = raw.trim();
        if let Some(value) = dimension.declared(raw) {
            return ValueClass::Declared(value);
        }
        match (dimension.alias(raw), dimension.values.is_empty()) {
            (Some(value), false) => ValueClass::Declared(value),
            (Some(value), true) => ValueClass::Any(value.as_str()),
            (None, true) => ValueClass::Any(raw),
            (None, false) => ValueClass::Unplanned,
        }
    }

    /// The pairs of stages whose conversions are counted: neighbours, the first with each, and the pair of
    /// each target. Sorted, each once.
    pub fn watched_pairs(&self) -> Vec<(StageIndex, StageIndex)> {
        let last = self.last().0;
        let neighbours = (0..last).map(|s| (StageIndex(s), StageIndex(s + 1)));
        let from_first = (1..=last).map(|s| (self.first(), StageIndex(s)));
        let targets = self.targets.iter().filter_map(|target| match target.metric {
            Metric::Conversion { from, to }
            | Metric::Velocity { from, to }
            | Metric::Handoff { from, to, .. } => Some((from, to)),
            Metric::Cac | Metric::Volume { .. } | Metric::Spend => None,
        });
        let mut pairs: Vec<_> = neighbours.chain(from_first).chain(targets).collect();
        pairs.sort();
        pairs.dedup();
        pairs
    }

    /// The hand-offs whose punctual conversions are counted. Sorted, each once.
    pub fn handoffs(&self) -> Vec<(StageIndex, StageIndex, Seconds)> {
        let mut handoffs: Vec<_> = self
            .targets
            .iter()
            .filter_map(|target| match target.metric {
                Metric::Handoff { from, to, within } => Some((from, to, within)),
                _ => None,
            })
            .collect();
        handoffs.sort();
        handoffs.dedup();
        handoffs
    }

    /// Whether every event folds to the same cells under both plans, so that a change of plan needs no new
    /// fold: stages, counted pairs, hand-offs, dimensions with values and aliases, zone, currency and rates.
    pub fn folds_like(&self, other: &Plan) -> bool {
        let (ours, theirs) = (self.motion(), other.motion());
        ours.stages == theirs.stages
            && ours.opportunity == theirs.opportunity
            && self.dimensions == other.dimensions
            && self.zone == other.zone
            && self.currency == other.currency
            && self.rates == other.rates
            && self.watched_pairs() == other.watched_pairs()
            && self.handoffs() == other.handoffs()
    }

    /// `segment=smb,channel=search`; empty for everything. A comma, equals sign or backslash inside a value
    /// is preceded by a backslash, so that no two scopes share a label.
    pub fn scope_label(&self, scope: &Scope) -> String {
        scope_label(&self.dimensions, scope)
    }
}

impl Transition {
    /// Rate and lag in a scope: the first override whose selector the scope implies, else the base.
    pub fn in_scope(&self, scope: &Scope) -> &RateAndLag {
        let own = self.scopes.iter().find(|(selector, _)| scope.implies(selector));
        own.map_or(&self.base, |(_, rate)| rate)
    }
}

impl Dimension {
    /// A dimension; `values` stay in their order, aliases are sorted.
    pub fn new(name: Name, values: Vec<Name>, mut aliases: Vec<(Name, Name)>) -> Dimension {
        let mut by_name: Vec<u16> = (0..values.len().min(usize::from(u16::MAX)) as u16).collect();
        by_name.sort_by(|a, b| values[usize::from(*a)].cmp(&values[usize::from(*b)]));
        aliases.sort();
        Dimension { name, values, aliases, by_name }
    }

    /// The declared value written exactly like this.
    pub(crate) fn declared(&self, raw: &str) -> Option<&Name> {
        let value = |i: &u16| &self.values[usize::from(*i)];
        let found = self.by_name.binary_search_by(|i| value(i).as_str().cmp(raw)).ok()?;
        Some(value(&self.by_name[found]))
    }

    /// What an alias stands for.
    pub(crate) fn alias(&self, raw: &str) -> Option<&Name> {
        let found = self.aliases.binary_search_by(|(alias, _)| alias.as_str().cmp(raw)).ok()?;
        Some(&self.aliases[found].1)
    }
}

pub(crate) fn conversion_between(
    transitions: &[Transition],
    from: StageIndex,
    to: StageIndex,
    scope: &Scope,
) -> Share {
    let path = between(transitions, from, to);
    path.iter().fold(Share::ONE, |product, t| product.times(t.in_scope(scope).conversion))
}

pub(crate) fn owners_between(transitions: &[Transition], from: StageIndex, to: StageIndex) -> Vec<Owner> {
    let mut owners: Vec<Owner> = Vec::new();
    for owner in between(transitions, from, to).iter().flat_map(|t| &t.owners) {
        if !owners.contains(owner) {
            owners.push(owner.clone());
        }
    }
    owners
}

fn between(transitions: &[Transition], from: StageIndex, to: StageIndex) -> &[Transition] {
    transitions.get(usize::from(from.0)..usize::from(to.0)).unwrap_or(&[])
}

pub(crate) fn scope_label(dimensions: &[Dimension], scope: &Scope) -> String {
    let mut label = String::new();
    for (i, (dimension, value)) in scope.0.iter().enumerate() {
        if i > 0 {
            label.push(',');
        }
        escape(&mut label, dimensions[usize::from(dimension.0)].name.as_str());
        label.push('=');
        escape(&mut label, value.as_str());
    }
    label
}

fn escape(label: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, ',' | '=' | '\\') {
            label.push('\\');
        }
        label.push(c);
    }
}
