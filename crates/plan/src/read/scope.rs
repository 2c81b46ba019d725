//! `each`, `where`, `value` and `values`: the scopes of a target with the planned value of each.

use std::collections::BTreeMap;

use plumbline_units::{Currency, Name, Share};

use super::funnel::Funnel;
use super::source::{Field, Reader, Section};
use crate::access::{conversion_between, scope_label};
use crate::model::{DimensionIndex, Metric, Scope, ScopedValue, Transition, Value};

/// The scopes of a target.
pub(crate) struct Scopes {
    /// Dimensions of `each`, in plan order.
    pub(crate) each: Vec<DimensionIndex>,
    /// Every scope that has a planned value.
    pub(crate) scopes: Vec<ScopedValue>,
}

pub(crate) fn read(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    metric: Metric,
    currency: Currency,
    funnel: &Funnel,
    transitions: Option<&[Transition]>,
    room: &mut usize,
) -> Option<Scopes> {
    let selector = match section.field("where") {
        Some(field) => funnel.selector(reader, &field)?,
        None => Scope::default(),
    };
    let each = read_each(reader, section, funnel, &selector)?;
    let count = each.iter().fold(1usize, |n, (d, _)| n.saturating_mul(values_of(funnel, *d).len()));
    if count > *room {
        reader.error(
            section.at,
            format!("{} has {count} scopes; of the 10,000 a plan may have {room} are left", section.what),
            "judge fewer values or dimensions; others still serve to explain",
        );
        return None;
    }
    *room -= count;
    let base = match section.field("value") {
        Some(field) => Some(read_value(reader, &field, metric, currency)?),
        None => None,
    };
    let dimensions: Vec<DimensionIndex> = each.iter().map(|(dimension, _)| *dimension).collect();
    let mut own = BTreeMap::new();
    if let Some(field) = section.field("values") {
        if dimensions.is_empty() {
            reader.error(
                field.at(),
                format!("{} has `values` but no `each`", section.what),
                "add `each`, or state one `value`",
            );
            return None;
        }
        let mut values = ValueTable { funnel, metric, currency, each: &dimensions, own: &mut own };
        values.read(reader, &field, &selector)?;
    }
    let mut sorted = dimensions;
    sorted.sort();
    let mut scopes = Vec::with_capacity(count);
    let mut missing = Vec::new();
    for scope in enumerate(funnel, &selector, &sorted) {
        let planned = own.remove(&scope).or(base);
        match planned.or_else(|| product(metric, transitions, &scope)) {
            Some(value) => scopes.push(ScopedValue { scope, value }),
            None => missing.push(scope),
        }
    }
    report_missing(reader, section, metric, funnel, &scopes, &missing)?;
    Some(Scopes { each: sorted, scopes })
}

/// The dimensions of `each` as written, and where each is.
fn read_each(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    funnel: &Funnel,
    selector: &Scope,
) -> Option<Vec<(DimensionIndex, usize)>> {
    let Some(field) = section.field("each") else { return Some(Vec::new()) };
    let mut each: Vec<(DimensionIndex, usize)> = Vec::new();
    let mut whole = true;
    for element in field.array(reader, "[\"segment\"]")? {
        let text = element.text(reader, "\"segment\"");
        let found = text.and_then(|text| funnel.dimension(reader, element.at(), text));
        let Some(dimension) = found.filter(|d| funnel.judgeable(reader, element.at(), *d)) else {
            whole = false;
            continue;
        };
        let fixed = selector.0.iter().any(|(d, _)| *d == dimension);
        if fixed || each.iter().any(|(d, _)| *d == dimension) {
            let name = &funnel.dimensions[usize::from(dimension.0)].name;
            let reason = if fixed { "is fixed by `where`" } else { "is listed twice" };
            reader.error(
                element.at(),
                format!("`{name}` in `each` of {} {reason}", section.what),
                "remove it",
            );
            whole = false;
            continue;
        }
        each.push((dimension, element.at()));
    }
    whole.then_some(each)
}

fn values_of(funnel: &Funnel, dimension: DimensionIndex) -> &[Name] {
    &funnel.dimensions[usize::from(dimension.0)].values
}

/// All combinations of declared values, the last dimension varying fastest.
fn enumerate(funnel: &Funnel, selector: &Scope, each: &[DimensionIndex]) -> Vec<Scope> {
    let mut scopes = vec![selector.clone()];
    for dimension in each {
        scopes = scopes
            .iter()
            .flat_map(|scope| {
                values_of(funnel, *dimension).iter().map(|value| with(scope, *dimension, value))
            })
            .collect();
    }
    scopes
}

fn with(scope: &Scope, dimension: DimensionIndex, value: &Name) -> Scope {
    let mut pairs = scope.0.clone();
    pairs.push((dimension, value.clone()));
    pairs.sort();
    Scope(pairs)
}

/// A conversion that states no value is the product of its transitions.
fn product(metric: Metric, transitions: Option<&[Transition]>, scope: &Scope) -> Option<Value> {
    // Without transitions the plan is refused anyway.
    let Some(transitions) = transitions else { return Some(Value::Share(Share::ONE)) };
    match metric {
        Metric::Conversion { from, to } => Some(conversion_between(transitions, from, to, scope))
            .filter(|share| share.parts_per_billion() > 0 && *share != Share::ONE)
            .map(Value::Share),
        _ => None,
    }
}

/// `values`, nested in the order of `each`.
struct ValueTable<'v> {
    funnel: &'v Funnel,
    metric: Metric,
    currency: Currency,
    each: &'v [DimensionIndex],
    own: &'v mut BTreeMap<Scope, Value>,
}

impl ValueTable<'_> {
    fn read(&mut self, reader: &mut Reader<'_>, field: &Field<'_>, scope: &Scope) -> Option<()> {
        let depth = self.each.iter().filter(|d| scope.0.iter().any(|(fixed, _)| fixed == *d)).count();
        let Some(dimension) = self.each.get(depth).copied() else {
            let value = read_value(reader, field, self.metric, self.currency)?;
            self.own.insert(scope.clone(), value);
            return Some(());
        };
        let mut whole = Some(());
        for (key, at, inner) in field.entries(reader, "one value per declared value: { smb = …, mid = … }")?
        {
            let read = match self.funnel.value(reader, at, dimension, key) {
                Some(value) => self.read(reader, &inner, &with(scope, dimension, value)),
                None => None,
            };
            whole = whole.and(read);
        }
        whole
    }
}

fn read_value(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    metric: Metric,
    currency: Currency,
) -> Option<Value> {
    match metric {
        Metric::Conversion { .. } | Metric::Handoff { .. } => field.share(reader).map(Value::Share),
        Metric::Cac => field.money(reader, currency).map(Value::Money),
        Metric::Volume { .. } => field.count_per_day(reader).map(Value::PerDay),
        Metric::Spend => field.money_per_day(reader, currency).map(Value::MoneyPerDay),
        Metric::Velocity { .. } => field.duration(reader).map(Value::Duration),
    }
}

fn report_missing(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    metric: Metric,
    funnel: &Funnel,
    scopes: &[ScopedValue],
    missing: &[Scope],
) -> Option<()> {
    let Some(first) = missing.first() else { return Some(()) };
    if matches!(metric, Metric::Conversion { .. }) {
        reader.error(
            section.at,
            format!("the transitions of {} multiply to less than one in a billion", section.what),
            "check the transitions, or state `value`",
        );
        return None;
    }
    if scopes.is_empty() {
        let example = match metric {
            Metric::Cac => "\"2500 EUR\"",
            Metric::Volume { .. } => "\"30/day\"",
            Metric::Spend => "\"3000 EUR/day\"",
            Metric::Velocity { .. } => "\"14d\"",
            _ => "0.4",
        };
        section.require(reader, "value", example);
        return None;
    }
    let label = scope_label(&funnel.dimensions, first);
    let more = match missing.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    reader.warning(
        section.at,
        format!("{} has no value for {label}{more}: it is not judged there", section.what),
        "add it to `values`, or state a `value` for all others",
    );
    Some(())
}
