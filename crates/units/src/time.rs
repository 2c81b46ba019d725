//! Instants, durations, calendar days and the zone that cuts instants into days.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant in milliseconds since the Unix epoch. Range: years 1900 to 2200, so that sums never overflow
/// and seconds since 1900 fit an unsigned 32-bit number with room to spare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text or number is not a [`Timestamp`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not RFC 3339.
    #[error("`{0}` is not an RFC 3339 time such as 2026-03-02T09:15:00Z")]
    Unreadable(String),
    /// Before 1900 or after 2200.
    #[error("the time {0} ms since 1970 lies outside the years 1900 to 2200")]
    OutOfRange(i64),
}

impl Timestamp {
    /// 1900-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(-2_208_988_800_000);
    /// 2200-01-01T00:00:00Z.
    pub const MAX: Timestamp = Timestamp(7_258_118_400_000);

    /// An instant from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Result<Timestamp, TimestampError> {
        if millis < Self::MIN.0 || millis > Self::MAX.0 {
            return Err(TimestampError::OutOfRange(millis));
        }
        Ok(Timestamp(millis))
    }

    /// As [`Timestamp::from_millis`], moved to the nearest end of the range where it lies outside.
    pub const fn clamped(millis: i64) -> Timestamp {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Timestamp(millis)
        }
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `by`, held inside the range.
    pub const fn plus(self, by: Seconds) -> Timestamp {
        Timestamp::clamped(self.0 + by.0 * 1000)
    }

    /// This instant moved back by `by`, held inside the range.
    pub const fn minus(self, by: Seconds) -> Timestamp {
        Timestamp::clamped(self.0 - by.0 * 1000)
    }

    /// Milliseconds from `earlier` to this instant (negative when this one is the earlier).
    pub const fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }

    fn datetime(self) -> DateTime<chrono::Utc> {
        DateTime::from_timestamp_millis(self.0).expect("1900 to 2200 lies inside chrono's range")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// RFC 3339 with any offset; fractions beyond the millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = DateTime::parse_from_rfc3339(text)
            .map_err(|_| TimestampError::Unreadable(text.chars().take(40).collect()))?;
        Timestamp::from_millis(parsed.timestamp_millis())
    }
}

impl Timestamp {
    /// As people read it: `2026-04-14 02:00 UTC`.
    pub fn to_minute(self) -> String {
        let (day, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        format!("{} {:02}:{:02} UTC", Day(day as i32), millis / 3_600_000, millis / 60_000 % 60)
    }
}

/// RFC 3339 in UTC, with milliseconds only where there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, millis) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000) as u32);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        Day(day as i32).write_digits(&mut text);
        write_digits(&mut text[11..13], millis / 3_600_000);
        write_digits(&mut text[14..16], millis / 60_000 % 60);
        write_digits(&mut text[17..19], millis / 1_000 % 60);
        write_digits(&mut text[20..23], millis % 1_000);
        if millis % 1_000 == 0 {
            text[19] = b'Z';
            f.write_str(ascii(&text[..20]))
        } else {
            f.write_str(ascii(&text))
        }
    }
}

/// Fills `text` with the last digits of `number`. Events are written by the million, and format strings are slow.
fn write_digits(text: &mut [u8], mut number: u32) {
    for place in text.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("digits and signs are ASCII")
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of time in whole seconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub i64);

impl Seconds {
    /// One minute.
    pub const MINUTE: Seconds = Seconds(60);
    /// One hour.
    pub const HOUR: Seconds = Seconds(3_600);
    /// Twenty-four hours.
    pub const DAY: Seconds = Seconds(86_400);

    /// `n` hours.
    pub const fn hours(n: i64) -> Seconds {
        Seconds(n * 3_600)
    }

    /// `n` times 24 hours.
    pub const fn days(n: i64) -> Seconds {
        Seconds(n * 86_400)
    }
}

/// A calendar day in the plan's zone, counted from 1970-01-01 = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// Why a text is not a [`Day`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date such as 2026-03-02 between 1900 and 2200")]
pub struct DayError(String);

const DAYS_FROM_COMMON_ERA_TO_1970: i32 = 719_163;

impl Day {
    /// A day from its distance to 1970-01-01.
    pub const fn from_number(number: i32) -> Day {
        Day(number)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The day `n` days later (earlier when negative).
    pub const fn plus(self, n: i32) -> Day {
        Day(self.0.saturating_add(n))
    }

    /// Days from `earlier` to this day.
    pub const fn since(self, earlier: Day) -> i32 {
        self.0 - earlier.0
    }

    /// 0 = Monday … 6 = Sunday.
    pub const fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) as usize
    }

    /// Year, month (1–12) and day of the month (1–31).
    pub fn ymd(self) -> (i32, u32, u32) {
        let date = self.date();
        (date.year(), date.month(), date.day())
    }

    /// The day of a civil date, if it exists.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Day> {
        NaiveDate::from_ymd_opt(year, month, day).map(Day::of_date)
    }

    /// The Monday of this day's week.
    pub const fn week_start(self) -> Day {
        Day(self.0 - self.weekday() as i32)
    }

    /// The first day of this day's month.
    pub fn month_start(self) -> Day {
        let (_, _, day) = self.ymd();
        self.plus(1 - day as i32)
    }

    /// Writes `2026-03-02` to the start of `text`; for the years 0 to 9999.
    fn write_digits(self, text: &mut [u8]) {
        let (year, month, day) = self.ymd();
        write_digits(&mut text[0..4], year as u32);
        write_digits(&mut text[5..7], month);
        write_digits(&mut text[8..10], day);
    }

    fn of_date(date: NaiveDate) -> Day {
        Day(date.num_days_from_ce() - DAYS_FROM_COMMON_ERA_TO_1970)
    }

    fn date(self) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(self.0.saturating_add(DAYS_FROM_COMMON_ERA_TO_1970))
            .unwrap_or(if self.0 < 0 { NaiveDate::MIN } else { NaiveDate::MAX })
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || DayError(text.chars().take(40).collect());
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| error())?;
        if !(1900..2200).contains(&date.year()) {
            return Err(error());
        }
        Ok(Day::of_date(date))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Days far outside the range of timestamps exist only as results of arithmetic.
        if !(0..=9999).contains(&self.date().year()) {
            return write!(f, "{}", self.date().format("%Y-%m-%d"));
        }
        let mut text = *b"0000-00-00";
        self.write_digits(&mut text);
        f.write_str(ascii(&text))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A named time zone (IANA), which cuts instants into calendar days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(chrono_tz::Tz);

/// Why a text is not a [`Zone`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IANA time zone such as Europe/Berlin")]
pub struct ZoneError(String);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Zone = Zone(chrono_tz::UTC);

    /// The zone's offset from UTC at `at`, in seconds east.
    pub fn offset_seconds(self, at: Timestamp) -> i32 {
        self.0.offset_from_utc_datetime(&at.datetime().naive_utc()).fix().local_minus_utc()
    }

    /// The calendar day of an instant.
    pub fn day_of(self, at: Timestamp) -> Day {
        self.day_and_hour(at).0
    }

    /// The calendar day and the hour on the wall clock (0–23) of an instant.
    pub fn day_and_hour(self, at: Timestamp) -> (Day, u8) {
        let local = at.millis().div_euclid(1000) + i64::from(self.offset_seconds(at));
        let hour = local.rem_euclid(86_400) / 3_600;
        (Day(local.div_euclid(86_400) as i32), hour as u8)
    }

    /// The instant at which `day` begins. Where a clock change skips midnight, the first instant after it.
    pub fn start_of(self, day: Day) -> Timestamp {
        let midnight: NaiveDateTime = day.date().and_hms_opt(0, 0, 0).expect("midnight is a time of day");
        for minutes in (0..=180).step_by(15) {
            let local = midnight + chrono::TimeDelta::minutes(minutes);
            if let Some(at) = self.0.from_local_datetime(&local).earliest() {
                return Timestamp::clamped(at.timestamp_millis());
            }
        }
        Timestamp::clamped(i64::from(day.0) * 86_400_000)
    }

    /// The wall-clock time of an instant as (day, hour, minute).
    pub fn wall_clock(self, at: Timestamp) -> (Day, u32, u32) {
        let local = self.0.from_utc_datetime(&at.datetime().naive_utc());
        (Day::of_date(local.date_naive()), local.hour(), local.minute())
    }

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Zone).map_err(|_| ZoneError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
