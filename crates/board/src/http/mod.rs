//! The routes beside those that every service has.

mod api;
pub(crate) mod desk;
mod pages;

use axum::Router;
use tokio::sync::watch;

use crate::shared::Shared;
use desk::Desk;

/// Pages and API over what the engine and the alerts topic say; `ending` becomes true when the server is to end.
pub(crate) fn routes(shared: Shared, ending: watch::Receiver<bool>) -> Router {
    let desk = Desk::default();
    pages::routes(shared.clone(), desk.clone(), ending).merge(api::routes(shared, desk))
}
