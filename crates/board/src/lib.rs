//! HTTP: `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts and routes.
//!
//! This crate decides nothing: it shows what the engine found ([`show`]) and what its caller says about
//! readiness. It listens where it is told; the one write it takes, `POST /-/reload`, needs a bearer token.

mod bounded;
mod gauges;
pub mod metric;
mod server;

pub use gauges::show;
pub use server::{
    Board, BoardError, BoxedOutcome, Readiness, ReadinessSource, ReloadSource, Writes, install_recorder,
};
