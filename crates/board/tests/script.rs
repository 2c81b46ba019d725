//! The board's script in a world of stand-ins: what changed is shown, whatever came in between. Without node it says
//! loudly that it did not run; `PLUMBLINE_REQUIRE_NODE=1` makes that a failure.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn no_change_is_lost() {
    let here = env!("CARGO_MANIFEST_DIR");
    let (test, script) = (format!("{here}/tests/script.mjs"), format!("{here}/assets/board.js"));
    match Command::new("node").args([&test, &script]).output() {
        Ok(ran) => {
            let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success() && said.matches("ok").count() >= 7, "{said}");
        }
        Err(error) => {
            assert!(std::env::var_os("PLUMBLINE_REQUIRE_NODE").is_none(), "no node: {error}");
            eprintln!("\n*** NOT RUN: the board's script needs node: {error} ***\n");
        }
    }
}
