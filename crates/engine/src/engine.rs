//! The state of one log partition.

use std::collections::BTreeMap;

use plumbline_events::{EpochRecord, EventView, PlanRecord, RecordError, RecordView};
use plumbline_plan::Plan;
use plumbline_units::{Name, Timestamp};
use sha2::{Digest, Sha256};

use crate::clock::EngineClock;
use crate::epoch::{self, Handover, Lately};
use crate::history::{History, NoHistory};
use crate::streams::Inputs;
use crate::workspace::{WorkspaceState, parse_plan};
use crate::{AggregateUpdate, DeadLetterOut, EngineConfig, Output, aggregate};

/// Why a task must stop. Skipping the record instead would make the output depend on who read it.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// A newer program has taken the log over.
    #[error(
        "the log is judged by state machine version {log} from here on and this program has version {own}: upgrade it"
    )]
    HigherEpoch {
        /// The log's version.
        log: u32,
        /// This program's.
        own: u32,
    },
    /// A record of a kind or shape this program does not know.
    #[error(
        "the log record at offset {offset} cannot be read ({error}): upgrade this program, or the log is damaged"
    )]
    Unreadable {
        /// Where.
        offset: i64,
        /// Why.
        error: RecordError,
    },
    /// A plan change needs the log from its start.
    #[error("the plan record at offset {offset} needs the events before it: {error}")]
    History {
        /// Where the plan record stands.
        offset: i64,
        /// Why not.
        error: String,
    },
}

/// The state of one log partition: its clock and its workspaces.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) clock: EngineClock,
    pub(crate) inputs: Inputs,
    pub(crate) workspaces: BTreeMap<Name, WorkspaceState>,
    /// Events of workspaces that have no plan yet, counted.
    pub(crate) unplanned: BTreeMap<Name, u64>,
    pub(crate) epoch: Option<u32>,
    pub(crate) lately: Lately,
}

impl Engine {
    /// The state before the first record.
    pub fn new(config: EngineConfig) -> Engine {
        Engine {
            config,
            clock: EngineClock::default(),
            inputs: Inputs::default(),
            workspaces: BTreeMap::new(),
            unplanned: BTreeMap::new(),
            epoch: None,
            lately: Lately::default(),
        }
    }

    /// Takes the log record at `offset`; pushes what it makes public to `out`, in order.
    pub fn apply(
        &mut self,
        offset: i64,
        record: &RecordView<'_>,
        history: &mut dyn History,
        out: &mut Vec<Output>,
    ) -> Result<(), Stop> {
        let before = out.len();
        match record {
            RecordView::Event(event) => self.event(event, out),
            RecordView::Clock(record) => {
                let leapt = self.clock.on_record(record.time);
                if let Some(now) = self.clock.now() {
                    self.inputs.observe(record, now);
                }
                self.close_all(leapt, out);
            }
            RecordView::Plan(record) => self.plan(offset, record, history, out)?,
            RecordView::Command(record) => {
                if let (Some(now), Some(workspace)) =
                    (self.clock.now(), self.workspaces.get_mut(&record.workspace))
                {
                    let said = workspace.command(record, now, out);
                    self.lately.heard(offset, &record.workspace, said);
                }
            }
            RecordView::Epoch(record) => self.epoch(record, out)?,
        }
        self.lately.said(offset, &out[before..]);
        Ok(())
    }

    fn event(&mut self, event: &EventView<'_>, out: &mut Vec<Output>) {
        let before = self.clock.now();
        self.clock.on_event(event.received_at);
        let now = self.clock.now().unwrap_or(event.received_at);
        let Some(workspace) = self.workspaces.get_mut(event.workspace) else {
            self.unplanned_event(event.workspace, out);
            return;
        };
        workspace.close_hours(now, false, &self.inputs, out);
        let due = workspace.event(event, now, &self.config, out);
        // In files events move the clock, and with it the other workspaces' hours.
        if before.is_none_or(|before| hour(before) != hour(now)) {
            self.close_all(false, out);
        } else if due {
            workspace.close_due(now, false, &self.inputs, &self.config, out);
        }
    }

    /// Counts an event of a workspace without a plan: it stays in the log and is folded when a plan comes.
    fn unplanned_event(&mut self, workspace: &str, out: &mut Vec<Output>) {
        if let Some(count) = self.unplanned.get_mut(workspace) {
            *count += 1;
            return;
        }
        match Name::new(workspace) {
            Ok(name) if !self.full() => {
                self.unplanned.insert(name, 1);
            }
            Ok(_) => out.push(self.too_many()),
            Err(error) => {
                let message = error.to_string();
                out.push(Output::DeadLetter(DeadLetterOut { class: "bad_workspace", message }));
            }
        }
    }

    fn full(&self) -> bool {
        self.workspaces.len() + self.unplanned.len() >= self.config.max_workspaces
    }

    fn too_many(&self) -> Output {
        let message = format!(
            "this log partition already holds {} workspaces: raise limits.workspaces",
            self.config.max_workspaces
        );
        Output::DeadLetter(DeadLetterOut { class: "too_many_workspaces", message })
    }

    fn close_all(&mut self, leapt: bool, out: &mut Vec<Output>) {
        let Some(now) = self.clock.now() else { return };
        for workspace in self.workspaces.values_mut() {
            workspace.close_due(now, leapt, &self.inputs, &self.config, out);
        }
    }

    fn plan(
        &mut self,
        offset: i64,
        record: &PlanRecord,
        history: &mut dyn History,
        out: &mut Vec<Output>,
    ) -> Result<(), Stop> {
        let parsed = parse_plan(record);
        let Some(current) = self.workspaces.get_mut(&record.workspace) else {
            let plan = match parsed {
                Ok(plan) => plan,
                Err(complaint) => {
                    let message = format!("the first plan of a workspace was refused: {complaint}");
                    out.push(Output::DeadLetter(DeadLetterOut { class: "bad_plan", message }));
                    return Ok(());
                }
            };
            return self.first_plan(offset, plan, record, history, out);
        };
        let now = self.clock.now().unwrap_or(record.time);
        let plan = match parsed {
            Ok(plan) => plan,
            Err(complaint) => {
                let title = format!("a plan revision was refused: {complaint}");
                current.notice(
                    &refused(offset, record),
                    &title,
                    "mend the plan and apply it again",
                    now,
                    out,
                );
                return Ok(());
            }
        };
        let same_number = plan.revision == current.plan.revision;
        if same_number && plan.content_hash == current.plan.content_hash {
            return Ok(());
        }
        if same_number || plan.revision < current.plan.revision {
            let title = format!(
                "plan revision {} was refused: revision {} is in force",
                plan.revision, current.plan.revision
            );
            current.notice(
                &refused(offset, record),
                &title,
                "raise `revision` with every change of the plan",
                now,
                out,
            );
            return Ok(());
        }
        let refolded = if plan.folds_like(&current.plan) {
            None
        } else {
            Some(self.refold(offset, &plan, &record.workspace, history)?)
        };
        if let Some(current) = self.workspaces.get_mut(&record.workspace) {
            current.revise(plan, record, refolded, out);
            current.close_due(now, false, &self.inputs, &self.config, out);
        }
        Ok(())
    }

    /// The first plan counts as if it stood before the first event, ticks included.
    fn first_plan(
        &mut self,
        offset: i64,
        plan: Plan,
        record: &PlanRecord,
        history: &mut dyn History,
        out: &mut Vec<Output>,
    ) -> Result<(), Stop> {
        let name = record.workspace.clone();
        let waiting = self.unplanned.remove(&name);
        if waiting.is_none() && self.full() {
            out.push(self.too_many());
            return Ok(());
        }
        let fresh = WorkspaceState::new(name.clone(), plan, record, &self.config);
        if waiting.is_none() {
            self.workspaces.insert(name, fresh);
            return Ok(());
        }
        let mut past = Engine::new(self.config.clone());
        past.workspaces.insert(name.clone(), fresh);
        let mut each = |at: i64, earlier: &RecordView<'_>| match earlier {
            RecordView::Event(event) if event.workspace != name.as_str() => {
                past.other_event(event, out);
                Ok(())
            }
            RecordView::Plan(_) | RecordView::Epoch(_) => Ok(()),
            _ => past.apply(at, earlier, &mut NoHistory, out),
        };
        history
            .replay(offset, &mut each)
            .map_err(|error| Stop::History { offset, error: error.to_string() })?;
        self.workspaces.append(&mut past.workspaces);
        Ok(())
    }

    /// Another workspace's event: only the time it tells.
    fn other_event(&mut self, event: &EventView<'_>, out: &mut Vec<Output>) {
        let before = self.clock.now();
        self.clock.on_event(event.received_at);
        if before.map(hour) != self.clock.now().map(hour) {
            self.close_all(false, out);
        }
    }

    fn refold(
        &self,
        offset: i64,
        plan: &Plan,
        workspace: &Name,
        history: &mut dyn History,
    ) -> Result<plumbline_funnel::Fold, Stop> {
        let mut fold = plumbline_funnel::Fold::new(plan, self.config.fold.clone());
        let watermark = self.workspaces.get(workspace).and_then(|w| w.watermark);
        let mut each = |_: i64, earlier: &RecordView<'_>| {
            if let RecordView::Event(event) = earlier
                && event.workspace == workspace.as_str()
            {
                // What the first fold rejected is in the dead letters already.
                let _ = fold.apply(event, watermark);
            }
            Ok(())
        };
        history
            .replay(offset, &mut each)
            .map_err(|error| Stop::History { offset, error: error.to_string() })?;
        if let Some(watermark) = watermark {
            fold.advance(watermark);
        }
        Ok(fold)
    }

    fn epoch(&mut self, record: &EpochRecord, out: &mut Vec<Output>) -> Result<(), Stop> {
        if record.version > self.config.version {
            return Err(Stop::HigherEpoch { log: record.version, own: self.config.version });
        }
        // The first epoch of a log has nothing published before it; a repeated one changes nothing.
        if let Some(from) = self.epoch.filter(|before| *before < record.version) {
            let now = self.clock.now().unwrap_or_default();
            let handover = Handover { from, to: record.version, now, left: record.position };
            epoch::adopt(&mut self.workspaces, &record.published, &self.lately, handover, out);
        }
        self.epoch = self.epoch.max(Some(record.version));
        Ok(())
    }

    /// The newest value of each aggregate dirtied since the last call, in a fixed order.
    pub fn aggregates(&mut self) -> Vec<AggregateUpdate> {
        self.workspaces.values_mut().flat_map(aggregate::updates).collect()
    }

    /// The version of this state machine.
    pub fn version(&self) -> u32 {
        self.config.version
    }

    /// The version of the log's last epoch record.
    pub fn last_epoch(&self) -> Option<u32> {
        self.epoch
    }

    /// The state machine's clock.
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    /// Whether ticks wait for input that has not been read yet.
    pub fn behind(&self) -> bool {
        self.clock.now().is_some_and(|now| self.inputs.behind(now))
    }

    /// The workspaces that have a plan, by name.
    pub fn workspaces(&self) -> impl Iterator<Item = &WorkspaceState> {
        self.workspaces.values()
    }

    /// One workspace that has a plan.
    pub fn workspace(&self, name: &str) -> Option<&WorkspaceState> {
        self.workspaces.get(name)
    }

    /// Revision and content hash of a workspace's plan.
    pub fn has_plan(&self, workspace: &str) -> Option<(u32, [u8; 32])> {
        self.workspaces.get(workspace).map(|w| (w.plan.revision, w.plan.content_hash))
    }

    /// Events waiting for a plan, by workspace.
    pub fn unplanned(&self) -> impl Iterator<Item = (&Name, u64)> {
        self.unplanned.iter().map(|(name, count)| (name, *count))
    }
}

/// Names a refused plan by its record: two refused within one tick of the clock are two notices, be they the same.
fn refused(offset: i64, record: &PlanRecord) -> String {
    let hash =
        Sha256::new().chain_update(offset.to_le_bytes()).chain_update(record.toml.as_bytes()).finalize();
    hash.iter().take(4).fold("plan-refused/".to_string(), |name, byte| format!("{name}{byte:02x}"))
}

fn hour(at: Timestamp) -> i64 {
    at.millis().div_euclid(3_600_000)
}
