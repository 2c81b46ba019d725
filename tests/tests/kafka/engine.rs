//! Log to alerts.
