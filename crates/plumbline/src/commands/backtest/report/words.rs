//! Values of the page in the units of the judge.

use plumbline_board::words;
use plumbline_drift::judge::Unit;
use plumbline_units::Currency;

/// A value in its unit.
pub(super) fn value(value: f64, unit: Unit, currency: Currency) -> String {
    words::value(value, Some(unit.word()), &currency.to_string())
}
