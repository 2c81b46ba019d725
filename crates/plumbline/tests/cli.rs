//! The command line from outside: what it prints, and how it ends.

// Helpers outside the tests' own functions may panic as well.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cli {
    pub(crate) mod broker;
    pub(crate) mod files;
    pub(crate) mod fitting;
    pub(crate) mod judgement;
    pub(crate) mod judging;
    pub(crate) mod looking;
    pub(crate) mod reviewing;
    pub(crate) mod sight;
}

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run left behind.
#[derive(Debug)]
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    /// The lines of standard output as JSON.
    fn json(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

fn plumbline(arguments: &[&str]) -> Run {
    with_input(arguments, b"")
}

/// Runs the binary with `input` on its standard input, and no environment of ours.
fn with_input(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
        .args(arguments)
        .env_remove("PLUMBLINE_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of the shipped examples.
fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples");
    folder.join(name).display().to_string()
}

/// A path in a test's own folder, as an argument.
fn inside(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// Writes a file into a test's own folder.
fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// A generated history and its plan in a test's own folder; `words` are the arguments of `generate`.
fn generated(folder: &tempfile::TempDir, events: &str, words: &str) -> (String, String) {
    let (events, plan) = (inside(folder, events), inside(folder, "plan.toml"));
    let mut arguments = vec!["generate", "-o", &events, "--plan", &plan];
    arguments.extend(words.split_whitespace());
    let run = plumbline(&arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    (events, plan)
}
