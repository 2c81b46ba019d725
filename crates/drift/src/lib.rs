//! Evidence, verdicts, episodes, causes and cost.
//!
//! [`stat`] is the mathematics: pure functions of a scope's counts as of a tick and of the plan.
//! [`judge`] turns evidence into verdicts and episodes.
//! [`power`] says what a plan can see before it is trusted.
//!
//! Nothing here reads a clock, a file or a random number; logarithms and exponentials come from `libm` and
//! sums run in a fixed order, so that equal inputs give equal bits on every platform.

pub mod fit;
pub mod judge;
pub mod power;
pub mod stat;
