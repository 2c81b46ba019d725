//! `/api/v1`: what the pages show, as JSON. `/api/v1/openapi.json` describes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::Desk;
use crate::history::{Episodes, Told};
use crate::page;
use crate::shared::Shared;
use crate::view::{TargetView, WorkspaceView};

const OPENAPI: &str = include_str!("../../assets/openapi.json");
/// Items of one answer.
const MOST: usize = 1_000;

/// What the answers are made of, and where.
#[derive(Clone)]
struct Source {
    shared: Shared,
    desk: Desk,
}

pub(crate) fn routes(shared: Shared, desk: Desk) -> Router {
    Router::new()
        .route(
            "/api/v1/openapi.json",
            get(|| async { ([(header::CONTENT_TYPE, "application/json")], OPENAPI) }),
        )
        .route("/api/v1/dead-letters", get(dead_letters))
        .route("/api/v1/workspaces", get(workspaces))
        .route("/api/v1/workspaces/{workspace}/plan", get(plan))
        .route("/api/v1/workspaces/{workspace}/scopes", get(scopes))
        .route("/api/v1/workspaces/{workspace}/targets", get(targets))
        .route("/api/v1/workspaces/{workspace}/funnels", get(funnels))
        .route("/api/v1/workspaces/{workspace}/series", get(series))
        .route("/api/v1/workspaces/{workspace}/data", get(data))
        .route("/api/v1/workspaces/{workspace}/episodes", get(episodes))
        .route("/api/v1/episodes/{alert_id}", get(episode))
        .with_state(Source { shared, desk })
}

fn missing(what: &str) -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": what }))).into_response()
}

impl Source {
    /// The answer about a workspace, with whether it is still judged here.
    async fn about(
        self,
        workspace: String,
        read: impl FnOnce(&WorkspaceView) -> Value + Send + 'static,
    ) -> Response {
        let Some((view, stale)) = self.shared.workspace(&workspace) else {
            return missing("this instance judges no such workspace");
        };
        let make = move || {
            let mut answer = read(&view);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("workspace".to_owned(), json!(&*view.workspace));
                answer.insert("closed".to_owned(), json!(view.closed));
                answer.insert("stale".to_owned(), json!(stale));
            }
            Json(answer).into_response()
        };
        self.desk.draw(make).await
    }
}

async fn workspaces(State(source): State<Source>) -> Response {
    let all = source.shared.workspaces();
    let make = move || {
        let line = |(view, stale): &(Arc<WorkspaceView>, bool)| {
            json!({
                "workspace": &*view.workspace, "plan": view.plan.name, "revision": view.plan.revision,
                "closed": view.closed, "watermark": view.passing.watermark, "targets": view.targets.len(),
                "drifting": view.targets.iter().filter(|t| t.verdict == "drifting").count(),
                "data_problems": view.data.len(), "stale": stale,
            })
        };
        Json(json!({ "workspaces": all.iter().map(line).collect::<Vec<_>>() })).into_response()
    };
    source.desk.draw(make).await
}

async fn plan(State(source): State<Source>, Path(workspace): Path<String>) -> Response {
    source.about(workspace, |view| json!({ "plan": &*view.plan, "scopes": &*view.scopes })).await
}

/// Each scope in plan order, with how many targets it has, how many drift, and the worst verdict.
async fn scopes(State(source): State<Source>, Path(workspace): Path<String>) -> Response {
    let read = |view: &WorkspaceView| {
        let mut of: BTreeMap<&str, Vec<&TargetView>> = BTreeMap::new();
        view.targets.iter().for_each(|target| of.entry(&target.scope).or_default().push(target));
        let scopes = view.scopes.iter().map(|scope| {
            let targets = of.get(scope.as_str()).map_or(&[][..], Vec::as_slice);
            let worst = targets.iter().max_by_key(|target| target.urgency());
            let drifting = targets.iter().filter(|target| target.verdict == "drifting").count();
            json!({
                "scope": scope, "targets": targets.len(), "drifting": drifting,
                "worst": worst.map(|target| target.verdict),
            })
        });
        json!({ "scopes": scopes.collect::<Vec<_>>() })
    };
    source.about(workspace, read).await
}

async fn targets(
    State(source): State<Source>,
    Path(workspace): Path<String>,
    Query(query): Query<page::Query>,
) -> Response {
    let read = move |view: &WorkspaceView| {
        let mut picked = query.pick(view);
        // On a page the scope only says what is drawn; whoever asks for the scope's targets wants no others.
        if let Some(scope) = &query.scope {
            picked.retain(|target| target.scope == *scope);
        }
        let page = query.page.unwrap_or(1).max(1);
        let shown: Vec<_> = picked.iter().skip((page - 1).saturating_mul(MOST)).take(MOST).collect();
        json!({ "total": picked.len(), "page": page, "targets": shown })
    };
    source.about(workspace, read).await
}

async fn funnels(State(source): State<Source>, Path(workspace): Path<String>) -> Response {
    source.about(workspace, |view| json!({ "funnels": &*view.funnels })).await
}

#[derive(Deserialize)]
struct Line {
    target: String,
    #[serde(default)]
    scope: String,
}

async fn series(
    State(source): State<Source>,
    Path(workspace): Path<String>,
    Query(line): Query<Line>,
) -> Response {
    let known = |view: &WorkspaceView| view.target(&line.target, &line.scope).is_some();
    if source.shared.workspace(&workspace).is_some_and(|(view, _)| !known(&view)) {
        return missing("the plan has no such target in this scope");
    }
    let read = move |view: &WorkspaceView| {
        let target = view.target(&line.target, &line.scope);
        let points: Vec<Value> = target
            .into_iter()
            .flat_map(|target| target.trend.iter())
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
    };
    source.about(workspace, read).await
}

async fn data(State(source): State<Source>, Path(workspace): Path<String>) -> Response {
    let read = |view: &WorkspaceView| {
        let ignored = view.passing.ignored_stages.iter();
        let ignored: Vec<Value> =
            ignored.map(|(stage, count)| json!({ "stage": stage, "events": count })).collect();
        json!({ "problems": &*view.data, "streams": view.passing.streams, "ignored_stages": ignored })
    };
    source.about(workspace, read).await
}

/// Of all workspaces: of what could not be read nobody knows whose it is.
async fn dead_letters(State(source): State<Source>) -> Response {
    let make = move || {
        let letters = source.shared.dead_letters();
        let classes: Vec<Value> =
            letters.classes.iter().map(|(class, n)| json!({ "class": class, "letters": n })).collect();
        let newest: Vec<_> = letters.newest.iter().rev().collect();
        Json(json!({ "complete": letters.complete, "classes": classes, "dead_letters": newest }))
            .into_response()
    };
    source.desk.draw(make).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Which {
    open: Option<bool>,
}

async fn episodes(
    State(source): State<Source>,
    Path(workspace): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    let make = move || {
        let Episodes { mut all, complete } = source.shared.episodes(&workspace);
        all.retain(|told| which.open.is_none_or(|open| open != told.ended()));
        let shown: Vec<Value> = all.iter().take(MOST).map(|told| brief(told)).collect();
        let answer = json!({
            "workspace": workspace, "total": all.len(), "complete": complete, "episodes": shown
        });
        Json(answer).into_response()
    };
    source.desk.draw(make).await
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

async fn episode(State(source): State<Source>, Path(alert_id): Path<String>) -> Response {
    let Some(told) = source.shared.episode(&alert_id) else {
        return missing("no such alert is on the topic, or it is long over");
    };
    let answer = json!({
        "alert": told.last, "opened": told.first.detected_at, "changes": told.changes, "left_out": told.left_out
    });
    Json(answer).into_response()
}
