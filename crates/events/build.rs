//! Compiles the protobuf schema without `protoc`.

use std::error::Error;

const FILES: [&str; 4] = ["events", "log", "aggregates", "alerts"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = "../../proto";
    println!("cargo:rerun-if-changed={root}");
    let files = FILES.map(|name| format!("plumbline/v1/{name}.proto"));
    let descriptors = protox::compile(files, [root])?;
    prost_build::Config::new()
        // Ordered maps: equal messages are equal bytes.
        .btree_map(["."])
        // `google.protobuf.Timestamp` is all we need of the well-known types; no crate for that.
        .compile_well_known_types()
        .compile_fds(descriptors)?;
    Ok(())
}
