//! The listener.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use plumbline_units::Timestamp;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::bounded::Bounded;
use crate::http::desk::Desk;
use crate::metric;
use crate::samples::{self, Format, Samples};
use crate::shared::Shared;

/// Whether the process should be sent work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Restored and running.
    pub ready: bool,
    /// For a person: what is being waited for, with progress, or what failed.
    pub detail: String,
}

/// Says how ready the process is, whenever asked.
pub type ReadinessSource = Arc<dyn Fn() -> Readiness + Send + Sync>;

/// Why there is no board.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; set http.listen or --listen to a free address")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        error: std::io::Error,
    },
    /// The process already records metrics elsewhere.
    #[error("metrics are already recorded elsewhere in this process: {0}")]
    Recorder(String),
    /// The listener broke.
    #[error("the HTTP listener broke: {0}")]
    Serve(std::io::Error),
}

/// Makes Prometheus the process's recorder of metrics. Once per process.
pub fn install_recorder(version: &str, state_machine: u32) -> Result<PrometheusHandle, BoardError> {
    let broken = |e: metrics_exporter_prometheus::BuildError| BoardError::Recorder(e.to_string());
    // Histograms, not quantiles: those of several instances can be added up.
    let recorder = PrometheusBuilder::new().set_buckets(&SECONDS).map_err(broken)?;
    let handle = recorder.install_recorder().map_err(broken)?;
    metric::describe();
    metrics::gauge!(
        metric::BUILD_INFO,
        "version" => version.to_owned(),
        "state_machine" => state_machine.to_string()
    )
    .set(1.0);
    Ok(handle)
}

/// What may be changed over HTTP.
#[derive(Clone)]
pub struct Writes {
    /// What a write must bear; without one, nothing may be written.
    pub token: Option<String>,
    /// Reads the plans again.
    pub reload: ReloadSource,
    /// Puts a function's word on an alert into the log.
    pub acknowledge: AcknowledgeSource,
}

/// A function's word on an alert, as a request says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// One of the owning functions.
    pub function: String,
    /// What it does about it.
    #[serde(default)]
    pub note: String,
    /// Until when that holds, if limited.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// Takes an acknowledgement of the alert with this id; says what came of it.
pub type AcknowledgeSource = Arc<dyn Fn(String, Acknowledgement) -> BoxedOutcome + Send + Sync>;

/// Reads the plans again; says what came of it.
pub type ReloadSource = Arc<dyn Fn() -> BoxedOutcome + Send + Sync>;
/// What came of a write, in words: done, or refused.
pub type BoxedOutcome = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// Bounds of what is measured in seconds: a transaction takes some milliseconds, and is given up after a minute.
const SECONDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// A request's body may have this many bytes.
const BODY: usize = 64 << 10;
/// A request is answered within this time.
const ANSWER: Duration = Duration::from_secs(10);

/// A bound listener, not yet serving.
pub struct Board {
    listener: Bounded,
    router: Router,
    metrics: PrometheusHandle,
    shared: Shared,
    /// Becomes true when the server is to end.
    ending: watch::Sender<bool>,
}

impl Board {
    /// Takes the address; port 0 takes a free one.
    pub async fn bind(
        address: SocketAddr,
        metrics: PrometheusHandle,
        readiness: ReadinessSource,
    ) -> Result<Board, BoardError> {
        let listener =
            TcpListener::bind(address).await.map_err(|error| BoardError::Listen { address, error })?;
        let router = Router::new()
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(show_readiness))
            .with_state(readiness);
        let (shared, ending) = (Shared::default(), watch::Sender::new(false));
        Ok(Board { listener: Bounded::new(listener), router, metrics, shared, ending })
    }

    /// Shows the status board, answers the API and tells the metrics of the workspaces.
    pub fn showing(mut self, shared: Shared) -> Board {
        let routes = crate::http::routes(shared.clone(), self.ending.subscribe());
        self.router = self.router.merge(routes);
        self.shared = shared;
        self
    }

    /// Takes writes too, from those who bear the token.
    pub fn accepting(mut self, writes: Writes) -> Board {
        let routes = Router::new()
            .route("/-/reload", post(reload))
            .route("/api/v1/episodes/{alert_id}/acknowledge", post(acknowledge))
            .layer(DefaultBodyLimit::max(BODY))
            .with_state(writes);
        self.router = self.router.merge(routes);
        self
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Its routes alone, with what bounds a request but not a connection.
    pub fn into_router(self) -> Router {
        self.split().1
    }

    fn split(self) -> (Bounded, Router) {
        // A desk of its own: readers of pages do not keep Prometheus waiting.
        let told = (self.metrics, self.shared, Desk::default());
        let told = Router::new().route("/metrics", get(show_metrics)).with_state(told);
        (self.listener, self.router.merge(told).layer(from_fn(in_time)))
    }

    /// Serves until `stop` completes; requests under way are answered first, and streams of changes end.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), BoardError> {
        let (metrics, ending) = (self.metrics.clone(), self.ending.clone());
        let stop = async move {
            stop.await;
            ending.send_replace(true);
        };
        // The recorder keeps samples of histograms until somebody drains them.
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                metrics.run_upkeep();
            }
        });
        let (listener, router) = self.split();
        let served = axum::serve(listener, router).with_graceful_shutdown(stop).await;
        upkeep.abort();
        served.map_err(BoardError::Serve)
    }
}

/// A handler that does not end is not waited for.
async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "not done in time; the log says more\n").into_response(),
    }
}

/// The body says nothing, but is read and bounded like any other.
async fn reload(State(writes): State<Writes>, headers: HeaderMap, _: Bytes) -> Response {
    match borne(&writes, &headers) {
        Some(refusal) => refusal,
        None => outcome((writes.reload)().await),
    }
}

async fn acknowledge(
    State(writes): State<Writes>,
    Path(alert): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = borne(&writes, &headers) {
        return refusal;
    }
    match serde_json::from_slice(&body) {
        Ok(said) => outcome((writes.acknowledge)(alert, said).await),
        Err(error) => {
            (StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}\n")).into_response()
        }
    }
}

fn outcome(outcome: Result<String, String>) -> Response {
    match outcome {
        Ok(done) => (StatusCode::OK, done + "\n").into_response(),
        Err(refused) => (StatusCode::UNPROCESSABLE_ENTITY, refused + "\n").into_response(),
    }
}

/// The refusal of who may not write.
fn borne(writes: &Writes, headers: &HeaderMap) -> Option<Response> {
    let Some(token) = &writes.token else {
        return Some(
            (StatusCode::FORBIDDEN, "writes need http.token in the configuration\n").into_response(),
        );
    };
    let borne = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if borne.and_then(|text| text.strip_prefix("Bearer ")).is_some_and(|text| same(text, token)) {
        return None;
    }
    let wanted = [(header::WWW_AUTHENTICATE, "Bearer")];
    Some((StatusCode::UNAUTHORIZED, wanted, "a bearer token is needed\n").into_response())
}

/// Compares in a time that depends on the lengths alone, so that it tells nothing of the token.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

async fn show_metrics(
    State((recorded, shared, desk)): State<(PrometheusHandle, Shared, Desk)>,
    headers: HeaderMap,
) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let draw = move || {
        let samples = shared.samples();
        let samples: Vec<&Samples> = samples.iter().map(AsRef::as_ref).collect();
        let page = samples::page(format, &recorded.render(), &samples);
        ([(header::CONTENT_TYPE, format.content_type())], page).into_response()
    };
    desk.draw(draw).await
}

async fn show_readiness(State(readiness): State<ReadinessSource>) -> Response {
    let readiness = readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.detail + "\n").into_response()
}

#[cfg(test)]
mod tests;
