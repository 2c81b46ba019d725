//! Money as integer millionths of a currency unit, read from decimal text without floating point.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 4217 style currency code: three upper-case letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Why a text is not a [`Currency`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a currency code of three letters such as EUR")]
pub struct CurrencyError(String);

impl Currency {
    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("three ASCII letters are UTF-8")
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Lower case is taken and raised.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.trim().as_bytes();
        match <[u8; 3]>::try_from(bytes) {
            Ok(code) if code.iter().all(u8::is_ascii_alphabetic) => {
                Ok(Currency(code.map(|b| b.to_ascii_uppercase())))
            }
            _ => Err(CurrencyError(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Millionths of a currency unit. One amount is at most [`Micros::MAX_AMOUNT`] either way, so that millions
/// of them sum without overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

/// Why a text is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number.
    #[error("`{0}` is not a decimal number such as 1234.50")]
    Unreadable(String),
    /// Beyond [`Micros::MAX_AMOUNT`].
    #[error("the amount {0} is beyond one trillion either way")]
    TooLarge(String),
}

impl Micros {
    /// Nothing.
    pub const ZERO: Micros = Micros(0);
    /// The largest single amount: one trillion units.
    pub const MAX_AMOUNT: Micros = Micros(1_000_000_000_000_000_000);

    /// Reads decimal text exactly: an optional sign, digits, a point, an exponent; half a millionth rounds to
    /// the even neighbour.
    pub fn parse_decimal(text: &str) -> Result<Micros, MoneyError> {
        let cut = || text.chars().take(40).collect::<String>();
        let number = Decimal::parse(text).ok_or_else(|| MoneyError::Unreadable(cut()))?;
        number
            .scaled(6)
            .filter(|m| m.abs() <= Self::MAX_AMOUNT.0)
            .map(Micros)
            .ok_or_else(|| MoneyError::TooLarge(cut()))
    }

    /// The amount times the exchange rate `rate` (itself in millionths), half to even; `None` beyond the bound.
    pub fn convert(self, rate: Micros) -> Option<Micros> {
        let product = i128::from(self.0) * i128::from(rate.0);
        let rounded = div_half_even(product, 1_000_000);
        i64::try_from(rounded).ok().filter(|m| m.abs() <= Self::MAX_AMOUNT.0).map(Micros)
    }

    /// The part of this amount that falls on day `index` of `days`: ⌊(i+1)A/n⌋ − ⌊iA/n⌋. The parts sum exactly.
    pub fn day_part(self, index: u32, days: u32) -> Micros {
        let share = |i: u32| (i128::from(self.0) * i128::from(i)).div_euclid(i128::from(days.max(1)));
        Micros((share(index + 1) - share(index)) as i64)
    }

    /// As a number of whole units, for statistics and display.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// Decimal text with at least two decimals, further ones only where they are not zero.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
        let mut digits = format!("{fraction:06}");
        while digits.len() > 2 && digits.ends_with('0') {
            digits.pop();
        }
        write!(f, "{sign}{whole}.{digits}")
    }
}

/// An amount in its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Millionths of one unit of `currency`.
    pub micros: Micros,
    /// The currency the source stated.
    pub currency: Currency,
}

/// Sign, digits and power of ten of a decimal text.
struct Decimal {
    negative: bool,
    /// The digits without the point, at most 38 significant ones.
    digits: u128,
    /// The value is `digits · 10^exponent`.
    exponent: i64,
    /// Whether digits below the 38th were not all zero.
    inexact: bool,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (negative, rest) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (&rest[..at], parse_exponent(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut number = Decimal { negative, digits: 0, exponent, inexact: false };
        for (place, bytes) in [(0, whole.as_bytes()), (-1, fraction.as_bytes())] {
            for byte in bytes {
                if !byte.is_ascii_digit() {
                    return None;
                }
                let digit = u128::from(byte - b'0');
                if number.digits < 10u128.pow(37) {
                    number.digits = number.digits * 10 + digit;
                    number.exponent += place;
                } else {
                    number.inexact |= digit != 0;
                    number.exponent += 1 + place;
                }
            }
        }
        Some(number)
    }

    /// The value times 10^`places` as an integer, half to even; `None` where it does not fit.
    fn scaled(&self, places: i64) -> Option<i64> {
        if self.digits == 0 {
            return Some(0);
        }
        let power = self.exponent + places;
        let magnitude = if power >= 0 {
            let factor = 10u128.checked_pow(u32::try_from(power).ok()?)?;
            self.digits.checked_mul(factor)?
        } else {
            // 38 digits at most: anything divided by 10^39 is below one half.
            match u32::try_from(-power).ok().and_then(|p| 10u128.checked_pow(p)) {
                Some(divisor) => self.divided(divisor),
                None => 0,
            }
        };
        let magnitude = i64::try_from(magnitude).ok()?;
        Some(if self.negative { -magnitude } else { magnitude })
    }

    fn divided(&self, divisor: u128) -> u128 {
        let (quotient, remainder) = (self.digits / divisor, self.digits % divisor);
        let above_half =
            remainder > divisor - remainder || (remainder == divisor - remainder && self.inexact);
        let half = remainder == divisor - remainder && !self.inexact;
        if above_half || (half && quotient % 2 == 1) { quotient + 1 } else { quotient }
    }
}

fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let magnitude: i64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

fn div_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    match (remainder * 2).cmp(&divisor) {
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal if quotient % 2 != 0 => quotient + 1,
        _ => quotient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_is_read_exactly_and_half_goes_to_even() {
        for (text, micros) in [
            ("1234.50", 1_234_500_000),
            ("-812.4", -812_400_000),
            ("11800", 11_800_000_000),
            ("-2e-18", 0),
            ("1e3", 1_000_000_000),
            ("1.5E-6", 2),
            ("0.0000005", 0),
            ("0.0000015", 2),
            ("0.00000050000000000000000000000000000000000000000001", 1),
            ("0.1", 100_000),
            (".5", 500_000),
            ("5.", 5_000_000),
            ("0e999999", 0),
            ("1e-999999", 0),
        ] {
            assert_eq!(Micros::parse_decimal(text), Ok(Micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", "-", ".", "e5", "1e", "0x10", "NaN", "inf", "1,000", "1e9999999", "12 3", "--1"] {
            assert!(matches!(Micros::parse_decimal(text), Err(MoneyError::Unreadable(_))), "{text}");
        }
        for text in ["1e13", "999999999999999999999999", "1e30", "-1e13", "1e999999"] {
            assert!(matches!(Micros::parse_decimal(text), Err(MoneyError::TooLarge(_))), "{text}");
        }
    }

    #[test]
    fn money_prints_at_least_two_decimals() {
        for (micros, text) in
            [(11_800_000_000, "11800.00"), (-2_500_000, "-2.50"), (1, "0.000001"), (-1, "-0.000001")]
        {
            assert_eq!(Micros(micros).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn the_days_of_a_statement_sum_to_the_statement(amount in -1_000_000_000i64..1_000_000_000, days in 1u32..400) {
            let sum: i64 = (0..days).map(|i| Micros(amount).day_part(i, days).0).sum();
            prop_assert_eq!(sum, amount);
        }

        #[test]
        fn printed_money_reads_back(micros in -1_000_000_000_000_000_000i64..=1_000_000_000_000_000_000) {
            prop_assert_eq!(Micros::parse_decimal(&Micros(micros).to_string()), Ok(Micros(micros)));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[-+0-9.eE ]{0,60}") {
            let _ = Micros::parse_decimal(&text);
        }
    }
}
