//! The HTTP surface, driven in memory.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, Uri, header};
use metrics_exporter_prometheus::PrometheusBuilder;
use plumbline_board::{Board, Readiness, Shared, Writes};
use plumbline_engine::{Engine, Output};
use plumbline_harness::{LogWriter, MemoryLog};
use plumbline_simulator::{ScenarioKind, Spec, generate, plan_toml};
use plumbline_units::Seconds;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const TOKEN: &str = "sesame";
/// Writes that were let through.
static WRITES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static SITE: OnceCell<(Runtime, Router)> = const { OnceCell::new() };
}

/// Method and path in the first line, headers in the following ones up to an empty one, then the body.
pub fn http(data: &[u8]) {
    let Some(request) = request(data) else { return };
    let bears = request.headers().get(header::AUTHORIZATION).is_some_and(|v| v == "Bearer sesame");
    let endless = request.uri().path() == "/changes";
    let before = WRITES.load(Ordering::Relaxed);
    SITE.with(|site| {
        let (runtime, router) = site.get_or_init(site_of_a_company);
        runtime.block_on(async {
            let what = format!("{} {}", request.method(), request.uri());
            let answer = router.clone().oneshot(request).await.expect("the router always answers");
            let status = answer.status();
            let busy = endless && status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(busy || !status.is_server_error(), "{what}: {status}");
            if !endless {
                to_bytes(answer.into_body(), 64 << 20).await.expect("an answer has an end");
            }
        });
    });
    assert!(bears || WRITES.load(Ordering::Relaxed) == before, "a write without the token");
}

fn request(data: &[u8]) -> Option<Request<Body>> {
    let mut rest = data;
    let mut line = || {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let (line, after) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        rest = after;
        line
    };
    let (method, path) = str::from_utf8(line()).ok()?.split_once(' ')?;
    let uri = Uri::try_from(path).ok().filter(|uri| uri.path().starts_with('/'))?;
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).ok()?).uri(uri);
    loop {
        let line = line();
        let Some(colon) = line.iter().position(|b| *b == b':') else { break };
        request = request.header(&line[..colon], &line[colon + 1..]);
    }
    request.body(Body::from(rest.to_vec())).ok()
}

/// A company in trouble, so that every page has something to show, and its alerts.
pub(crate) fn company(days: u32) -> MemoryLog {
    let spec = Spec { kind: ScenarioKind::LeadQualityTrap, days, seed: 7, ..Spec::default() };
    let mut writer = LogWriter::new(Seconds::HOUR);
    let start = spec.zone.start_of(spec.start);
    writer.plan(&spec.workspace, &plan_toml(&spec), start, start);
    generate(&spec).for_each(|event| writer.event(event));
    writer.finish()
}

fn site_of_a_company() -> (Runtime, Router) {
    let log = company(150);
    let (shared, mut engine) = (Shared::default(), Engine::new(Default::default()));
    let mut out = Vec::new();
    for offset in 0..log.len() {
        engine.apply(offset, &log.record(offset), &mut &log, &mut out).expect("a log of our own");
        for output in out.drain(..) {
            if let Output::Alert(alert) = output {
                shared.told(&alert.value);
            }
        }
    }
    shared.look(0, &engine);
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let handle = PrometheusBuilder::new().build_recorder().handle();
    let ready = Arc::new(|| Readiness { ready: true, detail: "ready".into() });
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let board = runtime.block_on(Board::bind(loopback, handle, ready)).expect("a free port");
    let counted = || {
        WRITES.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Ok("done".to_owned()) })
    };
    let writes = Writes {
        token: Some(TOKEN.into()),
        reload: Arc::new(move || counted()),
        acknowledge: Arc::new(move |_, _| counted()),
    };
    (runtime, board.showing(shared).accepting(writes).into_router())
}
