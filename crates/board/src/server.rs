//! The listener.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::metric;

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
    let handle =
        PrometheusBuilder::new().install_recorder().map_err(|e| BoardError::Recorder(e.to_string()))?;
    metric::describe();
    metrics::gauge!(
        metric::BUILD_INFO,
        "version" => version.to_owned(),
        "state_machine" => state_machine.to_string()
    )
    .set(1.0);
    Ok(handle)
}

/// A bound listener, not yet serving.
pub struct Board {
    listener: TcpListener,
    router: Router,
    metrics: PrometheusHandle,
}

#[derive(Clone)]
struct Sources {
    metrics: PrometheusHandle,
    readiness: ReadinessSource,
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
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(show_readiness))
            .with_state(Sources { metrics: metrics.clone(), readiness });
        Ok(Board { listener, router, metrics })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes; requests under way are answered first.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), BoardError> {
        let metrics = self.metrics;
        // The recorder keeps samples of histograms until somebody drains them.
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                metrics.run_upkeep();
            }
        });
        let served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop).await;
        upkeep.abort();
        served.map_err(BoardError::Serve)
    }
}

async fn show_metrics(State(sources): State<Sources>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], sources.metrics.render())
        .into_response()
}

async fn show_readiness(State(sources): State<Sources>) -> Response {
    let readiness = (sources.readiness)();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.detail + "\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_shows_metrics_health_and_readiness_until_it_is_stopped() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::gauge!(metric::JOURNEYS, "workspace" => "a").set(3.0)
        });
        let ready = Arc::new(AtomicBool::new(false));
        let source: ReadinessSource = {
            let ready = Arc::clone(&ready);
            Arc::new(move || {
                let ready = ready.load(Ordering::Relaxed);
                Readiness { ready, detail: if ready { "ready" } else { "restoring: 40%" }.to_owned() }
            })
        };
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let board = Board::bind(loopback, recorder.handle(), source).await.unwrap();
        let address = board.address().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(board.serve(async move {
            let _ = stopped.await;
        }));

        assert!(ask(address, "/metrics").await.contains("plumbline_funnel_journeys{workspace=\"a\"} 3"));
        assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let waiting = ask(address, "/readyz").await;
        assert!(waiting.starts_with("HTTP/1.1 503") && waiting.contains("restoring: 40%"), "{waiting}");
        ready.store(true, Ordering::Relaxed);
        assert!(ask(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        assert!(ask(address, "/nowhere").await.starts_with("HTTP/1.1 404"));

        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_address_in_use_says_how_to_choose_another() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let handle = PrometheusBuilder::new().build_recorder().handle();
        let source: ReadinessSource = Arc::new(|| Readiness { ready: true, detail: String::new() });
        let error = Board::bind(taken.local_addr().unwrap(), handle, source).await.err().unwrap();
        assert!(error.to_string().contains("--listen"));
    }
}
