//! Whether the story ended as it must.

use plumbline_engine::alert::Alert;
use plumbline_units::Timestamp;

use super::story::Trap;

/// The alert the built-in story is about.
const PATTERN: &str = "lead-quality-trap";

/// What was heard on the alerts topic.
pub(super) struct Heard {
    trap: Option<Trap>,
    opened: Vec<Alert>,
    /// The first opening of the trap's alert.
    caught: Option<Alert>,
    /// Pages before the onset: there must be none.
    pub(super) false_pages: Vec<Alert>,
}

impl Heard {
    pub(super) fn new(trap: Option<Trap>) -> Heard {
        Heard { trap, opened: Vec::new(), caught: None, false_pages: Vec::new() }
    }

    /// Takes a record; hands back the alert if somebody would hear of it now.
    pub(super) fn take(&mut self, record: &[u8]) -> Option<&Alert> {
        let alert: Alert = serde_json::from_slice(record).ok()?;
        let opens = matches!(alert.transition.as_str(), "opened" | "escalated" | "carried");
        if !opens || alert.kind != "business" || alert.historical || alert.inhibited_by.is_some() {
            return None;
        }
        match self.trap {
            Some(trap) if before(&alert, trap.begins) => self.false_pages.push(alert.clone()),
            Some(_) if self.caught.is_none() && alert.pattern.as_deref() == Some(PATTERN) => {
                self.caught = Some(alert.clone());
            }
            _ => {}
        }
        self.opened.push(alert);
        self.opened.last()
    }

    /// Whether the built-in story has reached its point.
    pub(super) fn trap_is_caught(&self) -> bool {
        self.caught.is_some()
    }

    /// The trap's alert with the day the trap opened.
    pub(super) fn caught(&self) -> Option<(&Alert, Trap)> {
        self.caught.as_ref().zip(self.trap)
    }

    /// What the story is about, if it is the built-in one.
    pub(super) fn trap(&self) -> Option<Trap> {
        self.trap
    }

    /// The first alert that opened.
    pub(super) fn first(&self) -> Option<&Alert> {
        self.opened.first()
    }

    /// How many alerts opened.
    pub(super) fn opened(&self) -> usize {
        self.opened.len()
    }

    /// The trap's alert opened after the onset and no business page before it. A user's own events need nothing.
    pub(super) fn as_it_must_be(&self) -> bool {
        self.trap.is_none() || (self.caught.is_some() && self.false_pages.is_empty())
    }
}

/// Whether the alert's tick closed at or before the instant.
fn before(alert: &Alert, instant: Timestamp) -> bool {
    alert.detected_at <= instant
}
