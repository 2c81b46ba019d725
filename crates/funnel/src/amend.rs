//! What changes in days that were judged already: for each watched scope, since the last look, the net change of the
//! cells up to a day, by the kind of fact that made it.
//!
//! A sum of differences, and so independent of the order in which facts of one kind arrive. Nothing is recorded, and
//! nothing costs, while nothing is watched.

use plumbline_plan::Scope;
use plumbline_units::Day;
use serde::{Deserialize, Serialize};

use crate::contribute::Contribution;
use crate::leaves::Leaves;
use crate::measure::{Measures, Slot};

/// The kind of fact that changed a day after it was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AmendmentCause {
    /// It came late.
    #[default]
    Late,
    /// Leads were merged, or parted again.
    Merge,
    /// Something was deleted.
    Deletion,
    /// A statement of spend replaced an earlier one.
    Restatement,
    /// An attribute was corrected.
    Attribute,
}

impl AmendmentCause {
    const COUNT: usize = 5;

    const ALL: [AmendmentCause; Self::COUNT] = [
        AmendmentCause::Late,
        AmendmentCause::Merge,
        AmendmentCause::Deletion,
        AmendmentCause::Restatement,
        AmendmentCause::Attribute,
    ];

    /// The stable word of alerts.
    pub const fn word(self) -> &'static str {
        match self {
            AmendmentCause::Late => "late",
            AmendmentCause::Merge => "merge",
            AmendmentCause::Deletion => "deletion",
            AmendmentCause::Restatement => "restatement",
            AmendmentCause::Attribute => "attribute",
        }
    }
}

/// What one kind of fact changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// Which kind.
    pub cause: AmendmentCause,
    /// Counts moved, over all measures of counts, net in each.
    pub counts: u64,
    /// Millionths of the plan's currency moved, net, in spend and won amounts.
    pub money: u64,
}

/// A scope whose days up to one are watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Whose it is; the caller's.
    pub name: String,
    /// Where.
    pub scope: Scope,
    /// The last day watched.
    pub upto: Day,
    /// By cause, net by measure: counts, money, then all reasons together. Empty = no change.
    net: [Vec<i64>; AmendmentCause::COUNT],
    touched: [bool; AmendmentCause::COUNT],
}

impl Watch {
    /// A watch that has seen nothing.
    pub fn new(name: String, scope: Scope, upto: Day) -> Watch {
        Watch { name, scope, upto, net: Default::default(), touched: [false; AmendmentCause::COUNT] }
    }

    /// Whether anything has changed.
    pub fn is_touched(&self) -> bool {
        self.touched.contains(&true)
    }

    /// What has changed, by cause. A change that another of its kind has taken back in sum still counts: the days may
    /// read differently.
    pub fn amendments(&self) -> impl Iterator<Item = Amendment> + '_ {
        let touched = AmendmentCause::ALL.into_iter().filter(|cause| self.touched[*cause as usize]);
        touched.map(|cause| {
            let net = &self.net[cause as usize];
            let reasons = net.len() - 1;
            let money = reasons - Measures::MONEY..reasons;
            let sum = |values: &[i64]| values.iter().map(|n| n.unsigned_abs()).fold(0, u64::saturating_add);
            Amendment {
                cause,
                counts: sum(&net[..money.start]).saturating_add(sum(&net[reasons..])),
                money: sum(&net[money]),
            }
        })
    }
}

/// All watches of a fold, and the kind of the event that is being applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches {
    pub(crate) cause: AmendmentCause,
    pub(crate) all: Vec<Watch>,
}

impl Watches {
    pub(crate) fn record(&mut self, leaves: &Leaves, measures: &Measures, part: &Contribution, sign: i64) {
        let at_once = measures.by_hour(part.slot) || part.slot == Measures::SPEND;
        let lag = if at_once { 0 } else { i32::from(part.low) };
        let (event, cause) = (part.entry.plus(lag), self.cause as usize);
        for watch in self.all.iter_mut().filter(|watch| event <= watch.upto) {
            if !leaves.in_scope(part.leaf, &watch.scope) {
                continue;
            }
            let counts = measures.counts();
            let net = &mut watch.net[cause];
            if net.is_empty() {
                net.resize(counts + Measures::MONEY + 1, 0);
            }
            let at = match part.slot {
                Slot::Count(n) => usize::from(n),
                Slot::Money(n) => counts + usize::from(n),
                Slot::Reason(_) => counts + Measures::MONEY,
            };
            net[at] = net[at].wrapping_add(part.amount.wrapping_mul(sign));
            watch.touched[cause] = true;
        }
    }
}
