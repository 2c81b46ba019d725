//! What people have said and what has ended of late, by place in the log. The version that is relieved may have left
//! before it got so far: what lies behind the place where it left is then told by the newer one.

use std::collections::VecDeque;

use plumbline_drift::judge::{Acknowledgement, EpisodeKey};
use plumbline_units::Name;
use serde::{Deserialize, Serialize};

use crate::Output;
use crate::output::is_resolved;

/// Of each kind so many are kept, the latest. Of a word that is forgotten the newer version does not tell, and an
/// episode whose ending is forgotten ends as recomputed.
const MOST: usize = 1_000;
/// No episode has a longer key: a word that names one is not kept.
const LONGEST_KEY: usize = 4_096;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lately {
    words: VecDeque<Word>,
    endings: VecDeque<Ending>,
}

/// Somebody said that an episode is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Word {
    offset: i64,
    workspace: Name,
    episode: EpisodeKey,
    said: Acknowledgement,
}

/// How an episode ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ending {
    offset: i64,
    /// workspace/episode.
    key: String,
    pub(super) resolution: String,
    pub(super) summary: String,
}

#[derive(Deserialize)]
struct Ended {
    resolution: String,
    summary: String,
}

fn keep<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= MOST {
        queue.pop_front();
    }
    queue.push_back(item);
}

impl Lately {
    /// A person has spoken in the record at `offset`.
    pub(crate) fn heard(
        &mut self,
        offset: i64,
        workspace: &Name,
        said: Option<(EpisodeKey, Acknowledgement)>,
    ) {
        let Some((episode, said)) = said.filter(|(key, _)| key.as_str().len() <= LONGEST_KEY) else { return };
        keep(&mut self.words, Word { offset, workspace: workspace.clone(), episode, said });
    }

    /// This is what the state machine said of the record at `offset`.
    pub(crate) fn said(&mut self, offset: i64, outputs: &[Output]) {
        for output in outputs {
            if let Output::Alert(alert) = output
                && is_resolved(alert)
                && let Ok(Ended { resolution, summary }) = serde_json::from_slice(&alert.value)
                && resolution != super::RECOMPUTED
            {
                keep(&mut self.endings, Ending { offset, key: alert.key.clone(), resolution, summary });
            }
        }
    }

    /// What was said in a workspace from the record at `left` on, in order.
    pub(super) fn words(
        &self,
        workspace: &Name,
        left: i64,
    ) -> impl Iterator<Item = (&EpisodeKey, &Acknowledgement)> {
        let of = self.words.iter().filter(move |word| word.offset >= left && word.workspace == *workspace);
        of.map(|word| (&word.episode, &word.said))
    }

    /// How an episode ended from the record at `left` on, if it did.
    pub(super) fn ending(&self, workspace: &Name, episode: &str, left: i64) -> Option<&Ending> {
        let key = format!("{workspace}/{episode}");
        self.endings.iter().rfind(|ending| ending.offset >= left && ending.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_units::Timestamp;

    #[test]
    fn the_latest_words_are_kept_and_told_by_workspace_from_a_place_on() {
        let mut lately = Lately::default();
        let (w, v): (Name, Name) = ("w".parse().unwrap(), "v".parse().unwrap());
        let said = |function: &str| Acknowledgement {
            function: function.to_owned(),
            note: String::new(),
            at: Timestamp::clamped(0),
            until: None,
        };
        for offset in 0..MOST as i64 + 10 {
            let (workspace, key) = if offset % 2 == 0 { (&w, "p/a/") } else { (&v, "p/b/") };
            lately.heard(offset, workspace, Some((EpisodeKey(key.to_owned()), said(&offset.to_string()))));
        }
        lately.heard(0, &w, Some((EpisodeKey("k".repeat(LONGEST_KEY + 1)), said("x"))));
        assert_eq!(lately.words.len(), MOST);
        assert_eq!(lately.words(&w, 0).count() + lately.words(&v, 0).count(), MOST);
        let late: Vec<&str> =
            lately.words(&w, MOST as i64 + 5).map(|(_, said)| said.function.as_str()).collect();
        assert_eq!(late, ["1006", "1008"]);
    }
}
