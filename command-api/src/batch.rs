//! Many commands in one request, for devices that were offline: each with its own key and its own outcome, in order.

use crate::execute::{Asked, Services};
use crate::late;
use crate::reply::CommandAnswer;
use crate::routes::Executable;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use kernel::Version;
use platform::Problem;
use platform::headers::IfMatch;
use platform::problem::ProblemDocument;
use platform::request_log::RequestLog;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Where the endpoint is.
pub(crate) const PATH: &str = "/v1/commands:batch";
/// Commands in one request at most.
pub(crate) const MAX_COMMANDS: usize = 100;

/// One command of a batch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchCommand {
    /// The command's name, as in the operation ids of this document: `field_sales.record_visit`.
    name: String,
    /// The key by which a repeat of this command is known; the same rules as for `Idempotency-Key`.
    idempotency_key: String,
    /// The thing that the command acts on; left out for a command that creates.
    target: Option<Uuid>,
    /// The version that the thing must have.
    expected_version: Option<i32>,
    /// The command's own fields, as in its own route.
    #[schema(value_type = Value)]
    body: Box<RawValue>,
}

/// What became of one command of a batch.
#[derive(Serialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum BatchOutcome {
    /// It was carried out.
    Accepted(CommandAnswer),
    /// It had been carried out before; this is the first answer.
    Repeated(CommandAnswer),
    /// It was refused; the others are not affected.
    Rejected {
        /// Why, as its own route would have said.
        problem: ProblemDocument,
    },
}

type Executables = Arc<HashMap<&'static str, Executable>>;

pub(crate) fn router(executables: HashMap<&'static str, Executable>) -> Router<Arc<Services>> {
    let executables: Executables = Arc::new(executables);
    Router::new().route(
        PATH,
        post(move |State(services): State<Arc<Services>>, log: RequestLog, request: Request<Body>| async move {
            match run(&services, &executables, &log, request).await {
                Ok(outcomes) => Json(outcomes).into_response(),
                Err(problem) => problem.into_response(),
            }
        }),
    )
}

async fn run(
    services: &Services,
    executables: &Executables,
    log: &RequestLog,
    request: Request<Body>,
) -> Result<Vec<BatchOutcome>, Problem> {
    let (parts, body) = request.into_parts();
    let identity = services.authenticate(&parts.headers).await?;
    log.caller(&identity)?;
    log.operation("commands:batch");
    late::moment(&parts.headers, None, &identity)?;
    let body = platform::http::read_body(body).await?;
    let commands: Vec<BatchCommand> = platform::json::parse_list(&parts.headers, &body)?;
    if commands.len() > MAX_COMMANDS {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "batch_too_long", "The batch is too long")
            .detail(format!("it has {} commands", commands.len()))
            .remedy("Send at most 100 commands at a time, in order."));
    }
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in &commands {
        let outcome = match one(services, executables, &identity, log, command).await {
            Ok(outcome) => outcome,
            // The log is away: the rest would fare no better, and the device sends the batch again.
            Err(problem) if problem.status().is_server_error() => return Err(problem),
            Err(problem) => BatchOutcome::Rejected { problem: problem.document().clone() },
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn one(
    services: &Services,
    executables: &Executables,
    identity: &platform::auth::Identity,
    log: &RequestLog,
    command: &BatchCommand,
) -> Result<BatchOutcome, Problem> {
    let executable = executables.get(command.name.as_str()).ok_or_else(|| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "command_unknown", "There is no such command")
            .detail(format!("{:?} is not the name of a command", command.name))
            .remedy("Use an operation id of this API's description.")
    })?;
    if executable.collection.is_some() == command.target.is_some() {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "target_mismatch",
            "The target does not fit the command",
        )
        .remedy("Name a target for a command on something that exists, and none for one that creates."));
    }
    let asked = Asked {
        identity,
        log,
        key: Some(platform::headers::check_idempotency_key(&command.idempotency_key)?),
        if_match: command.expected_version.map(|version| IfMatch::Version(Version(version))),
        happened_at: None,
        target: command.target,
        body: command.body.get().as_bytes(),
        collection: executable.collection,
    };
    let reply = (executable.run)(services, &asked).await?;
    Ok(if reply.answer.repeated { BatchOutcome::Repeated(reply.body()) } else { BatchOutcome::Accepted(reply.body()) })
}
