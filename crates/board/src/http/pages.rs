//! The pages' routes: HTML, the stylesheet and the script, and the stream that says when something changed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use futures_util::stream::{Stream, unfold};
use maud::Markup;
use serde::Deserialize;
use tokio::sync::{Semaphore, watch};

use super::desk::Desk;
use crate::page;
use crate::shared::{Shared, Versions};

/// Readers told of changes at a time; further ones read the page again by hand.
const LISTENERS: usize = 24;
/// A burst of changes is told as one.
const GATHER: Duration = Duration::from_millis(500);
/// A line in the stream's silence, so that whoever sits between does not cut it.
const ALIVE: Duration = Duration::from_secs(10);
/// Nothing is fetched from elsewhere, no other site may frame the page. Charts place their labels by style attributes.
const POLICY: &str = "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Site {
    shared: Shared,
    desk: Desk,
    room: Arc<Semaphore>,
    /// Becomes true when the server is to end.
    ending: watch::Receiver<bool>,
}

pub(crate) fn routes(shared: Shared, desk: Desk, ending: watch::Receiver<bool>) -> Router {
    let site = Site { shared, desk, room: Arc::new(Semaphore::new(LISTENERS)), ending };
    Router::new()
        .route("/", get(home))
        .route("/w/{workspace}", get(board))
        .route("/w/{workspace}/episodes", get(episodes))
        .route("/w/{workspace}/data", get(data))
        .route("/dead-letters", get(dead_letters))
        .route("/e/{alert}", get(episode))
        .route("/changes", get(changes))
        .route(
            "/assets/board.css",
            get(|| asset("text/css; charset=utf-8", include_str!("../../assets/board.css"))),
        )
        .route(
            "/assets/board.js",
            get(|| asset("text/javascript; charset=utf-8", include_str!("../../assets/board.js"))),
        )
        .route("/assets/icon.svg", get(|| asset("image/svg+xml", include_str!("../../assets/icon.svg"))))
        .with_state(site)
}

async fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")];
    (headers, text).into_response()
}

fn html(status: StatusCode, page: Markup) -> Response {
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, Html(page.into_string())).into_response()
}

fn missing(what: &str) -> Response {
    html(StatusCode::NOT_FOUND, page::missing(what))
}

/// One workspace is shown at once; several are listed.
async fn home(State(site): State<Site>) -> Response {
    let all = site.shared.workspaces();
    if let [(one, _)] = &all[..] {
        return Redirect::temporary(&format!("/w/{}", page::segment(&one.workspace))).into_response();
    }
    site.desk.draw(move || html(StatusCode::OK, page::workspaces(&all))).await
}

async fn board(
    State(site): State<Site>,
    Path(workspace): Path<String>,
    Query(query): Query<page::Query>,
) -> Response {
    let Some((view, stale)) = site.shared.workspace(&workspace) else {
        return missing("This instance judges no such workspace.");
    };
    let draw = move || {
        let episodes = site.shared.episodes(&workspace);
        html(StatusCode::OK, page::board(&view, stale, &episodes, &query))
    };
    site.desk.draw(draw).await
}

async fn episodes(State(site): State<Site>, Path(workspace): Path<String>) -> Response {
    let draw = move || {
        let episodes = site.shared.episodes(&workspace);
        html(StatusCode::OK, page::episodes(&workspace, &episodes))
    };
    site.desk.draw(draw).await
}

async fn data(State(site): State<Site>, Path(workspace): Path<String>) -> Response {
    match site.shared.workspace(&workspace) {
        Some((view, _)) => {
            let draw = move || {
                let episodes = site.shared.episodes(&workspace);
                html(StatusCode::OK, page::data(&view, &episodes))
            };
            site.desk.draw(draw).await
        }
        None => missing("This instance judges no such workspace."),
    }
}

async fn dead_letters(State(site): State<Site>) -> Response {
    let draw = move || html(StatusCode::OK, page::dead_letters(&site.shared.dead_letters()));
    site.desk.draw(draw).await
}

async fn episode(State(site): State<Site>, Path(alert): Path<String>) -> Response {
    let Some(told) = site.shared.episode(&alert) else {
        return missing("No such alert is on the topic, or it is long over.");
    };
    let view = site.shared.workspace(&told.last.workspace);
    let draw = move || html(StatusCode::OK, page::episode(&told, view.as_ref().map(|(view, _)| &**view)));
    site.desk.draw(draw).await
}

/// Whose changes are listened for; everybody's without.
#[derive(Deserialize)]
struct Of {
    workspace: Option<String>,
}

/// Says each time that something shown of a workspace has changed.
async fn changes(State(site): State<Site>, Query(Of { workspace }): Query<Of>) -> Response {
    let Ok(permit) = Arc::clone(&site.room).try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many listeners; reload the page\n").into_response();
    };
    let versions = site.shared.versions();
    let seen = versions.borrow().of(workspace.as_deref());
    let listening = (versions, seen, workspace, site.ending, permit);
    let told: std::pin::Pin<Box<dyn Stream<Item = Result<Event, Infallible>> + Send>> =
        Box::pin(unfold(listening, |(mut versions, seen, workspace, mut ending, permit)| async move {
            let moved = |versions: &Versions| versions.of(workspace.as_deref()) != seen;
            tokio::select! {
                moved = versions.wait_for(moved) => drop(moved.ok()?),
                _ = ending.wait_for(|ending| *ending) => return None,
            }
            tokio::time::sleep(GATHER).await;
            let version = versions.borrow_and_update().of(workspace.as_deref());
            let told = Event::default().data(version.to_string());
            Some((Ok(told), (versions, version, workspace, ending, permit)))
        }));
    Sse::new(told).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}
