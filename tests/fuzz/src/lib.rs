//! What is fuzzed, one function per target. Each takes any bytes, must not panic, and checks what holds of whatever
//! was accepted. [`seeds`] gives every target something to begin with.

mod checkpoint;
mod decode;
mod fit;
mod http;
mod log;
mod plan;
pub mod seeds;

pub use checkpoint::checkpoint;
pub use decode::decode;
pub use fit::fit;
pub use http::http;
pub use log::log;
pub use plan::plan;
