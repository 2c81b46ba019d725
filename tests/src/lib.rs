//! Shared helpers of the end-to-end tests: a real broker, a test's own topics on it, and a pipeline in a process
//! that can be killed.

pub mod broker;
pub mod host;
pub mod player;
pub mod proxy;
pub mod world;
