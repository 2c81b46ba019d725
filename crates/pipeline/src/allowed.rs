//! Which attributes of events enter the log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::client::lock;

/// Names of attributes; `None` lets all in. A plan that comes while intake runs may add to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed(Arc<Mutex<Option<BTreeSet<String>>>>);

impl Allowed {
    pub(crate) fn new(names: Option<&[String]>) -> Allowed {
        Allowed(Arc::new(Mutex::new(names.map(|names| names.iter().cloned().collect()))))
    }

    pub(crate) fn names(&self) -> MutexGuard<'_, Option<BTreeSet<String>>> {
        lock(&self.0)
    }

    pub(crate) fn add(&self, names: &[String]) {
        if let Some(allowed) = &mut *self.names() {
            allowed.extend(names.iter().cloned());
        }
    }
}

/// Lets attributes into the log that were not let in at the start.
#[derive(Clone, Debug)]
pub struct AllowHandle(pub(crate) Allowed);

impl AllowHandle {
    /// Events that arrive from now on keep attributes of these names.
    pub fn allow(&self, names: &[String]) {
        self.0.add(names);
    }
}
