//! What the engine's thread writes and the pages read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use plumbline_engine::alert::Alert;
use plumbline_engine::{Engine, WorkspaceState};
use tokio::sync::watch;

use crate::gauges;
use crate::history::{Episodes, History, Told};
use crate::refused::{DeadLetter, DeadLetters};
use crate::samples::Samples;
use crate::view::{Passing, Stamp, WorkspaceView, view};

/// A workspace that no engine here has shown for so long is judged elsewhere, or not at all.
const STALE: Duration = Duration::from_secs(60);
/// Of the engine's time, at most one part in so many goes into views: while it catches up, days close faster than
/// anybody can read.
const SHARE: u32 = 10;
/// That the streams have come further is told to listeners at most so often.
const PASSING: Duration = Duration::from_secs(10);

/// The state behind the pages; cheap to clone.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    workspaces: RwLock<BTreeMap<String, Shown>>,
    history: RwLock<History>,
    dead_letters: RwLock<DeadLetters>,
    versions: watch::Sender<Versions>,
}

/// Counts what has changed, by workspace.
#[derive(Debug, Default)]
pub(crate) struct Versions {
    total: u64,
    /// Changes of all workspaces at once.
    everywhere: u64,
    /// As many as are shown, or have episodes.
    of: BTreeMap<String, u64>,
}

impl Versions {
    /// The changes of a workspace, or all of them.
    pub(crate) fn of(&self, workspace: Option<&str>) -> u64 {
        match workspace {
            Some(workspace) => self.everywhere + self.of.get(workspace).copied().unwrap_or_default(),
            None => self.total,
        }
    }
}

struct Shown {
    partition: i32,
    stamp: Stamp,
    view: Arc<WorkspaceView>,
    judged: Arc<Samples>,
    folded: Arc<Samples>,
    seen: Instant,
    /// No other view is made before.
    rest_until: Instant,
    /// When listeners were last told of a change.
    told: Instant,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared(Arc::new(Inner {
            workspaces: RwLock::default(),
            history: RwLock::default(),
            dead_letters: RwLock::default(),
            versions: watch::Sender::default(),
        }))
    }
}

impl Shared {
    /// Looks at every workspace of a log partition's engine; those that changed are shown anew. What is judged is
    /// shown anew only so often that it takes a tenth of the caller's time.
    pub fn look(&self, partition: i32, engine: &Engine) {
        engine.workspaces().for_each(|workspace| self.look_at(partition, workspace));
    }

    /// The log partition is judged elsewhere now: its workspaces are no longer shown.
    pub fn gone(&self, partition: i32) {
        let mut gone = Vec::new();
        self.workspaces_mut().retain(|name, shown| {
            let stays = shown.partition != partition;
            if !stays {
                gone.push(name.clone());
            }
            stays
        });
        gone.iter().for_each(|name| self.changed(name));
    }

    fn look_at(&self, partition: i32, state: &WorkspaceState) {
        let (name, begun) = (state.name().as_str(), Instant::now());
        let (stamp, passing) = (Stamp::of(state), Passing::of(state));
        let folded = Arc::new(gauges::folded(state));
        let mut before = None;
        if let Some(shown) = self.workspaces_mut().get_mut(name) {
            (shown.partition, shown.seen) = (partition, begun);
            if shown.stamp == stamp || begun < shown.rest_until {
                shown.folded = folded;
                if shown.view.passing != passing {
                    shown.view = Arc::new(WorkspaceView { passing, ..WorkspaceView::clone(&shown.view) });
                    if begun.duration_since(shown.told) >= PASSING {
                        shown.told = begun;
                        self.changed(name);
                    }
                }
                return;
            }
            before = Some(Arc::clone(&shown.view));
        }
        // Made without the lock: a page is never held up by it.
        let view = Arc::new(view(state, before.as_deref()));
        let judged = Arc::new(gauges::judged(state, &view));
        let rest_until = Instant::now() + begun.elapsed() * (SHARE - 1);
        let shown = Shown { partition, stamp, view, judged, folded, seen: begun, rest_until, told: begun };
        self.workspaces_mut().insert(name.to_owned(), shown);
        self.changed(name);
    }

    /// Takes a record of the alerts topic.
    pub fn told(&self, value: &[u8]) {
        let news = self.history_mut().take(value);
        if let Some(workspace) = news {
            self.changed(&workspace);
        }
    }

    /// The newest record of the alert with this whole id, as far as the topic has been followed.
    pub fn alert(&self, alert_id: &str) -> Option<Alert> {
        self.episode(alert_id).map(|told| told.last.clone())
    }

    /// Says whether the alerts topic has been read to its end, and is followed from there.
    pub fn told_all(&self, all: bool) {
        if self.history_mut().told_all(all) {
            self.0.versions.send_modify(|versions| {
                versions.total += 1;
                versions.everywhere += 1;
            });
        }
    }

    /// Takes a dead letter.
    pub fn refused(&self, letter: DeadLetter) {
        let news = self.dead_letters_mut().take(letter);
        if news {
            // Of no workspace: whoever looks at one is not told.
            self.0.versions.send_modify(|versions| versions.total += 1);
        }
    }

    /// Says whether the dead-letter topic has been read to its end, and is followed from there.
    pub fn refused_all(&self, all: bool) {
        self.dead_letters_mut().complete = all;
    }

    fn dead_letters_mut(&self) -> RwLockWriteGuard<'_, DeadLetters> {
        self.0.dead_letters.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was refused.
    pub(crate) fn dead_letters(&self) -> DeadLetters {
        self.0.dead_letters.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn workspaces_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Shown>> {
        self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn history_mut(&self) -> RwLockWriteGuard<'_, History> {
        self.0.history.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, workspace: &str) {
        self.0.versions.send_modify(|versions| {
            versions.total += 1;
            match versions.of.get_mut(workspace) {
                Some(version) => *version += 1,
                None => _ = versions.of.insert(workspace.to_owned(), 1),
            }
        });
    }

    /// Counts the changes.
    pub(crate) fn versions(&self) -> watch::Receiver<Versions> {
        self.0.versions.subscribe()
    }

    /// A workspace, and whether what is shown of it is old.
    pub(crate) fn workspace(&self, name: &str) -> Option<(Arc<WorkspaceView>, bool)> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(name).map(Shown::show)
    }

    /// All of them, by name.
    pub(crate) fn workspaces(&self) -> Vec<(Arc<WorkspaceView>, bool)> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.values().map(Shown::show).collect()
    }

    /// The samples of the workspaces that are judged here: what is old belongs to whoever judges them now.
    pub(crate) fn samples(&self) -> Vec<Arc<Samples>> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = workspaces.values().filter(|shown| shown.seen.elapsed() <= STALE);
        fresh.flat_map(|shown| [Arc::clone(&shown.judged), Arc::clone(&shown.folded)]).collect()
    }

    /// The episodes of a workspace.
    pub(crate) fn episodes(&self, workspace: &str) -> Episodes {
        self.history().of(workspace)
    }

    /// An episode by its alert id.
    pub(crate) fn episode(&self, alert_id: &str) -> Option<Arc<Told>> {
        self.history().episode(alert_id)
    }

    fn history(&self) -> RwLockReadGuard<'_, History> {
        self.0.history.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// The view, and whether it is old.
    fn show(&self) -> (Arc<WorkspaceView>, bool) {
        (Arc::clone(&self.view), self.seen.elapsed() > STALE)
    }
}

#[cfg(test)]
mod tests;
