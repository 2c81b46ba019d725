//! Where answers are made: beside the threads that serve connections, a few at a time.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

/// Answers made at a time; further requests wait their turn.
const SEATS: usize = 4;

/// A page of a large plan takes long enough to make that whatever else a serving thread has to do would wait.
#[derive(Clone)]
pub(crate) struct Desk(Arc<Semaphore>);

impl Default for Desk {
    fn default() -> Desk {
        Desk(Arc::new(Semaphore::new(SEATS)))
    }
}

impl Desk {
    /// Makes an answer where it holds up nobody.
    pub(crate) async fn draw(&self, make: impl FnOnce() -> Response + Send + 'static) -> Response {
        let seat = Arc::clone(&self.0).acquire_owned().await;
        // The seat is taken until the answer is made, whether or not somebody still waits for it.
        let making = tokio::task::spawn_blocking(move || {
            let _seat = seat;
            make()
        });
        making.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }
}
