//! Shared helpers of the end-to-end tests: a real broker, a test's own topics on it, a pipeline in a process that can
//! be killed, and programs that a machine may lack.

pub mod broker;
pub mod host;
pub mod player;
pub mod proxy;
pub mod tools;
pub mod world;
