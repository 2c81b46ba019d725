//! Telling that a limit is in force: from then on something is no longer guaranteed, and a person must know.

use std::collections::BTreeMap;

use plumbline_funnel::{FoldRejection, LimitedThing};
use plumbline_units::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Output;
use crate::workspace::WorkspaceState;

/// While a limit stays in force it is told again after this time.
const AGAIN: Seconds = Seconds::days(7);

/// When each limit was told last; as many as there are kinds of limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LimitsTold(BTreeMap<Box<str>, Timestamp>);

impl LimitsTold {
    fn due(&mut self, what: &str, now: Timestamp) -> bool {
        let due = self.0.get(what).is_none_or(|told| now >= told.plus(AGAIN));
        if due {
            self.0.insert(what.into(), now);
        }
        due
    }
}

impl WorkspaceState {
    /// An event was not taken.
    pub(crate) fn tell_rejection(&mut self, reason: &FoldRejection, now: Timestamp, out: &mut Vec<Output>) {
        let FoldRejection::Limit { what, maximum } = reason else { return };
        let (name, mend) = match what {
            LimitedThing::Journeys => ("limit/journeys", "raise limits.journeys"),
            LimitedThing::Cells => ("limit/cells", "raise limits.cells, or declare fewer dimensions"),
            LimitedThing::Statements => ("limit/statements", "report spend in fewer statements"),
            LimitedThing::Members => ("limit/members", "look for merges that join what is not one lead"),
        };
        let title = format!(
            "the limit of {maximum} {what} is reached: events go to the dead letters, and aggregates now depend on the \
             order in which events come"
        );
        self.tell_limit(name, &title, mend, now, out);
    }

    /// Values have given way to `(other)`.
    pub(crate) fn tell_overflow(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let title = "a dimension has more values, or the plan more leaves, than are kept apart: further ones are counted \
                     together as (other), and which ones depends on the order in which events come";
        self.tell_limit(
            "limit/values",
            title,
            "declare the values that matter, or drop the dimension",
            now,
            out,
        );
    }

    fn tell_limit(&mut self, name: &str, title: &str, mend: &str, now: Timestamp, out: &mut Vec<Output>) {
        if self.limits_told.due(name, now) {
            self.notice(name, title, mend, now, out);
        }
    }
}
