//! The plans read again while the service runs: on SIGHUP, on `POST /-/reload`, and when a file has changed.
//!
//! A revision goes into the log, where the state machine takes it. A plan that cannot be used is refused as a whole
//! and the one in force stays.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plumbline_pipeline::{self as pipeline, ConfiguredPlan, Kind};
use plumbline_units::Name;

use crate::config::Config;
use crate::settings;

/// Why the plans are read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Somebody has asked for it.
    Asked,
    /// A file looks different.
    Changed,
}

/// Takes a revision into the log; tests put something else in its place.
pub(crate) type Apply = Box<dyn FnMut(&ConfiguredPlan) -> Result<(), pipeline::Failure> + Send>;
/// Lets events keep attributes of these names.
pub(crate) type Allow = Box<dyn Fn(&[String]) + Send>;

/// Reads the plans again.
pub(crate) struct Reloader {
    config: Config,
    apply: Apply,
    allow: Allow,
    /// The revision and content of each plan that this process has last read or written.
    known: BTreeMap<Name, (u32, [u8; 32])>,
    /// Whether this process has put it into the log; at the start, it has only read it.
    written: BTreeMap<Name, (u32, [u8; 32])>,
    /// The files as they were last dealt with, and as they last looked.
    dealt_with: BTreeMap<PathBuf, Option<Vec<u8>>>,
    looked: BTreeMap<PathBuf, Option<Vec<u8>>>,
}

impl Reloader {
    /// Knows the plans the service was started with.
    pub(crate) fn new(config: Config, plans: &[ConfiguredPlan], apply: Apply, allow: Allow) -> Reloader {
        let known = plans.iter().map(|p| (p.workspace.clone(), (p.revision, p.content_hash))).collect();
        let mut reloader = Reloader {
            config,
            apply,
            allow,
            known,
            written: BTreeMap::new(),
            dealt_with: BTreeMap::new(),
            looked: BTreeMap::new(),
        };
        reloader.dealt_with = reloader.files();
        reloader.looked = reloader.dealt_with.clone();
        reloader
    }

    fn files(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        self.config.plans.values().map(|path| (path.clone(), std::fs::read(path).ok())).collect()
    }

    /// Looks at the files; a change counts once it looks the same twice, so that half a file is not taken for one.
    pub(crate) fn changed(&mut self) -> bool {
        let now = self.files();
        let settled = now == self.looked && now != self.dealt_with;
        self.looked = now;
        settled
    }

    /// Reads the plans again and puts what is new into the log; says what came of it.
    pub(crate) fn reload(&mut self, cause: Cause) -> Result<String, String> {
        self.dealt_with = self.files();
        let outcome = self.try_reload(cause);
        match &outcome {
            Ok(done) => tracing::info!(?cause, %done, "plans read again"),
            Err(refused) => {
                pipeline::plan_reload("refused");
                tracing::error!(?cause, %refused, "plans read again and refused; the ones in force stay");
            }
        }
        outcome
    }

    fn try_reload(&mut self, cause: Cause) -> Result<String, String> {
        let (plans, dimensions) = settings::plans(&self.config).map_err(|failure| failure.to_string())?;
        let mut fresh = Vec::new();
        for plan in &plans {
            let this = (plan.revision, plan.content_hash);
            match self.known.get(&plan.workspace) {
                Some((revision, hash)) if *revision == plan.revision && *hash != plan.content_hash => {
                    return Err(format!(
                        "{}: the plan has changed and is still revision {revision}: raise `revision`",
                        plan.workspace
                    ));
                }
                Some((revision, _)) if *revision > plan.revision => {
                    return Err(format!(
                        "{}: revision {} is older than {revision}, which was read before",
                        plan.workspace, plan.revision
                    ));
                }
                // Whether the log has it is not known here; the state machine takes a revision once.
                Some(known) if *known == this && cause == Cause::Changed => {}
                _ if self.written.get(&plan.workspace) == Some(&this) => {}
                _ => fresh.push(plan),
            }
        }
        if fresh.is_empty() {
            pipeline::plan_reload("unchanged");
            return Ok("no plan has changed".to_owned());
        }
        // First the attributes a plan asks for, then the plan.
        (self.allow)(&dimensions.into_iter().collect::<Vec<_>>());
        let mut told = Vec::new();
        for plan in fresh {
            (self.apply)(plan).map_err(|failure| match failure.kind() {
                Kind::Unavailable => format!("{}: {failure}; try again", plan.workspace),
                _ => format!("{}: {failure}", plan.workspace),
            })?;
            let this = (plan.revision, plan.content_hash);
            self.known.insert(plan.workspace.clone(), this);
            self.written.insert(plan.workspace.clone(), this);
            pipeline::plan_reload("written");
            told.push(format!("{}: revision {} is in the log", plan.workspace, plan.revision));
        }
        Ok(told.join("\n"))
    }
}

#[cfg(test)]
mod tests;
