//! Quantities as plans write them: shares, durations, money, rates per day, dates, names.

use plumbline_units::{Currency, Day, Micros, Name, Seconds, Share, Timestamp, Tolerance, Zone};
use toml::de::DeValue;

use super::source::{Field, Reader};

/// No duration in a plan is longer: ten years.
const MAX_DURATION: Seconds = Seconds::days(3_650);

impl Field<'_> {
    /// A name without white space around it: values are compared after trimming.
    pub(crate) fn name(&self, reader: &mut Reader<'_>, example: &str) -> Option<Name> {
        let text = self.text(reader, example)?;
        match Name::new(text) {
            Ok(name) if text.trim() == text => Some(name),
            _ => self.wrong(
                reader,
                "1 to 128 bytes without control characters or white space around",
                &format!("write {example}"),
            ),
        }
    }

    /// A share: `0.4`, `"0.4"` or `"40%"`. Strictly between 0 and 1: a rate of nothing or of everything
    /// leaves nothing to judge.
    pub(crate) fn share(&self, reader: &mut Reader<'_>) -> Option<Share> {
        self.any_share().filter(|s| *s != Share::ONE && s.parts_per_billion() > 0).or_else(|| {
            self.wrong(reader, "a share between 0 and 1, both excluded", "write such as 0.4 or \"40%\"")
        })
    }

    /// A share with 0 and 1 included, read without a finding.
    pub(crate) fn any_share(&self) -> Option<Share> {
        let text = self.number_text()?.trim();
        let value = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().ok()? / 100.0,
            None => text.parse::<f64>().ok()?,
        };
        Share::from_f64(value).ok()
    }

    /// A positive duration such as `"1.5d"`; units s, m, h, d, w.
    pub(crate) fn duration(&self, reader: &mut Reader<'_>) -> Option<Seconds> {
        let text = match self.item.get_ref() {
            DeValue::String(text) => text.trim(),
            _ => "",
        };
        parse_duration(text).or_else(|| {
            self.wrong(
                reader,
                "a duration of at most ten years",
                "write a number with one of the units s, m, h, d, w, such as \"36h\" or \"1.5d\"",
            )
        })
    }

    pub(crate) fn tolerance(&self, reader: &mut Reader<'_>) -> Option<Tolerance> {
        let text = self.text(reader, "\"-10%\"")?;
        text.parse().ok().or_else(|| {
            self.wrong(
                reader,
                "a tolerance",
                "write \"-10%\" (only below), \"+20%\" (only above) or \"±25%\" (both)",
            )
        })
    }

    /// Positive money in the plan's currency: `"2500 EUR"`.
    pub(crate) fn money(&self, reader: &mut Reader<'_>, currency: Currency) -> Option<Micros> {
        let text = self.number_text().unwrap_or("");
        match parse_money(text, currency) {
            Some(Ok(micros)) => Some(micros),
            Some(Err(other)) => self.wrong_currency(reader, other, currency),
            None => self.wrong(reader, "an amount of money", &format!("write such as \"2500 {currency}\"")),
        }
    }

    /// Positive money per day: `"3000 EUR/day"` or `/week`.
    pub(crate) fn money_per_day(&self, reader: &mut Reader<'_>, currency: Currency) -> Option<Micros> {
        let read = self.number_text().and_then(|text| {
            let (amount, days) = split_period(text)?;
            Some(parse_money(amount, currency)?.map(|micros| per_day(micros, days)))
        });
        match read {
            Some(Ok(micros)) if micros.0 > 0 => Some(micros),
            Some(Err(other)) => self.wrong_currency(reader, other, currency),
            _ => self.wrong(
                reader,
                "an amount of money per day or week",
                &format!("write such as \"3000 {currency}/day\""),
            ),
        }
    }

    /// A positive count per day, in millionths: `"30/day"` or `/week`.
    pub(crate) fn count_per_day(&self, reader: &mut Reader<'_>) -> Option<Micros> {
        let read = self.number_text().and_then(|text| {
            let (count, days) = split_period(text)?;
            Some(per_day(Micros::parse_decimal(count.trim()).ok()?, days))
        });
        read.filter(|m| m.0 > 0).or_else(|| {
            self.wrong(reader, "a count per day or week", "write such as \"30/day\" or \"200/week\"")
        })
    }

    fn wrong_currency<T>(&self, reader: &mut Reader<'_>, other: Currency, currency: Currency) -> Option<T> {
        reader.error(
            self.at(),
            format!("{} is in {other}, but the plan's currency is {currency}", self.name),
            format!(
                "state it in {currency}; `[[rates]]` convert what events carry, not what the plan promises"
            ),
        );
        None
    }

    /// A positive exchange rate as decimal text or number.
    pub(crate) fn exchange_rate(&self, reader: &mut Reader<'_>) -> Option<Micros> {
        let rate = self.number_text().and_then(|text| Micros::parse_decimal(text).ok());
        rate.filter(|r| r.0 > 0)
            .or_else(|| self.wrong(reader, "a positive rate of at least 0.000001", "write such as \"0.92\""))
    }

    pub(crate) fn currency(&self, reader: &mut Reader<'_>) -> Option<Currency> {
        self.text(reader, "\"EUR\"")?
            .parse()
            .ok()
            .or_else(|| self.wrong(reader, "a currency code of three letters", "write such as \"EUR\""))
    }

    pub(crate) fn zone(&self, reader: &mut Reader<'_>) -> Option<Zone> {
        self.text(reader, "\"Europe/Berlin\"")?
            .parse()
            .ok()
            .or_else(|| self.wrong(reader, "an IANA time zone", "write such as \"Europe/Berlin\" or \"UTC\""))
    }

    /// A date, bare or in quotes.
    pub(crate) fn day(&self, reader: &mut Reader<'_>) -> Option<Day> {
        self.date_text()
            .and_then(|text| text.parse().ok())
            .or_else(|| self.wrong(reader, "a date between 1900 and 2200", "write such as 2026-01-01"))
    }

    /// An instant: a time with its offset, or a date, which stands for the zone's midnight.
    pub(crate) fn instant(&self, reader: &mut Reader<'_>, zone: Zone) -> Option<Timestamp> {
        let read = self.date_text().and_then(|text| match text.parse::<Day>() {
            Ok(day) => Some(zone.start_of(day)),
            Err(_) => text.parse().ok(),
        });
        read.or_else(|| {
            self.wrong(
                reader,
                "a date, or a time with its offset",
                "write such as 2026-03-01 or 2026-03-01T00:00:00+01:00",
            )
        })
    }

    fn date_text(&self) -> Option<String> {
        match self.item.get_ref() {
            DeValue::Datetime(value) => Some(value.to_string()),
            DeValue::String(text) => Some(text.trim().to_owned()),
            _ => None,
        }
    }
}

pub(crate) fn parse_duration(text: &str) -> Option<Seconds> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3_600.0,
        'd' => 86_400.0,
        'w' => 604_800.0,
        _ => return None,
    };
    let digits = text[..text.len() - unit.len_utf8()].trim();
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let total = (digits.parse::<f64>().ok()? * seconds).round();
    (total >= 1.0 && total <= MAX_DURATION.0 as f64).then_some(Seconds(total as i64))
}

/// Positive money; `Err` holds the currency stated where it is another.
fn parse_money(text: &str, expected: Currency) -> Option<Result<Micros, Currency>> {
    let (amount, code) = text.trim().rsplit_once(char::is_whitespace)?;
    let currency: Currency = code.parse().ok()?;
    let micros = Micros::parse_decimal(amount.trim()).ok().filter(|m| m.0 > 0)?;
    Some(if currency == expected { Ok(micros) } else { Err(currency) })
}

fn split_period(text: &str) -> Option<(&str, i64)> {
    let (amount, period) = text.rsplit_once('/')?;
    match period.trim() {
        "day" | "d" => Some((amount, 1)),
        "week" | "w" => Some((amount, 7)),
        _ => None,
    }
}

/// Rounded to the nearest millionth.
fn per_day(micros: Micros, days: i64) -> Micros {
    Micros((micros.0 + days / 2).div_euclid(days))
}
