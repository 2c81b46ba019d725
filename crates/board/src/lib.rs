//! HTTP: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts and routes.
//!
//! This crate decides nothing: it shows what the engine found ([`show`]) and what its caller says about
//! readiness. It listens where it is told and takes no writes.

mod gauges;
pub mod metric;
mod server;

pub use gauges::show;
pub use server::{Board, BoardError, Readiness, ReadinessSource, install_recorder};
