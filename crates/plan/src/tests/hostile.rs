//! Texts made to be slow: a megabyte of the worst must still be refused at once.

use super::EXAMPLE;
use crate::Plan;

/// Reads `text` and gives the number of findings.
fn findings(text: &str) -> usize {
    assert!(text.len() < 1_000_000, "{}", text.len());
    match Plan::parse("plan.toml", text) {
        Ok(parsed) => parsed.warnings.len(),
        Err(found) => found.len(),
    }
}

#[test]
fn a_megabyte_of_mistakes_gives_a_bounded_list_of_findings() {
    let repeated = |unit: &dyn Fn(usize) -> String, n: usize| -> String { (0..n).map(unit).collect() };
    let unknown_keys = format!("{}{EXAMPLE}", repeated(&|i| format!("key{i} = 1\n"), 60_000));
    let values = repeated(&|i| format!("\"value-number-{i}\", "), 1_990);
    let aliases = repeated(&|i| format!("\"alias{i}\" = \"value-number-x{i}\", "), 9_990);
    let wrong_aliases = EXAMPLE
        .replacen("values = [\"smb\"", &format!("values = [{values}\"smb\""), 1)
        .replacen("aliases = {", &format!("aliases = {{ {aliases}"), 1);
    let targets =
        format!("{EXAMPLE}{}", repeated(&|i| format!("[[target]]\nname = \"{i}\"\nmetrc = 1\n"), 20_000));
    let wrong_targets =
        format!("{EXAMPLE}{}", repeated(&|i| format!("[[target]]\nname = \"{i}\"\nmetrc = 1\n"), 490));
    let overrides = EXAMPLE.replacen(
        "[[transition.scope]]",
        &repeated(&|_| "[[transition.scope]]\nwhere = { segment = \"mid\" }\n".to_owned(), 15_000),
        1,
    );
    let nested = format!("x = {}", "[".repeat(400_000));
    for text in [unknown_keys, wrong_aliases, targets, wrong_targets, overrides, nested] {
        let n = findings(&text);
        assert!((1..=200).contains(&n), "{n} findings");
    }
}
