//! `/api/v1`: what the pages show, as JSON. `/api/v1/openapi.json` describes it.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::history::Told;
use crate::page;
use crate::shared::Shared;
use crate::view::WorkspaceView;

const OPENAPI: &str = include_str!("../../assets/openapi.json");
/// Items of one answer.
const MOST: usize = 1_000;

pub(crate) fn routes(shared: Shared) -> Router {
    Router::new()
        .route(
            "/api/v1/openapi.json",
            get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }),
        )
        .route("/api/v1/workspaces", get(workspaces))
        .route("/api/v1/workspaces/{workspace}/plan", get(plan))
        .route("/api/v1/workspaces/{workspace}/targets", get(targets))
        .route("/api/v1/workspaces/{workspace}/funnels", get(funnels))
        .route("/api/v1/workspaces/{workspace}/series", get(series))
        .route("/api/v1/workspaces/{workspace}/data", get(data))
        .route("/api/v1/workspaces/{workspace}/episodes", get(episodes))
        .route("/api/v1/episodes/{alert_id}", get(episode))
        .with_state(shared)
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": what }))).into_response()
}

/// The answer about a workspace, with whether it is still judged here.
fn about(shared: &Shared, workspace: &str, read: impl FnOnce(&WorkspaceView) -> Value) -> Response {
    match shared.workspace(workspace) {
        None => missing("this instance judges no such workspace"),
        Some((view, stale)) => {
            let mut answer = read(&view);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("workspace".to_owned(), json!(view.workspace));
                answer.insert("closed".to_owned(), json!(view.closed));
                answer.insert("stale".to_owned(), json!(stale));
            }
            Json(answer).into_response()
        }
    }
}

async fn workspaces(State(shared): State<Shared>) -> Response {
    let all: Vec<Value> = shared
        .workspaces()
        .iter()
        .map(|view| {
            json!({
                "workspace": view.workspace, "plan": view.plan.name, "revision": view.plan.revision,
                "closed": view.closed, "watermark": view.watermark, "targets": view.targets.len(),
                "drifting": view.targets.iter().filter(|t| t.verdict == "drifting").count(),
                "data_problems": view.data.len(),
            })
        })
        .collect();
    Json(json!({ "workspaces": all })).into_response()
}

async fn plan(State(shared): State<Shared>, Path(workspace): Path<String>) -> Response {
    about(&shared, &workspace, |view| json!({ "plan": view.plan, "scopes": view.scopes }))
}

async fn targets(
    State(shared): State<Shared>,
    Path(workspace): Path<String>,
    Query(query): Query<page::Query>,
) -> Response {
    about(&shared, &workspace, |view| {
        let mut picked = query.pick(view);
        // On a page the scope only says what is drawn; whoever asks for the scope's targets wants no others.
        if let Some(scope) = &query.scope {
            picked.retain(|target| target.scope == *scope);
        }
        let page = query.page.unwrap_or(1).max(1);
        let shown: Vec<_> = picked.iter().skip((page - 1).saturating_mul(MOST)).take(MOST).collect();
        json!({ "total": picked.len(), "page": page, "targets": shown })
    })
}

async fn funnels(State(shared): State<Shared>, Path(workspace): Path<String>) -> Response {
    about(&shared, &workspace, |view| json!({ "funnels": view.funnels }))
}

#[derive(Deserialize)]
struct Line {
    target: String,
    #[serde(default)]
    scope: String,
}

async fn series(
    State(shared): State<Shared>,
    Path(workspace): Path<String>,
    Query(line): Query<Line>,
) -> Response {
    let known = |view: &WorkspaceView| view.target(&line.target, &line.scope).is_some();
    if shared.workspace(&workspace).is_some_and(|(view, _)| !known(&view)) {
        return missing("the plan has no such target in this scope");
    }
    about(&shared, &workspace, |view| {
        let target = view.target(&line.target, &line.scope);
        let points: Vec<Value> = target
            .into_iter()
            .flat_map(|target| &target.trend)
            .map(|point| {
                json!({
                    "day": point.day,
                    "value": point.value.map(|[value, low, high]| json!({ "value": value, "low": low, "high": high })),
                    "e_value": point.log_e.map(|log_e| plumbline_drift::judge::e_value(f64::from(log_e))),
                })
            })
            .collect();
        json!({
            "target": line.target, "scope": line.scope, "unit": target.and_then(|t| t.unit),
            "plan": target.and_then(|t| t.plan), "threshold": target.map(|t| t.threshold), "points": points,
        })
    })
}

async fn data(State(shared): State<Shared>, Path(workspace): Path<String>) -> Response {
    about(&shared, &workspace, |view| {
        let ignored: Vec<Value> = view
            .ignored_stages
            .iter()
            .map(|(stage, count)| json!({ "stage": stage, "events": count }))
            .collect();
        json!({ "problems": view.data, "streams": view.streams, "ignored_stages": ignored })
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Which {
    open: Option<bool>,
}

async fn episodes(
    State(shared): State<Shared>,
    Path(workspace): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    let (total, shown) = shared.episodes(|history| {
        let all: Vec<&Told> = history
            .of(&workspace)
            .into_iter()
            .filter(|told| which.open.is_none_or(|open| open != told.ended()))
            .collect();
        (all.len(), all.iter().take(MOST).map(|told| brief(told)).collect::<Vec<_>>())
    });
    Json(json!({ "workspace": workspace, "total": total, "episodes": shown })).into_response()
}

fn brief(told: &Told) -> Value {
    let last = &told.last;
    json!({
        "alert_id": last.alert_id, "episode": last.episode, "kind": last.kind, "severity": last.severity,
        "state": last.state, "resolution": last.resolution, "urgency": last.urgency, "historical": last.historical,
        "inhibited_by": last.inhibited_by, "title": last.title, "summary": last.summary,
        "detected_at": told.first.detected_at, "changed_at": last.detected_at, "owners": last.owners,
    })
}

async fn episode(State(shared): State<Shared>, Path(alert_id): Path<String>) -> Response {
    let found = shared.episodes(|history| {
        let told = history.episode(&alert_id)?;
        Some(json!({ "alert": told.last, "opened": told.first.detected_at, "changes": told.changes, "left_out": told.left_out }))
    });
    match found {
        Some(found) => Json(found).into_response(),
        None => missing("no such alert is on the topic, or it is long over"),
    }
}
