//! Progress on standard error, only where a person watches.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether progress is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Shown on a terminal unless `quiet`.
    pub(crate) fn new(quiet: bool) -> Progress {
        Progress { shown: !quiet && std::io::stderr().is_terminal() }
    }

    /// A bar over bytes; without a known total, a spinner.
    pub(crate) fn bytes(self, what: &'static str, total: Option<u64>) -> ProgressBar {
        self.bar(total, what, "{msg} {wide_bar} {bytes}/{total_bytes} {eta}", "{spinner} {msg} {bytes}")
    }

    /// A bar over things; without a known total, a spinner.
    pub(crate) fn count(self, what: &'static str, total: Option<u64>) -> ProgressBar {
        self.bar(total, what, "{msg} {wide_bar} {human_pos}/{human_len} {eta}", "{spinner} {msg} {human_pos}")
    }

    fn bar(self, total: Option<u64>, what: &'static str, with: &str, without: &str) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let (bar, template) = match total {
            Some(total) => (ProgressBar::new(total), with),
            None => (ProgressBar::new_spinner(), without),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}
