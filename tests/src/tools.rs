//! Programs that tests need and a machine may lack.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// Whether the program says its version.
pub fn present(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Whether `programs` are to be had; said loudly where not, and a failure where the variable `required` is set.
pub fn available(test: &str, programs: &[&str], required: &str) -> bool {
    let missing: Vec<_> = programs.iter().filter(|name| !present(name)).collect();
    missing.is_empty() || not_run(test, required, &format!("not to be had: {missing:?}"))
}

/// Says loudly that a test does not run; always false.
pub fn not_run(test: &str, required: &str, why: &str) -> bool {
    assert!(std::env::var_os(required).is_none(), "{test}: {why}");
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "\n*** NOT RUN: {test}: {why} ***\n");
    false
}

/// Runs a program in `folder` to its end; its output, or a failure that holds it.
pub fn ran(folder: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output().context("starting it")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{program} {arguments:?}:\n{said}");
    Ok(said)
}
