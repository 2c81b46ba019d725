//! Verdicts and episodes.
