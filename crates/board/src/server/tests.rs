use super::*;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn ask(address: SocketAddr, path: &str) -> String {
    say(address, format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
        .await
}

/// What is answered to these bytes before the connection ends.
async fn say(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // A connection reset in the middle of what we say is an end, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn ready() -> ReadinessSource {
    Arc::new(|| Readiness { ready: true, detail: String::new() })
}

/// A board that takes reloads from whoever bears the token; it counts them.
async fn board(token: Option<&str>) -> (SocketAddr, Arc<AtomicU32>) {
    let handle = PrometheusBuilder::new().build_recorder().handle();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let reloads = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reloads);
    let reload: ReloadSource = Arc::new(move || {
        let n = counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(
            async move { if n == 0 { Ok("taken".to_owned()) } else { Err("the plan is broken".to_owned()) } },
        )
    });
    let mut board = Board::bind(loopback, handle, ready()).await.unwrap();
    board.listener.hurry(Duration::from_millis(300));
    let acknowledge: AcknowledgeSource = Arc::new(|alert, said| {
        Box::pin(async move { Ok(format!("{alert}: {} {} {:?}", said.function, said.note, said.until)) })
    });
    let board = board.accepting(Writes { token: token.map(str::to_owned), reload, acknowledge });
    let address = board.address().unwrap();
    tokio::spawn(board.serve(std::future::pending()));
    (address, reloads)
}

fn post_reload(authorization: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /-/reload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test]
async fn a_reload_needs_the_token_and_says_what_came_of_it() {
    let (address, reloads) = board(Some("sesame")).await;
    for (authorization, status) in [
        ("", "401"),
        ("authorization: Bearer sesam\r\n", "401"),
        ("authorization: Bearer sesamE\r\n", "401"),
        ("authorization: Basic sesame\r\n", "401"),
        ("authorization: Bearer \u{e9}\r\n", "401"),
    ] {
        let answer = say(address, &post_reload(authorization, "")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{authorization}: {answer}");
    }
    assert_eq!(reloads.load(Ordering::Relaxed), 0);
    let bearing = post_reload("authorization: Bearer sesame\r\n", "");
    let done = say(address, &bearing).await;
    assert!(done.starts_with("HTTP/1.1 200") && done.contains("taken"), "{done}");
    let refused = say(address, &bearing).await;
    assert!(refused.starts_with("HTTP/1.1 422") && refused.contains("the plan is broken"), "{refused}");
    assert!(ask(address, "/-/reload").await.starts_with("HTTP/1.1 405"), "reading changes nothing");
    let (closed, reloads) = board(None).await;
    assert!(say(closed, &bearing).await.starts_with("HTTP/1.1 403"), "no token, no writes");
    assert_eq!(reloads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn whatever_is_said_to_it_it_goes_on() {
    let (address, reloads) = board(Some("sesame")).await;
    let big = post_reload("authorization: Bearer sesame\r\n", &"x".repeat(BODY + 1));
    assert!(say(address, &big).await.starts_with("HTTP/1.1 413"));
    assert_eq!(reloads.load(Ordering::Relaxed), 0);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20));
    let crowd = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(1000));
    let chunked = "POST /-/reload HTTP/1.1\r\nhost: a\r\nauthorization: Bearer sesame\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    for request in [
        &b"\x00\x01\x02\xff\xfe\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /-/reload HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n",
        b"GET /%ff%00/../../etc/passwd HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        chunked.as_bytes(),
        long.as_bytes(),
        crowd.as_bytes(),
    ] {
        let answer = say(address, request).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"), "it is alive");
    assert_eq!(reloads.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_stops_in_the_middle_is_closed() {
    let (address, _) = board(None).await;
    for begun in ["", "GET /heal", "POST /-/reload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf"] {
        let waited = tokio::time::timeout(Duration::from_secs(20), say(address, begun.as_bytes())).await;
        assert!(waited.is_ok(), "after {begun:?}");
    }
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn neither_a_crowd_of_silent_connections_nor_one_that_sends_a_byte_at_a_time_keeps_others_out() {
    let (address, _) = board(None).await;
    let dripping = tokio::spawn(async move {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut sent = 0;
        while stream.write_all(b"G").await.is_ok() {
            sent += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        sent
    });
    let mut crowd = Vec::new();
    for _ in 0..80 {
        crowd.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let waited = tokio::time::timeout(Duration::from_secs(20), ask(address, "/healthz")).await.unwrap();
    assert!(waited.starts_with("HTTP/1.1 200"), "{waited}");
    let sent = tokio::time::timeout(Duration::from_secs(20), dripping).await.unwrap().unwrap();
    assert!(sent < 100, "{sent} bytes, one each tenth of a second");
}

#[tokio::test]
async fn it_shows_metrics_health_and_readiness_until_it_is_stopped() {
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        metrics::gauge!(metric::BUILD_INFO, "version" => "a").set(1.0)
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

    assert!(ask(address, "/metrics").await.contains("plumbline_build_info{version=\"a\"} 1"));
    let asked = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\naccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n";
    let open = say(address, asked.as_bytes()).await;
    assert!(open.contains("content-type: application/openmetrics-text; version=1.0.0"), "{open}");
    assert!(open.ends_with("plumbline_build_info{version=\"a\"} 1\n# EOF\n"), "{open}");
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

#[tokio::test]
async fn an_acknowledgement_needs_the_token_and_a_body_that_says_who() {
    let (address, _) = board(Some("sesame")).await;
    let post = |authorization: &str, body: &str| {
        format!(
            "POST /api/v1/episodes/7f3a/acknowledge HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{authorization}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let token = "authorization: Bearer sesame\r\n";
    let whole = r#"{"function":"sales","note":"on it","until":"2026-03-22T23:00:00Z"}"#;
    for (authorization, body, status, says) in [
        ("", whole, "401", "bearer token"),
        (token, whole, "200", "7f3a: sales on it Some"),
        (token, r#"{"function":"sales"}"#, "200", "7f3a: sales  None"),
        (token, r#"{"note":"on it"}"#, "400", "function"),
        (token, r#"{"function":"sales","who":"me"}"#, "400", "who"),
        (token, "", "400", "cannot be read"),
    ] {
        let answer = say(address, &post(authorization, body)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(says), "{answer}");
    }
}
