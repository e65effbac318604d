//! Read models at work, for operators: how far they are, and building, comparing, switching, going back.

use super::{Who, asked};
use crate::Console;
use crate::api::Refused;
use crate::form::{Form, link};
use crate::live;
use crate::page::{Page, Visit, html, on};
use crate::show::span;
use crate::texts::Texts;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

const LIST: &str = "/v1/operations/projections";
const HERE: &str = "/console/projections";
/// Works on read models.
const OPERATE: &str = "operations.projection:operate";
/// How often somebody who looks at one has it looked at again; all of them are a longer look.
const EVERY: Duration = Duration::from_secs(1);
const ALL_EVERY: Duration = Duration::from_secs(2);
/// What operators do to a generation; `rebuild` and `rollback` are about the read model.
const ACTS: [&str; 7] = ["rebuild", "rollback", "switch", "pause", "resume", "cancel", "retire"];

/// A generation of a read model, as the API shows it.
#[derive(Deserialize, Serialize)]
struct GenerationStatus {
    name: String,
    version: i32,
    generation: i32,
    state: String,
    serving: bool,
    kept: bool,
    paused: bool,
    position: i64,
    gap: i64,
    lag_ms: i64,
    error: Option<String>,
    parked_streams: i64,
    trouble: Option<String>,
    build: Option<Build>,
}

/// How a build goes.
#[derive(Deserialize, Serialize)]
struct Build {
    phase: String,
    position: i64,
    head: i64,
    rows: i64,
    events_per_second: i64,
    eta_s: Option<i64>,
}

#[derive(Deserialize, Serialize)]
struct Generations {
    items: Vec<GenerationStatus>,
}

/// One side of a comparison.
#[derive(Deserialize)]
struct Side {
    generation: i32,
    version: i32,
    position: i64,
    rows: i64,
    hash: String,
}

/// What two generations differ in.
#[derive(Deserialize)]
struct Comparison {
    before: Side,
    after: Side,
    columns_gone: Vec<String>,
    columns_new: Vec<String>,
    rows_gone: i64,
    rows_new: i64,
    rows_changed: i64,
    rows_undecided: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    compare: Option<i32>,
    /// What the page shows that follows.
    seen: String,
}

impl GenerationStatus {
    fn mark(&self, t: &Texts) -> String {
        // Names of states are the API's own constants; what is unknown is shown as text without a colour.
        let (class, label) = match self.state.as_str() {
            "live" => ("live-state", t.state_live),
            "building" => ("building", t.state_building),
            "failed" => ("failed", t.state_failed),
            "diverged" => ("failed", t.state_diverged),
            _ => ("", "?"),
        };
        format!(r#"<span class="state {class}">{label}</span>"#)
    }

    fn lag(&self) -> String {
        // Milliseconds of at most some years.
        Duration::try_from_secs_f64(f64::from(i32::try_from(self.lag_ms).unwrap_or(i32::MAX)) / 1_000.0)
            .map_or_else(|_| "—".to_owned(), |lag| span(lag.as_secs_f64()))
    }

    /// What makes sense as things stand.
    fn acts(&self) -> Vec<&'static str> {
        let is_live = self.state == "live";
        if self.serving {
            return Vec::new();
        }
        let mut acts = Vec::new();
        if is_live {
            acts.extend(["compare", "switch"]);
        }
        acts.push(if self.paused { "resume" } else { "pause" });
        acts.push(if is_live { "retire" } else { "cancel" });
        acts
    }
}

impl Build {
    fn bar(&self) -> String {
        let (at, head) = (self.position.max(0), self.head.max(1));
        format!(r#"<progress max="{head}" value="{at}" aria-label="{at} / {head}">{at} / {head}</progress>"#)
    }

    fn eta(&self) -> Option<String> {
        self.eta_s.map(|seconds| span(f64::from(i32::try_from(seconds).unwrap_or(i32::MAX))))
    }
}

impl Comparison {
    const fn is_none(&self) -> bool {
        self.rows_gone + self.rows_new + self.rows_changed + self.rows_undecided == 0
            && self.columns_gone.is_empty()
            && self.columns_new.is_empty()
    }

    const fn sides(&self) -> [&Side; 2] {
        [&self.before, &self.after]
    }
}

/// A text that differs whenever something else is shown.
fn shown(all: &Generations) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(all).unwrap_or_default().hash(&mut hasher);
    format!("{:x}", hasher.finish())
}

#[derive(askama::Template)]
#[template(path = "projections.html")]
struct All {
    page: Page,
    seen: String,
    generations: Vec<GenerationStatus>,
}

#[derive(askama::Template)]
#[template(path = "projection.html")]
struct One {
    page: Page,
    name: String,
    seen: String,
    generations: Vec<GenerationStatus>,
    comparison: Option<Comparison>,
    operates: bool,
    can_roll_back: bool,
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route(HERE, get(list))
        .route("/console/projections/live", get(follow))
        .route("/console/projections/{name}", get(page))
        .route("/console/projections/{name}/live", get(follow_one))
        .route("/console/projections/{name}/{act}", post(act))
}

async fn list(State(console): State<Arc<Console>>, Extension(visit): Who) -> Response<Body> {
    let made = async {
        let all: Generations = console.queries.get(&visit.caller, LIST).await?.value;
        Ok(html(
            StatusCode::OK,
            &All { page: visit.page(visit.t().projections), seen: shown(&all), generations: all.items },
        ))
    };
    visit.answer(made.await)
}

/// The path of a read model; a name that cannot be one names nothing.
fn path(name: &str, rest: &str) -> Result<String, Refused> {
    let is_one = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_'));
    if is_one { Ok(format!("{LIST}/{name}{rest}")) } else { Err(Refused::not_found()) }
}

async fn page(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    Path(name): Path<String>,
    uri: Uri,
) -> Response<Body> {
    visit.answer(show(&console, &visit, name, asked::<Asked>(&uri).compare, None).await)
}

async fn show(
    console: &Console,
    visit: &Visit,
    name: String,
    compare: Option<i32>,
    refused: Option<Refused>,
) -> Result<Response<Body>, Refused> {
    let all: Generations = console.queries.get(&visit.caller, &path(&name, "")?).await?.value;
    let mut refused = refused;
    let comparison = match compare {
        None => None,
        Some(generation) => {
            let generation = generation.to_string();
            let path = link(&path(&name, "/comparison")?, &[("generation", Some(&generation))]);
            match console.queries.get::<Comparison>(&visit.caller, &path).await {
                Ok(found) => Some(found.value),
                Err(why) => {
                    refused = Some(why);
                    None
                }
            }
        }
    };
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let template = One {
        page: Page { refused, ..visit.page(name.as_str()) },
        name,
        seen: shown(&all),
        comparison,
        operates: visit.may(OPERATE),
        can_roll_back: all.items.iter().any(|one| one.kept),
        generations: all.items,
    };
    Ok(html(status, &template))
}

/// What is sent to the API, as the form says it.
fn order(act: &str, form: &Form) -> Value {
    let mut order = Map::new();
    if let Some(reason) = form.filled("reason") {
        order.insert("reason".to_owned(), json!(reason.trim()));
    }
    match act {
        "rebuild" => {
            order.insert("switch".to_owned(), json!(form.filled("switch").unwrap_or("ask")));
        }
        "rollback" => {}
        _ => {
            if let Some(generation) = form.filled("generation").and_then(|text| text.parse::<i32>().ok()) {
                order.insert("generation".to_owned(), json!(generation));
            }
        }
    }
    Value::Object(order)
}

async fn act(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    Path((name, act)): Path<(String, String)>,
    body: Body,
) -> Response<Body> {
    let done = async {
        let form = Form::read(body).await?;
        if !ACTS.contains(&act.as_str()) {
            return Err(Refused::not_found());
        }
        let path = path(&name, &format!("/{act}"))?;
        match console.queries.post(&visit.caller, &path, &order(&act, &form), None).await {
            Ok(_) => Ok(on(&format!("{HERE}/{name}"))),
            Err(refused) if !refused.asks_to_sign_in() && refused.status != StatusCode::NOT_FOUND => {
                show(&console, &visit, name, None, Some(refused)).await
            }
            Err(refused) => Err(refused),
        }
    };
    visit.answer(done.await)
}

async fn follow(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    changes(&console, &visit, LIST.to_owned(), ALL_EVERY, &uri)
}

async fn follow_one(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    Path(name): Path<String>,
    uri: Uri,
) -> Response<Body> {
    match path(&name, "") {
        Ok(path) => changes(&console, &visit, path, EVERY, &uri),
        Err(refused) => visit.refusal(refused),
    }
}

fn changes(console: &Arc<Console>, visit: &Visit, path: String, every: Duration, uri: &Uri) -> Response<Body> {
    let look = live::asking::<Generations>(console, &visit.caller, path, shown);
    let ends = visit.visitor.as_ref().map(|visitor| visitor.expires_at()).unwrap_or_default();
    live::changes(console, asked::<Asked>(uri).seen, ends, every, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use askama::Template as _;

    #[test]
    fn a_name_leads_nowhere_else() {
        assert_eq!(path("support.tickets", "/switch").unwrap(), "/v1/operations/projections/support.tickets/switch");
        for bad in ["a/b", "a?b", "a b", "A", "%2e", "a#b"] {
            assert!(path(bad, "").is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_form_becomes_an_order() {
        let form = Form::read(Body::from("reason=+why+&generation=2&switch=ask")).await.unwrap();
        assert_eq!(order("rebuild", &form), json!({"reason": "why", "switch": "ask"}));
        assert_eq!(order("switch", &form), json!({"reason": "why", "generation": 2}));
        assert_eq!(order("rollback", &form), json!({"reason": "why"}));
    }

    fn generation(more: &Value) -> Value {
        let mut one = json!({
            "name": "support.tickets", "version": 2, "generation": 1, "state": "live", "serving": true, "kept": false,
            "paused": false, "position": 1_234_567, "gap": 0, "lag_ms": 0, "error": null, "parked_streams": 0,
            "trouble": null, "build": null,
        });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    }

    #[tokio::test]
    async fn a_build_shows_how_far_it_is_and_only_what_makes_sense_is_offered() {
        let build = json!({"phase": "loading", "position": 250_000, "head": 1_000_000, "rows": 42_000,
            "events_per_second": 90_000, "eta_s": 95});
        let items = json!({"items": [generation(&json!({})), generation(&json!({
            "generation": 2, "state": "building", "serving": false, "position": 0, "gap": 1_000_000, "lag_ms": 5_400_000,
            "build": build,
        })), generation(&json!({"generation": 3, "serving": false, "kept": true}))]});
        let all: Generations = serde_json::from_value(items).unwrap();
        let acts: Vec<Vec<&str>> = all.items.iter().map(GenerationStatus::acts).collect();
        assert_eq!(acts, [vec![], vec!["pause", "cancel"], vec!["compare", "switch", "pause", "retire"]]);
        let visit = crate::page::tests::visit(OPERATE).await;
        let template = One {
            page: visit.page("support.tickets"),
            name: "support.tickets".to_owned(),
            seen: shown(&all),
            generations: all.items,
            comparison: None,
            operates: true,
            can_roll_back: true,
        };
        let text = template.render().unwrap();
        for shown in
            ["<progress max=\"1000000\" value=\"250000\"", "folding", "42,000", "90,000", "1 min 35 s", "1 h 30 min"]
        {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }
}
