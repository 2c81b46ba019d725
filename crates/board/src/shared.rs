//! What the engine's thread writes and the pages read.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use plumbline_engine::alert::Alert;
use plumbline_engine::{Engine, WorkspaceState};
use tokio::sync::watch;

use crate::gauges;
use crate::history::History;
use crate::samples::Samples;
use crate::view::{Stamp, WorkspaceView, view};

/// A workspace that no engine here has shown for so long is judged elsewhere, or not at all.
const STALE: Duration = Duration::from_secs(60);

/// The state behind the pages; cheap to clone.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    workspaces: RwLock<BTreeMap<String, Shown>>,
    history: RwLock<History>,
    version: watch::Sender<u64>,
}

struct Shown {
    stamp: Stamp,
    view: Arc<WorkspaceView>,
    judged: Arc<Samples>,
    folded: Arc<Samples>,
    seen: Instant,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared(Arc::new(Inner {
            workspaces: RwLock::default(),
            history: RwLock::default(),
            version: watch::Sender::new(0),
        }))
    }
}

impl Shared {
    /// Looks at every workspace of an engine; those that changed are shown anew.
    pub fn look(&self, engine: &Engine) {
        engine.workspaces().for_each(|workspace| self.look_at(workspace));
    }

    fn look_at(&self, state: &WorkspaceState) {
        let stamp = Stamp::of(state);
        let folded = Arc::new(gauges::folded(state));
        {
            let mut shown = self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(shown) = shown.get_mut(state.name().as_str()).filter(|shown| shown.stamp == stamp) {
                shown.seen = Instant::now();
                shown.folded = folded;
                return;
            }
        }
        // Made without the lock: a page is never held up by it.
        let view = Arc::new(view(state));
        let judged = Arc::new(gauges::judged(state, &view));
        let shown = Shown { stamp, view, judged, folded, seen: Instant::now() };
        let mut workspaces = self.0.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        workspaces.insert(state.name().to_string(), shown);
        drop(workspaces);
        self.changed();
    }

    /// Takes a record of the alerts topic.
    pub fn told(&self, value: &[u8]) {
        if self.0.history.write().unwrap_or_else(PoisonError::into_inner).take(value) {
            self.changed();
        }
    }

    /// The newest record of the alert with this whole id, as far as the topic has been followed.
    pub fn alert(&self, alert_id: &str) -> Option<Alert> {
        self.episodes(|history| history.episode(alert_id).map(|told| told.last.clone()))
    }

    fn changed(&self) {
        self.0.version.send_modify(|version| *version += 1);
    }

    /// Counts the changes.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// A workspace, and whether what is shown of it is old.
    pub(crate) fn workspace(&self, name: &str) -> Option<(Arc<WorkspaceView>, bool)> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.get(name).map(|shown| (Arc::clone(&shown.view), shown.seen.elapsed() > STALE))
    }

    /// All of them, by name.
    pub(crate) fn workspaces(&self) -> Vec<Arc<WorkspaceView>> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        workspaces.values().map(|shown| Arc::clone(&shown.view)).collect()
    }

    /// The samples of the workspaces that are judged here: what is old belongs to whoever judges them now.
    pub(crate) fn samples(&self) -> Vec<Arc<Samples>> {
        let workspaces = self.0.workspaces.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = workspaces.values().filter(|shown| shown.seen.elapsed() <= STALE);
        fresh.flat_map(|shown| [Arc::clone(&shown.judged), Arc::clone(&shown.folded)]).collect()
    }

    /// Reads the episodes.
    pub(crate) fn episodes<T>(&self, read: impl FnOnce(&History) -> T) -> T {
        read(&self.0.history.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_engine::EngineConfig;
    use plumbline_harness::LogWriter;
    use plumbline_simulator::{Spec, plan_toml};
    use plumbline_units::Seconds;

    #[test]
    fn what_another_instance_judges_now_is_no_longer_among_the_metrics() {
        let spec = Spec::default();
        let mut writer = LogWriter::new(Seconds::HOUR);
        let start = spec.zone.start_of(spec.start);
        writer.plan(&spec.workspace, &plan_toml(&spec), start, start);
        let log = writer.finish();
        let (shared, mut engine) = (Shared::default(), Engine::new(EngineConfig::default()));
        for offset in 0..log.len() {
            engine.apply(offset, &log.record(offset), &mut &log, &mut Vec::new()).unwrap();
        }
        shared.look(&engine);
        assert!(!shared.samples().is_empty());
        for shown in shared.0.workspaces.write().unwrap().values_mut() {
            shown.seen = shown.seen.checked_sub(STALE + Duration::from_secs(1)).unwrap();
        }
        assert!(shared.samples().is_empty(), "nobody looked for a minute");
        shared.look(&engine);
        assert!(!shared.samples().is_empty(), "it is back");
    }
}
