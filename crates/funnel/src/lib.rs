//! The fold: from events in any order to cells.
//!
//! *Registers* hold the facts of each lead, opportunity and statement: minima and maxima under a total order, so
//! a set of events gives one state, however it arrives. A *journey* is a lead, its opportunities, and what was
//! merged into it. Its *contributions* are a pure function of its registers, and the *cells* are the sum of all
//! contributions. An event changes registers and moves the cells from the contributions before to those after;
//! nothing else touches a cell.
//!
//! From that follows the law this crate is built on: **the cells are a pure function of the set of events**.
//! Order, duplication, lateness, corrections, merges and deletions do not matter. The only exceptions are events
//! older than the horizon, and limits while they are in force, which are counted and reported.
//!
//! This crate reads no clock, no environment and no file, and contains no floating point.

mod amend;
mod apply;
mod cells;
mod contribute;
mod dirty;
mod fold;
mod forget;
mod index;
mod intern;
mod journeys;
mod leaves;
mod measure;
mod merge;
mod options;
mod rows;
mod shape;
mod snapshot;
mod spend;
mod stamp;
mod values;
mod zone;

pub use amend::{Amendment, AmendmentCause, Watch};
pub use cells::{Cell, Cells};
pub use fold::Fold;
pub use leaves::{LeafId, LeafValue};
pub use measure::{Measure, ReasonId};
pub use options::{Applied, Counters, FoldOptions, FoldRejection, FoldStats, LimitedThing};
pub use snapshot::SnapshotError;
