//! Handing a log over from one state machine version to the next: what was published is the truth.

use std::collections::BTreeMap;

use plumbline_events::PublishedEpisode;
use plumbline_units::{Name, Timestamp};

use crate::Output;
use crate::alert::Alert;
use crate::workspace::WorkspaceState;

/// Makes the episodes held agree with the episodes published: published but not held is resolved as
/// `recomputed`, held but not published opens; numbers continue where the published ones stopped.
pub(crate) fn adopt(
    workspaces: &mut BTreeMap<Name, WorkspaceState>,
    published: &[PublishedEpisode],
    now: Timestamp,
    out: &mut Vec<Output>,
) {
    for (name, workspace) in workspaces {
        let known: Vec<Alert> = published
            .iter()
            .filter(|p| p.workspace == *name)
            .filter_map(|p| serde_json::from_slice(&p.last_alert).ok())
            .collect();
        workspace.adopt_published(known, now, out);
    }
}
