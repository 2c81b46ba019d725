//! Statements of spend: one register per statement, the latest said; of one instant the greater by period,
//! amount, currency and dimension values, in this order.

use plumbline_units::{Currency, Day, IdHash, Micros, Money};

use crate::cells::Cells;
use crate::contribute::Contribution;
use crate::leaves::Code;
use crate::measure::Measures;
use crate::rows::Rows;
use crate::shape::{MAX_DIMENSIONS, Shape};
use crate::stamp::Stamp;
use crate::values::Values;

const SAID: usize = 0;
const MICROS: usize = 2;
const START: usize = 4;
const DAYS: usize = 5;
const VALUES: usize = 6;

/// All statements of spend.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    pub(crate) rows: Rows,
}

/// What one statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// When it was said, and the number of its currency.
    pub(crate) said: Stamp,
    pub(crate) money: Money,
    pub(crate) start: Day,
    pub(crate) days: u32,
    /// Numbers of the raw values plus one; 0 = unset.
    pub(crate) values: [u32; MAX_DIMENSIONS],
}

impl Statements {
    pub(crate) fn new(shape: &Shape) -> Statements {
        Statements { rows: Rows::new(VALUES + shape.dimensions, 0, 0) }
    }

    pub(crate) fn insert(&mut self, id: IdHash) -> u32 {
        self.rows.insert(id)
    }

    pub(crate) fn get(&self, shape: &Shape, row: u32, currencies: &[Currency]) -> Option<Statement> {
        let said = self.rows.stamp(row, SAID);
        if said.is_empty() {
            return None;
        }
        let word = |at| self.rows.word(row, at);
        let micros = Micros((u64::from(word(MICROS)) | u64::from(word(MICROS + 1)) << 32) as i64);
        let mut values = [0; MAX_DIMENSIONS];
        for (n, value) in values[..shape.dimensions].iter_mut().enumerate() {
            *value = word(VALUES + n);
        }
        let currency = currencies[said.value() as usize];
        let (money, start) = (Money { micros, currency }, Day::from_number(word(START) as i32));
        Some(Statement { said, money, start, days: word(DAYS), values })
    }

    pub(crate) fn set(&mut self, shape: &Shape, row: u32, statement: &Statement) {
        let micros = statement.money.micros.0 as u64;
        self.rows.set_stamp(row, SAID, statement.said);
        self.rows.set_word(row, MICROS, micros as u32);
        self.rows.set_word(row, MICROS + 1, (micros >> 32) as u32);
        self.rows.set_word(row, START, statement.start.number() as u32);
        self.rows.set_word(row, DAYS, statement.days);
        for (n, value) in statement.values[..shape.dimensions].iter().enumerate() {
            self.rows.set_word(row, VALUES + n, *value);
        }
    }
}

impl Statement {
    /// Whether this replaces what is `held`.
    pub(crate) fn supersedes(&self, held: &Statement, values: &Values, dimensions: usize) -> bool {
        let order = |s: &Statement| (s.said.time(), s.start, s.days, s.money);
        let texts = |s: &Statement| -> [&str; MAX_DIMENSIONS] {
            let mut texts = [""; MAX_DIMENSIONS];
            for (n, text) in texts[..dimensions].iter_mut().enumerate() {
                // Past the limit of values the text is no longer known.
                *text = s.values[n].checked_sub(1).map_or("", |number| values.text(n, number));
            }
            texts
        };
        order(self).cmp(&order(held)).then_with(|| texts(self).cmp(&texts(held))).is_gt()
    }

    /// Its money by day, in the plan's currency at the rate of its first day.
    pub(crate) fn contribute(
        &self,
        shape: &Shape,
        values: &Values,
        cells: &mut Cells,
        out: &mut Vec<Contribution>,
    ) {
        let mut codes = [Code::UNSET; MAX_DIMENSIONS];
        for (n, code) in codes[..shape.dimensions].iter_mut().enumerate() {
            if let Some(number) = self.values[n].checked_sub(1) {
                *code = values.code(n, number);
            }
        }
        let leaf = values.leaf(&mut cells.leaves, shape, &codes);
        // A statement is taken only where there is a rate.
        let total = shape.exchange(self.money, self.start).unwrap_or_default();
        for day in 0..self.days {
            let amount = total.day_part(day, self.days).0;
            if amount != 0 {
                let entry = self.start.plus(day as i32);
                let slot = Measures::SPEND;
                out.push(Contribution { leaf, slot, entry, low: 0, clamped: false, amount });
            }
        }
    }
}
