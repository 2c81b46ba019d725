//! The pipeline over a real Apache Kafka: exactly-once through kills, dead letters, replay, take-over.

// A test that cannot go on says where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod decisions;
mod engine;
mod group;
mod intake;
mod long;
mod many;
mod network;
mod operations;
mod people;
mod played;
mod standby;
mod support;
