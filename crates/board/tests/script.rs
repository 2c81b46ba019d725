//! The board's script in a world of stand-ins: what changed is shown, whatever came in between.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn no_change_is_lost() {
    let here = env!("CARGO_MANIFEST_DIR");
    let (test, script) = (format!("{here}/tests/script.mjs"), format!("{here}/assets/board.js"));
    match Command::new("node").args([&test, &script]).output() {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success() && said.matches("ok").count() >= 6, "{said}");
        }
        Err(error) => eprintln!("NOT RUN: the board's script needs node: {error}"),
    }
}
