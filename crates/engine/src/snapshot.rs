//! The engine as bytes: what a checkpoint holds. The pipeline adds position, checksum and atomicity.
//!
//! Layout: length of the head (u64, little endian), the head in CBOR, then each workspace's fold in the order
//! of the head. CBOR keeps floating-point numbers to the last bit, which a restored judge depends on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use plumbline_drift::judge::{Judge, JudgeState};
use plumbline_funnel::{Fold, Watch};
use plumbline_plan::Plan;
use plumbline_units::{Name, Timestamp};
use serde::{Deserialize, Serialize};

use crate::EngineConfig;
use crate::clock::EngineClock;
use crate::engine::Engine;
use crate::epoch::Lately;
use crate::health::Health;
use crate::limits::LimitsTold;
use crate::schedule::Schedule;
use crate::streams::{Inputs, Streams};
use crate::trend::Trend;
use crate::workspace::{PlanSource, WorkspaceState};

/// Why a snapshot cannot be used. The log is whole: another snapshot, or none, gives the same state.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Made by another state machine.
    #[error("the snapshot was made by state machine version {found}; this program has version {own}")]
    Version {
        /// The snapshot's.
        found: u32,
        /// This program's.
        own: u32,
    },
    /// Made under other settings.
    #[error("the snapshot was made under other engine settings (horizon, limits, lateness or id key)")]
    Settings,
    /// Cut short or damaged.
    #[error("the snapshot is damaged: {0}")]
    Damaged(String),
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    settings: String,
    clock: EngineClock,
    inputs: Inputs,
    epoch: Option<u32>,
    #[serde(default)]
    lately: Lately,
    unplanned: Vec<(Name, u64)>,
    workspaces: Vec<WorkspaceHead>,
}

#[derive(Serialize, Deserialize)]
struct WorkspaceHead {
    name: Name,
    source: PlanSource,
    judge: JudgeState,
    streams: Streams,
    schedule: Option<Schedule>,
    watermark: Option<Timestamp>,
    health: Health,
    commands: VecDeque<Box<str>>,
    next_due: Timestamp,
    retired: BTreeSet<Vec<u8>>,
    /// Absent from older snapshots; nothing is decided by it.
    #[serde(default)]
    trend: Trend,
    #[serde(default)]
    limits_told: LimitsTold,
    watches: Vec<Watch>,
    fold_bytes: u64,
}

impl Engine {
    /// Appends the state as bytes; equal states give equal bytes.
    pub fn save(&self, out: &mut Vec<u8>) {
        let mut folds = Vec::new();
        let mut workspaces = Vec::new();
        for workspace in self.workspaces.values() {
            let start = folds.len();
            workspace.fold.save(&mut folds);
            workspaces.push(WorkspaceHead {
                name: workspace.name.clone(),
                source: workspace.source.clone(),
                judge: workspace.judge.save(),
                streams: workspace.streams.clone(),
                schedule: workspace.schedule.clone(),
                watermark: workspace.watermark,
                health: workspace.health.clone(),
                commands: workspace.commands.clone(),
                next_due: workspace.next_due,
                retired: workspace.retired.clone(),
                trend: workspace.trend.clone(),
                limits_told: workspace.limits_told.clone(),
                watches: workspace.fold.watches().to_vec(),
                fold_bytes: (folds.len() - start) as u64,
            });
        }
        let head = Head {
            version: self.config.version,
            settings: settings(&self.config),
            clock: self.clock.clone(),
            inputs: self.inputs.clone(),
            epoch: self.epoch,
            lately: self.lately.clone(),
            unplanned: self.unplanned.iter().map(|(name, count)| (name.clone(), *count)).collect(),
            workspaces,
        };
        let mut bytes = Vec::new();
        ciborium::into_writer(&head, &mut bytes)
            .expect("writing to memory does not fail and the head has no maps without text keys");
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        out.extend_from_slice(&bytes);
        out.extend_from_slice(&folds);
    }

    /// The engine that [`Engine::save`] wrote, under the same settings.
    pub fn load(config: EngineConfig, bytes: &[u8]) -> Result<Engine, SnapshotError> {
        let damaged = |what: &str| SnapshotError::Damaged(what.to_string());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| damaged("no head"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged("head length"))?;
        let (head, mut folds) = rest.split_at_checked(length).ok_or_else(|| damaged("head cut short"))?;
        let head: Head = ciborium::from_reader(head).map_err(|e| SnapshotError::Damaged(e.to_string()))?;
        if head.version != config.version {
            return Err(SnapshotError::Version { found: head.version, own: config.version });
        }
        if head.settings != settings(&config) {
            return Err(SnapshotError::Settings);
        }
        let mut workspaces = BTreeMap::new();
        for workspace in head.workspaces {
            let length = usize::try_from(workspace.fold_bytes).map_err(|_| damaged("fold length"))?;
            let (fold, rest) = folds.split_at_checked(length).ok_or_else(|| damaged("fold cut short"))?;
            folds = rest;
            workspaces.insert(workspace.name.clone(), restore(workspace, fold, &config)?);
        }
        Ok(Engine {
            config,
            clock: head.clock,
            inputs: head.inputs,
            workspaces,
            unplanned: head.unplanned.into_iter().collect(),
            epoch: head.epoch,
            lately: head.lately,
        })
    }
}

fn restore(head: WorkspaceHead, fold: &[u8], config: &EngineConfig) -> Result<WorkspaceState, SnapshotError> {
    let plan = Plan::parse("plan.toml", &head.source.toml)
        .map_err(|_| SnapshotError::Damaged("its plan does not parse".into()))?
        .plan;
    let plan = Arc::new(plan);
    let mut fold =
        Fold::load(&plan, &config.fold, fold).map_err(|e| SnapshotError::Damaged(e.to_string()))?;
    fold.watch(head.watches);
    if let Some(schedule) = &head.schedule
        && (schedule.targets.len() != plan.targets.len() || schedule.patterns.len() != plan.patterns.len())
    {
        return Err(SnapshotError::Damaged("its ticks do not fit its plan".into()));
    }
    Ok(WorkspaceState {
        name: head.name,
        source: head.source,
        judge: Judge::load(Arc::clone(&plan), head.judge),
        plan,
        fold,
        streams: head.streams,
        schedule: head.schedule,
        watermark: head.watermark,
        health: head.health,
        commands: head.commands,
        next_due: head.next_due,
        retired: head.retired,
        trend: head.trend,
        limits_told: head.limits_told,
        occasion: 0,
    })
}

/// What must agree between the writer and the reader of a snapshot. The key is in it only as a hash.
fn settings(config: &EngineConfig) -> String {
    let key = plumbline_units::IdHasher::new(config.fold.id_key).hash(255, "settings").0;
    let mut config = config.clone();
    config.fold.id_key = [0; 16];
    format!("{config:?} {key:x}")
}
