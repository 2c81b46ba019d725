//! HTTP: the status board, its API, `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever restarts and
//! routes.
//!
//! This crate decides nothing: it shows what the engine found ([`Shared::look`]), what the alerts topic says
//! ([`Shared::told`]), what was refused ([`Shared::refused`]) and what its caller says about readiness. It listens
//! where it is told; the writes it takes (`POST /-/reload`, an acknowledgement) need a bearer token.

mod bounded;
pub mod chart;
mod gauges;
mod history;
mod http;
pub mod metric;
mod page;
mod refused;
mod samples;
mod server;
mod shared;
mod view;
pub mod words;

pub use page::escaped;
pub use refused::DeadLetter;
pub use server::{
    AcknowledgeSource, Acknowledgement, Board, BoardError, BoxedOutcome, Readiness, ReadinessSource,
    ReloadSource, Writes, install_recorder,
};
pub use shared::Shared;
