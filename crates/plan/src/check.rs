//! Checks that need the whole plan: circles of dependencies and sums that do not add up.

use crate::model::{Plan, Target};
use crate::read::Reader;

pub(crate) fn check(reader: &mut Reader<'_>, plan: &Plan) {
    check_circles(reader, plan);
    check_dependencies(reader, plan);
    check_arithmetic(reader, plan);
}

/// Inhibition follows `depends_on` in order: a circle has none.
fn check_circles(reader: &mut Reader<'_>, plan: &Plan) {
    let mut state = vec![Visit::New; plan.targets.len()];
    for start in 0..plan.targets.len() {
        let mut path = Vec::new();
        if let Some(circle) = find_circle(plan, start, &mut state, &mut path) {
            let names: Vec<String> = circle.iter().map(|i| format!("`{}`", plan.targets[*i].name)).collect();
            let first = &plan.targets[circle[0]];
            reader.error(
                reader.line_start(first.line),
                format!("targets depend on each other in a circle: {} → {}", names.join(" → "), names[0]),
                "let the effect depend on the cause only: remove one `depends_on`",
            );
            return;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Done,
}

/// The targets of a circle reachable from `start`. At most 500 deep: the number of targets is bounded.
fn find_circle(plan: &Plan, start: usize, state: &mut [Visit], path: &mut Vec<usize>) -> Option<Vec<usize>> {
    match state[start] {
        Visit::Done => return None,
        Visit::Open => {
            let from = path.iter().position(|i| *i == start).unwrap_or(0);
            return Some(path[from..].to_vec());
        }
        Visit::New => {}
    }
    state[start] = Visit::Open;
    path.push(start);
    for dependency in &plan.targets[start].depends_on {
        let circle = find_circle(plan, usize::from(dependency.target.0), state, path);
        if circle.is_some() {
            return circle;
        }
    }
    path.pop();
    state[start] = Visit::Done;
    None
}

/// A dependency works scope by scope: one that shares no scope never inhibits.
fn check_dependencies(reader: &mut Reader<'_>, plan: &Plan) {
    for target in &plan.targets {
        for dependency in &target.depends_on {
            let cause = plan.target(dependency.target);
            if !shares_scope(target, cause) {
                reader.warning(
                    reader.line_start(target.line),
                    format!(
                        "target `{}` shares no scope with `{}`, on which it depends",
                        target.name, cause.name
                    ),
                    "give both the same `each` and `where`: inhibition works scope by scope",
                );
            }
        }
    }
}

fn shares_scope(a: &Target, b: &Target) -> bool {
    a.scopes.iter().any(|x| b.scopes.iter().any(|y| x.scope == y.scope))
}

fn check_arithmetic(reader: &mut Reader<'_>, plan: &Plan) {
    let lines = plan.arithmetic();
    let mut wrong = lines.iter().filter(|line| !line.agrees()).peekable();
    while let Some(line) = wrong.next() {
        // One finding per target: `plan check` lists all sums.
        let mut more = 0;
        while wrong.next_if(|next| next.target == line.target).is_some() {
            more += 1;
        }
        let target = plan.target(line.target);
        let place = match plan.scope_label(&line.scope) {
            label if label.is_empty() => String::new(),
            label if more > 0 => format!(" in {label} (and {more} more)"),
            label => format!(" in {label}"),
        };
        reader.warning(
            reader.line_start(target.line),
            format!("target `{}`{place} does not add up: {}", target.name, plan.arithmetic_text(line)),
            plan.arithmetic_mend(line),
        );
    }
}
