//! Fractions as integers: shares of one and relative tolerances.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const BILLION: u32 = 1_000_000_000;

/// A share between 0 and 1 in parts per billion, such as a planned conversion rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Share(u32);

/// Why a number is not a [`Share`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share between 0 and 1 such as 0.4")]
pub struct ShareError(String);

impl Share {
    /// The whole.
    pub const ONE: Share = Share(BILLION);

    /// A share from parts per billion.
    pub fn from_parts_per_billion(parts: u32) -> Result<Share, ShareError> {
        if parts > BILLION { Err(ShareError(format!("{parts}e-9"))) } else { Ok(Share(parts)) }
    }

    /// A share from a number between 0 and 1, rounded to the nearest part per billion.
    pub fn from_f64(value: f64) -> Result<Share, ShareError> {
        if !(0.0..=1.0).contains(&value) {
            return Err(ShareError(value.to_string()));
        }
        Ok(Share((value * f64::from(BILLION)).round() as u32))
    }

    /// Parts per billion.
    pub const fn parts_per_billion(self) -> u32 {
        self.0
    }

    /// The share as a number between 0 and 1, for statistics and display.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(BILLION)
    }

    /// The product, rounded to the nearest part per billion.
    pub fn times(self, other: Share) -> Share {
        let product = u64::from(self.0) * u64::from(other.0);
        Share(((product + u64::from(BILLION) / 2) / u64::from(BILLION)) as u32)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

/// How far a value may lie from the plan, relative to it: a lower and an upper edge in parts per million.
/// `-10%` has only a lower edge, `+20%` only an upper one, `±25%` both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tolerance {
    /// How far below is allowed (positive, below one million), if the tolerance has a lower edge.
    below: Option<u32>,
    /// How far above is allowed, if the tolerance has an upper edge.
    above: Option<u32>,
}

/// Why a text is not a [`Tolerance`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a tolerance: write \"-10%\", \"+20%\" or \"±25%\" (below 100% downwards, up to 1000% upwards)"
)]
pub struct ToleranceError(String);

impl Tolerance {
    /// The lower edge as a positive fraction of the plan, e.g. 0.1 for `-10%`.
    pub fn below(self) -> Option<f64> {
        self.below.map(|ppm| f64::from(ppm) / 1e6)
    }

    /// The upper edge as a fraction of the plan, e.g. 0.2 for `+20%`.
    pub fn above(self) -> Option<f64> {
        self.above.map(|ppm| f64::from(ppm) / 1e6)
    }
}

impl FromStr for Tolerance {
    type Err = ToleranceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ToleranceError(text.chars().take(40).collect());
        let body = text.trim().strip_suffix('%').ok_or_else(error)?;
        let mut chars = body.chars();
        let sign = chars.next().ok_or_else(error)?;
        let digits = chars.as_str().trim();
        if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(error());
        }
        let percent: f64 = digits.parse().map_err(|_| error())?;
        let ppm = (percent * 10_000.0).round();
        if !(ppm > 0.0 && ppm <= 10_000_000.0) {
            return Err(error());
        }
        let ppm = ppm as u32;
        let downward = ppm < 1_000_000;
        match sign {
            '-' | '−' if downward => Ok(Tolerance { below: Some(ppm), above: None }),
            '+' => Ok(Tolerance { below: None, above: Some(ppm) }),
            '±' if downward => Ok(Tolerance { below: Some(ppm), above: Some(ppm) }),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |ppm: u32| f64::from(ppm) / 10_000.0;
        match (self.below, self.above) {
            (Some(b), Some(a)) if a == b => write!(f, "±{}%", percent(a)),
            (Some(b), Some(a)) => write!(f, "-{}%/+{}%", percent(b), percent(a)),
            (Some(b), None) => write!(f, "-{}%", percent(b)),
            (None, Some(a)) => write!(f, "+{}%", percent(a)),
            (None, None) => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_read_and_print_their_edges() {
        for (text, below, above) in [
            ("-10%", Some(0.1), None),
            ("+20%", None, Some(0.2)),
            ("±25%", Some(0.25), Some(0.25)),
            ("−7.5%", Some(0.075), None),
        ] {
            let t: Tolerance = text.parse().unwrap();
            assert_eq!((t.below(), t.above()), (below, above), "{text}");
        }
        for bad in ["", "10%", "-10", "-100%", "+0%", "-x%", "±200%", "+1e9%", "+20 000%"] {
            assert!(bad.parse::<Tolerance>().is_err(), "{bad}");
        }
        assert_eq!("±25%".parse::<Tolerance>().unwrap().to_string(), "±25%");
    }

    #[test]
    fn shares_multiply_like_rates() {
        let half = Share::from_f64(0.5).unwrap();
        assert_eq!(half.times(half), Share::from_f64(0.25).unwrap());
        assert_eq!(Share::ONE.times(half), half);
        assert!(Share::from_f64(1.1).is_err());
        assert!(Share::from_f64(f64::NAN).is_err());
    }
}
