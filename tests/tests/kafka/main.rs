//! The pipeline over a real Apache Kafka: exactly-once through kills, dead letters, replay, take-over.

mod engine;
mod intake;
mod played;
mod support;
