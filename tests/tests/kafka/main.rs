//! The pipeline over a real Apache Kafka: exactly-once through kills, dead letters, replay, take-over.

// A test that cannot go on says where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod engine;
mod intake;
mod many;
mod played;
mod support;
