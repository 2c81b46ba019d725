//! The generated messages of `proto/plumbline/v1`, documented there.

#![allow(missing_docs, clippy::all)]

// The module tree must mirror the packages: generated code names neighbours by relative path.
pub mod google {
    pub mod protobuf {
        include!(concat!(env!("OUT_DIR"), "/google.protobuf.rs"));
    }
}

pub mod plumbline {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/plumbline.v1.rs"));
    }
}

pub use plumbline::v1::*;
