//! Checkpoints: torn, foreign, or made whole around damaged contents.

use plumbline_engine::Engine;
use plumbline_engine::task::Checkpoint;

use crate::log::{config, saved};

/// As a file, as a file whose checksum somebody made fit, and as the snapshot inside.
pub fn checkpoint(data: &[u8]) {
    if let Some(whole) = Checkpoint::from_bytes(data.to_vec()) {
        assert_eq!(whole.to_bytes(), data, "one state, one file");
    }
    let mut mended = data.to_vec();
    mended.extend_from_slice(&crc32fast::hash(data).to_le_bytes());
    if let Some(whole) = Checkpoint::from_bytes(mended.clone()) {
        assert_eq!(whole.to_bytes(), mended);
        state(&whole.state);
    }
    state(data);
}

/// A state that is taken is saved and taken again.
fn state(bytes: &[u8]) {
    match Engine::load(config(), bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(engine) => {
            let first = saved(&engine);
            let again = Engine::load(config(), &first).expect("what was saved is loaded");
            assert!(saved(&again) == first, "a loaded state is saved as it was");
        }
    }
}
