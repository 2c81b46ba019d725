//! Shared helpers of the benchmarks.

pub mod stream;
