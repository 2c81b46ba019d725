//! `[[transition]]`: planned rate, lag and owners from each stage to the next.

use plumbline_units::{Name, Share};

use super::funnel::{Funnel, stage_index};
use super::season::{Mean, read_season};
use super::source::{Field, Reader, Section};
use super::tables;
use crate::model::{Lag, Owner, RateAndLag, Scope, StageIndex, Transition};
use crate::season::Season;

/// A day table is no longer.
const MAX_LAG_DAYS: usize = 1_500;
const MAX_OVERRIDES: usize = 2_000;
/// How far the last element of a day table may lie from 1, in parts per billion: it was rounded in the text.
const LAST_SHARE_SLACK: u32 = 1_000_000;
/// Owners of one thing, at most.
const MAX_OWNERS: usize = 20;

const KEYS: &[&str] = &[
    "from",
    "to",
    "conversion",
    "conversion_error",
    "lag",
    "dispersion",
    "season",
    "owners",
    "action",
    "runbook_url",
    "scope",
];
const SCOPE_KEYS: [&str; 6] = ["where", "conversion", "conversion_error", "lag", "dispersion", "season"];
const LAG_EXAMPLE: &str = "{ median = \"4d\", p90 = \"11d\" }";

/// One transition per neighbouring pair of stages, in funnel order; `None` where one is missing or wrong.
pub(crate) fn read(reader: &mut Reader<'_>, root: &Section<'_>, funnel: &Funnel) -> Option<Vec<Transition>> {
    let mut read: Vec<Option<Transition>> = vec![None; funnel.stages.len() - 1];
    let mut stated = vec![false; read.len()];
    let mut placed = true;
    for section in tables(reader, root, "transition", ("transition", ""), KEYS) {
        let first = format!("\"{}\"", funnel.stages[0]);
        let from = section.require(reader, "from", &first).and_then(|f| funnel.stage(reader, &f));
        let second = format!("\"{}\"", funnel.stages[1]);
        let to = section.require(reader, "to", &second).and_then(|f| funnel.stage(reader, &f));
        let place = match (from, to) {
            (Some(from), Some(to)) => place(reader, &section, funnel, from, to, &mut stated),
            _ => None,
        };
        placed &= place.is_some();
        let body = read_body(reader, &section, funnel);
        if let (Some(place), Some(mut transition)) = (place, body) {
            transition.from = stage_index(place);
            transition.to = stage_index(place + 1);
            read[place] = Some(transition);
        }
    }
    // One that could not be placed may be the missing one.
    for (place, _) in stated.iter().enumerate().filter(|(_, stated)| placed && !**stated) {
        let (from, to) = (&funnel.stages[place], &funnel.stages[place + 1]);
        reader.error(
            funnel.stages_at,
            format!("no transition from `{from}` to `{to}`"),
            format!("add `[[transition]]` with `from = \"{from}\"` and `to = \"{to}\"`"),
        );
    }
    read.into_iter().collect()
}

fn place(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    funnel: &Funnel,
    from: StageIndex,
    to: StageIndex,
    stated: &mut [bool],
) -> Option<usize> {
    let place = usize::from(from.0);
    if usize::from(to.0) != place + 1 {
        let next = match funnel.stages.get(place + 1) {
            Some(next) => format!("`{}` is followed by `{next}`", funnel.stages[place]),
            None => format!("`{}` is the last stage", funnel.stages[place]),
        };
        reader.error(section.at, format!("{} does not join neighbouring stages", section.what), next);
        return None;
    }
    if std::mem::replace(&mut stated[place], true) {
        reader.error(section.at, format!("{} is stated twice", section.what), "remove one of them");
        return None;
    }
    Some(place)
}

fn read_body(reader: &mut Reader<'_>, section: &Section<'_>, funnel: &Funnel) -> Option<Transition> {
    let conversion = section.require(reader, "conversion", "0.4").and_then(|f| f.share(reader));
    let lag = section.require(reader, "lag", LAG_EXAMPLE).and_then(|f| read_lag(reader, &f, true));
    let dispersion = read_dispersion(reader, section).unwrap_or(0.0);
    let season = seasonal(reader, section);
    let owners = read_owners(reader, section);
    if owners.is_none() {
        section.require(
            reader,
            "owners",
            "[{ function = \"marketing\", team = \"…\" }, { function = \"sales\", team = \"…\" }]",
        );
    }
    let action = read_text(reader, section, "action");
    let runbook_url = read_url(reader, section);
    let base = match (conversion, lag) {
        (Some(conversion), Some(lag)) => {
            let season = season.unwrap_or(Season::FLAT);
            certain_at_most(reader, section, conversion, &season);
            let error = read_error(reader, section, conversion);
            Some(RateAndLag { conversion, error, lag, dispersion, season })
        }
        _ => None,
    };
    let scopes = read_overrides(reader, section, funnel, base.as_ref());
    Some(Transition {
        from: StageIndex(0),
        to: StageIndex(0),
        base: base?,
        scopes,
        owners: owners?,
        action,
        runbook_url,
        line: reader.line(section.at),
    })
}

fn read_overrides(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    funnel: &Funnel,
    base: Option<&RateAndLag>,
) -> Vec<(Scope, RateAndLag)> {
    let mut overrides: Vec<(Scope, RateAndLag)> = Vec::new();
    let of = format!(" of {}", section.what);
    for scope in tables(reader, section, "scope", ("scope", &of), &SCOPE_KEYS) {
        let selector =
            scope.require(reader, "where", "{ segment = \"smb\" }").and_then(|f| funnel.selector(reader, &f));
        let conversion = scope.field("conversion").map(|f| f.share(reader));
        let lag = scope.field("lag").map(|f| read_lag(reader, &f, true));
        let dispersion = read_dispersion(reader, &scope);
        let season = seasonal(reader, &scope);
        let (Some(selector), Some(base)) = (selector, base) else { continue };
        if overrides.len() == MAX_OVERRIDES {
            let message = format!("{} has more than {MAX_OVERRIDES} scopes", section.what);
            reader.error(scope.at, message, "merge those that share a rate");
            break;
        }
        if selector.0.is_empty() {
            reader.error(
                scope.at,
                format!("{} selects everything", scope.what),
                "name at least one dimension",
            );
            continue;
        }
        if let Some((earlier, _)) = overrides.iter().find(|(earlier, _)| selector.implies(earlier)) {
            let same = *earlier == selector;
            reader.warning(
                scope.at,
                format!("{} is never used: an earlier one already matches all of it", scope.what),
                if same { "remove it" } else { "the first match wins: put the narrower selector first" },
            );
        }
        let (Some(conversion), Some(lag)) =
            (conversion.unwrap_or(Some(base.conversion)), lag.unwrap_or_else(|| Some(base.lag.clone())))
        else {
            continue;
        };
        let season = season.unwrap_or(base.season);
        certain_at_most(reader, &scope, conversion, &season);
        let dispersion = dispersion.unwrap_or(base.dispersion);
        let inherits = scope.field("conversion").is_none() && scope.field("conversion_error").is_none();
        let error = if inherits { base.error } else { read_error(reader, &scope, conversion) };
        overrides.push((selector, RateAndLag { conversion, error, lag, dispersion, season }));
    }
    overrides
}

/// The standard error of a conversion; 0 where absent.
fn read_error(reader: &mut Reader<'_>, section: &Section<'_>, conversion: Share) -> f64 {
    let Some(field) = section.field("conversion_error") else { return 0.0 };
    let most = conversion.as_f64() / 4.0;
    let read = field.number().filter(|n| (0.0..=most).contains(n)).or_else(|| {
        field.wrong(
            reader,
            "a number from 0 to a quarter of the conversion",
            "write the standard error of the estimate, such as 0.01, or leave it out: a promise has none",
        )
    });
    read.unwrap_or(0.0)
}

fn seasonal(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Season> {
    section.field("season").and_then(|field| read_season(reader, &field, Mean::OfEntries))
}

/// A day's conversion is a share, too.
fn certain_at_most(reader: &mut Reader<'_>, section: &Section<'_>, conversion: Share, season: &Season) {
    let most = |factors: &[f64]| factors.iter().fold(0.0_f64, |most, factor| most.max(*factor));
    let highest = conversion.as_f64() * most(&season.weekday) * most(&season.quarter_week);
    if highest > 0.98 && highest > conversion.as_f64() {
        reader.error(
            section.at,
            format!("the season of {} raises its conversion to {:.0}%", section.what, highest * 100.0),
            "lower its highest factors: at most 98% may convert on any day",
        );
    }
}

fn read_dispersion(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<f64> {
    let field = section.field("dispersion")?;
    field.number().filter(|n| (0.0..0.5).contains(n)).or_else(|| {
        field.wrong(reader, "a number from 0 to below 0.5", "write such as 0.01, or leave it out (0)")
    })
}

/// `{ median, p90 }`, `{ days }` or, where `outer`, `{ weekday = [seven of these] }`.
fn read_lag(reader: &mut Reader<'_>, field: &Field<'_>, outer: bool) -> Option<Lag> {
    let known: &[&str] =
        if outer { &["median", "p90", "days", "weekday"] } else { &["median", "p90", "days"] };
    let section = field.section(reader, field.name.clone(), known, LAG_EXAMPLE)?;
    let forms = ["median", "days", "weekday"].into_iter().filter(|key| section.field(key).is_some()).count();
    if forms == 0 && section.field("p90").is_none() {
        reader.error(section.at, format!("{} is empty", section.what), format!("write {LAG_EXAMPLE}"));
        return None;
    }
    if forms > 1 || (section.field("p90").is_some() && section.field("median").is_none()) {
        reader.error(
            section.at,
            format!("{} mixes forms of a lag", section.what),
            "write `median` with `p90`, or `days`, or `weekday`",
        );
        return None;
    }
    if let Some(field) = section.field("days") {
        return read_day_table(reader, &field).map(Lag::Days);
    }
    if let Some(field) = section.field("weekday").filter(|_| outer) {
        let lags = field.array(reader, "seven lags, Monday first")?;
        if lags.len() != 7 {
            reader.error(
                field.at(),
                format!("{} has {} lags, a week seven days", field.name, lags.len()),
                "give one lag per weekday of entry, Monday first",
            );
            return None;
        }
        let read: Vec<Option<Lag>> = lags.iter().map(|lag| read_lag(reader, lag, false)).collect();
        let read: Option<Vec<Lag>> = read.into_iter().collect();
        return <[Lag; 7]>::try_from(read?).ok().map(|lags| Lag::Weekday(Box::new(lags)));
    }
    let median = section.require(reader, "median", "\"4d\"").and_then(|f| f.duration(reader));
    let p90_field = section.require(reader, "p90", "\"11d\"");
    let p90 = p90_field.as_ref().and_then(|f| f.duration(reader));
    let (median, p90) = (median?, p90?);
    if p90 <= median {
        reader.error(
            p90_field.map_or(section.at, |f| f.at()),
            format!("the 90th percentile of {} must be longer than the median", section.what),
            "`median`: half have converted by then; `p90`: nine of ten have",
        );
        return None;
    }
    Some(Lag::LogNormal { median, p90 })
}

fn read_day_table(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<Vec<Share>> {
    let elements = field.array(reader, "[0.1, 0.4, 0.8, 1.0]")?;
    if elements.is_empty() || elements.len() > MAX_LAG_DAYS {
        reader.error(
            field.at(),
            format!("{} has {} shares; it takes 1 to {MAX_LAG_DAYS}", field.name, elements.len()),
            "write the share converted by the end of the entry day, of the next day, …, up to 1.0",
        );
        return None;
    }
    let mut shares: Vec<Share> = Vec::with_capacity(elements.len());
    for element in &elements {
        let share = element.number().and_then(|n| Share::from_f64(n).ok());
        let Some(share) = share else {
            return element.wrong(reader, "a share from 0 to 1", "write cumulative shares such as 0.4");
        };
        if shares.last().is_some_and(|last| share < *last) {
            reader.error(
                element.at(),
                format!("{} is smaller than the one before it", element.name),
                "the shares are cumulative: each contains those before it",
            );
            return None;
        }
        shares.push(share);
    }
    match shares.last_mut() {
        Some(last) if last.parts_per_billion() >= Share::ONE.parts_per_billion() - LAST_SHARE_SLACK => {
            *last = Share::ONE;
            Some(shares)
        }
        _ => {
            reader.error(
                elements.last().map_or(field.at(), Field::at),
                format!("{} does not end with 1", field.name),
                "the shares are of those that convert at all: divide each by the last",
            );
            None
        }
    }
}

/// What a drafted plan has in place of a team.
const UNNAMED: &str = "change-me";

/// `owners`, from at least two functions; `None` where absent or wrong.
pub(crate) fn read_owners(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Vec<Owner>> {
    let field = section.field("owners")?;
    let example = "[{ function = \"marketing\", team = \"demand-gen\" }]";
    let mut owners: Vec<Owner> = Vec::new();
    let elements = field.array(reader, example)?;
    let mut unnamed = false;
    let mut whole = elements.len() <= MAX_OWNERS;
    if !whole {
        reader.error(field.at(), format!("{} lists more than {MAX_OWNERS}", field.name), "name fewer teams");
    }
    for element in elements.iter().take(MAX_OWNERS) {
        let keys = &["function", "team"];
        let Some(owner) = element.section(reader, element.name.clone(), keys, example) else {
            whole = false;
            continue;
        };
        let function =
            owner.require(reader, "function", "\"sales\"").and_then(|f| f.name(reader, "\"sales\""));
        let team = owner.require(reader, "team", "\"sdr-emea\"").and_then(|f| f.name(reader, "\"sdr-emea\""));
        match (function, team) {
            (Some(function), Some(team)) => {
                unnamed = unnamed || team.as_str() == UNNAMED;
                let owner = Owner { function, team };
                if !owners.contains(&owner) {
                    owners.push(owner);
                }
            }
            _ => whole = false,
        }
    }
    if unnamed {
        reader.warning(
            field.at(),
            format!("{} still have the draft's `{UNNAMED}` for a team", field.name),
            "name the teams that own it: an alert tells them",
        );
    }
    if whole && !two_functions(&owners) {
        reader.error(
            field.at(),
            format!("{} come from fewer than two functions", field.name),
            "name the other side of the hand-off too: drift lives where nobody owns both ends",
        );
        whole = false;
    }
    // Wrong owners have been reported; an empty list keeps the section from being reported as ownerless too.
    Some(if whole { owners } else { Vec::new() })
}

pub(crate) fn two_functions(owners: &[Owner]) -> bool {
    let first: Option<&Name> = owners.first().map(|o| &o.function);
    owners.iter().any(|o| Some(&o.function) != first)
}

/// Optional free text.
pub(crate) fn read_text(reader: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<Box<str>> {
    const MAX_TEXT: usize = 1_000;
    let field = section.field(key)?;
    let text = field.text(reader, "text in quotes")?;
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        return field.wrong(reader, &format!("1 to {MAX_TEXT} bytes of text"), "shorten it, or leave it out");
    }
    Some(text.into())
}

/// Optional `runbook_url`.
pub(crate) fn read_url(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Box<str>> {
    let text = read_text(reader, section, "runbook_url")?;
    if !text.starts_with("https://") && !text.starts_with("http://") {
        let field = section.field("runbook_url")?;
        return field.wrong(reader, "a web address", "start it with https://");
    }
    Some(text)
}
