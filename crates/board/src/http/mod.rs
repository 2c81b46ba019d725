//! The routes beside those that every service has.

mod api;
mod pages;

use axum::Router;

use crate::shared::Shared;

/// Pages and API over what the engine and the alerts topic say.
pub(crate) fn routes(shared: Shared) -> Router {
    pages::routes(shared.clone()).merge(api::routes(shared))
}
