//! The generic handler: authenticate, scope, parse, load, decide, append, answer.

use crate::flights::Flights;
use crate::reply::Reply;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use event_store::ReadError;
use event_store::repository::LoadError;
use event_store::vault::KeyedHash;
use event_store::{Answer, AppendError, Decisions, Expected, Idempotency, Log, Origin, Refused, VaultError};
use file_store::Store;
use kernel::{BlindIndexer, Command, CommandId, Context, Rejection, Streams, Team, TenantId};
use platform::Problem;
use platform::auth::standing::{SharedStanding, Unranked, tenant_suspended};
use platform::auth::{Identity, Verifier};
use platform::headers::IfMatch;
use platform::outbound::Guard;
use platform::request_log::RequestLog;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// How long a caller should wait before asking again when the log is away.
const RETRY_AFTER_S: u32 = 2;

/// What every command needs.
pub struct Services {
    verifier: Verifier,
    decisions: Decisions,
    flights: Flights,
    blind: BlindIndexer,
    standing: SharedStanding,
    files: Option<Store>,
    outbound: Guard,
    /// Where names are looked up, whosever they are; works as [`event_store::Role::Engine`].
    names: Option<Log>,
    /// What a request is known by: its key and body may hold personal data, and an unkeyed hash of a short text is as good
    /// as the text.
    requests: KeyedHash,
}

impl Services {
    /// Verifies with `verifier`, carries out with `decisions`, whose vault has the keys of all that is hashed here.
    ///
    /// # Errors
    /// The system's cryptography does not work.
    pub fn new(verifier: Verifier, decisions: Decisions) -> Result<Self, VaultError> {
        let blind = decisions.blind_indexer();
        let requests = decisions.vault().keyed("requests v1")?;
        Ok(Self {
            verifier,
            decisions,
            flights: Flights::new(),
            blind,
            requests,
            files: None,
            outbound: Guard::default(),
            names: None,
            standing: Arc::new(Unranked),
        })
    }

    /// Asks `standing` which tenants are suspended and who leads whom.
    #[must_use]
    pub fn with_standing(self, standing: SharedStanding) -> Self {
        Self { standing, ..self }
    }

    /// Keeps files in `store`.
    #[must_use]
    pub fn with_files(self, store: Option<Store>) -> Self {
        Self { files: store, ..self }
    }

    /// Takes addresses of others where `outbound` permits them.
    #[must_use]
    pub fn with_outbound(self, outbound: Guard) -> Self {
        Self { outbound, ..self }
    }

    pub(crate) const fn outbound(&self) -> &Guard {
        &self.outbound
    }

    /// Looks names up in `log`, whose pool works as [`event_store::Role::Engine`].
    #[must_use]
    pub fn with_names(self, log: Log) -> Self {
        Self { names: Some(log), ..self }
    }

    /// Who holds which of these names.
    pub(crate) async fn holders(
        &self,
        tenant_id: TenantId,
        scope: &str,
        names: &[String],
    ) -> Result<HashMap<String, Uuid>, Problem> {
        let log = self.names.as_ref().unwrap_or_else(|| self.decisions.log());
        log.holders(tenant_id, scope, names).await.map_err(|error| unavailable().because(&error))
    }

    pub(crate) const fn files(&self) -> Option<&Store> {
        self.files.as_ref()
    }

    /// What names are known by where they would tell too much.
    pub(crate) const fn blind(&self) -> &BlindIndexer {
        &self.blind
    }

    /// What somebody's key names in his tenant, among things of one sort.
    pub(crate) fn named_by(&self, tenant_id: TenantId, sort: &str, key: &str) -> Uuid {
        self.requests.hash(&[tenant_id.0.as_bytes(), sort.as_bytes(), key.as_bytes()])
    }

    /// Refuses where the tenant is suspended.
    pub(crate) fn check_standing(&self, tenant_id: TenantId) -> Result<(), Problem> {
        if self.standing.is_suspended(tenant_id) { Err(tenant_suspended()) } else { Ok(()) }
    }

    pub(crate) const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Problem> {
        self.verifier.authenticate(headers).await.map_err(Problem::from)
    }
}

/// A command as it arrived: who asks, with which key, on what, and the bytes.
pub(crate) struct Asked<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) log: &'a RequestLog,
    /// The `Idempotency-Key`.
    pub(crate) key: Option<&'a str>,
    pub(crate) if_match: Option<IfMatch>,
    /// When it happened, where that is told late.
    pub(crate) happened_at: Option<DateTime<Utc>>,
    /// The id that the route names; `None` for a command that creates.
    pub(crate) target: Option<Uuid>,
    pub(crate) body: &'a [u8],
    /// Where the made thing can be read, for a command that creates.
    pub(crate) collection: Option<&'static str>,
}

/// Carries out one command.
pub(crate) async fn execute<C: Command>(services: &Services, asked: &Asked<'_>) -> Result<Reply, Problem> {
    asked.log.operation(C::NAME);
    asked.identity.require(C::SCOPE)?;
    services.check_standing(asked.identity.tenant_id)?;
    let command: C = platform::json::parse_bytes(asked.body)?;
    let idempotency = idempotency::<C>(&services.requests, asked)?;
    let reply = |answer: Answer| {
        asked.log.position(answer.position);
        Reply { answer, collection: asked.collection, grant: None, secret: None }
    };
    if asked.key.is_none() {
        return decide(services, asked, &command, idempotency).await.map(reply);
    }
    let given = || match services.flights.landed(idempotency.key) {
        Some((hash, answer)) => same_request(hash, idempotency, answer).map(Some),
        None => Ok(None),
    };
    if let Some(answer) = given()? {
        return Ok(reply(answer));
    }
    let _flight = services.flights.take_off(idempotency.key).await;
    if let Some(answer) = given()? {
        return Ok(reply(answer));
    }
    let answer = decide(services, asked, &command, idempotency).await?;
    services.flights.land(idempotency.key, idempotency.request_hash, answer);
    Ok(reply(answer))
}

/// Takes its turn on the stream, then carries the command out.
async fn decide<C: Command>(
    services: &Services,
    asked: &Asked<'_>,
    command: &C,
    idempotency: Idempotency,
) -> Result<Answer, Problem> {
    let fresh = asked.target.is_none().then(Uuid::now_v7);
    let identity = asked.identity;
    let team = if C::REACH.asks_for_team() {
        services.standing.team(identity.tenant_id, identity.actor.id).await?
    } else {
        Team::none()
    };
    let context = context(services, asked, idempotency, fresh, team);
    let _turn = match C::Streams::contended(command.streams(context.target, &context), fresh) {
        Some(stream_id) => Some(services.flights.turn(stream_id).await),
        None => None,
    };
    let origin = Origin {
        idempotency,
        correlation_id: asked.log.correlation_id(),
        causation_id: None,
        trace: Some(asked.log.trace_parent()),
        fresh,
        expected: asked.if_match.map(|condition| match condition {
            IfMatch::Exists => Expected::Exists,
            IfMatch::Version(version) => Expected::Version(version),
        }),
    };
    services.decisions.carry_out(command, &context, &origin).await.map_err(refusal)
}

fn context(
    services: &Services,
    asked: &Asked<'_>,
    idempotency: Idempotency,
    fresh: Option<Uuid>,
    team: Team,
) -> Context {
    Context {
        tenant_id: asked.identity.tenant_id,
        actor: asked.identity.actor,
        scopes: asked.identity.scopes.clone(),
        command_id: CommandId(idempotency.key),
        target: asked.target.or(fresh).unwrap_or_default(),
        // Postgres keeps microseconds; what was decided on and what is read back must be the same instant.
        now: asked
            .happened_at
            .or_else(|| DateTime::from_timestamp_micros(Utc::now().timestamp_micros()))
            .unwrap_or_default(),
        blind: services.blind.clone(),
        team,
    }
}

/// The key by which a repeat is known, in the scope of tenant, actor, command and target; it becomes the command's id.
fn idempotency<C: Command>(requests: &KeyedHash, asked: &Asked<'_>) -> Result<Idempotency, Problem> {
    let Some(key) = asked.key else {
        if asked.target.is_some() && asked.if_match.is_some() {
            let key = Uuid::now_v7();
            return Ok(Idempotency { key, request_hash: Uuid::nil() });
        }
        return Err(key_missing());
    };
    let identity = asked.identity;
    let scope = [identity.tenant_id.0.as_bytes(), identity.actor.id.0.as_bytes()];
    let key = requests.hash(&[scope[0], scope[1], C::NAME.as_bytes(), key.as_bytes()]);
    let target = asked.target.unwrap_or_default();
    let condition = match asked.if_match {
        Some(IfMatch::Version(version)) => version.0.to_be_bytes(),
        Some(IfMatch::Exists) | None => [0xff; 4],
    };
    let happened_at = asked.happened_at.map(|at| at.timestamp_micros().to_be_bytes());
    let mut parts: Vec<&[u8]> = vec![target.as_bytes(), &condition, asked.body];
    parts.extend(happened_at.as_ref().map(<[u8; 8]>::as_slice));
    Ok(Idempotency { key, request_hash: requests.hash(&parts) })
}

/// Nothing says by what a repeat would be known.
pub(crate) fn key_missing() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "idempotency_key_missing", "The request cannot be repeated safely")
        .detail("neither Idempotency-Key nor If-Match was sent")
        .remedy("Send a new Idempotency-Key (a UUID, say) with each intent and the same one with each retry of it.")
}

pub(crate) fn refusal<R: Rejection>(refused: Refused<R>) -> Problem {
    match refused {
        Refused::Rejected(rejection) => Problem::rejected(&rejection),
        Refused::Version(version) => {
            Problem::new(StatusCode::PRECONDITION_FAILED, "version_mismatch", "It has changed since it was read")
                .detail(format!("the version is {version}"))
                .remedy("Read it again, decide again, and send the new version in If-Match.")
                .extra("current_version", version.0)
        }
        Refused::Load(error) => load_problem(&error),
        Refused::Append(error) => append_problem(&error),
        Refused::Read(error) => unavailable().because(&error),
        Refused::Vault(error) => vault_problem(&error),
    }
}

fn same_request(hash: Uuid, asked: Idempotency, answer: Answer) -> Result<Answer, Problem> {
    if hash == asked.request_hash {
        Ok(Answer { repeated: true, ..answer })
    } else {
        Err(append_problem(&AppendError::KeyReused))
    }
}

pub(crate) fn load_problem(error: &LoadError) -> Problem {
    match error {
        LoadError::Read(ReadError::Archived(archived)) => {
            Problem::new(StatusCode::CONFLICT, "log_archived", "What it is about is archived")
                .detail(format!("its history up to position {} is in an archive", archived.last))
                .remedy("Ask an operator to bring the archive back.")
                .extra("archived_up_to", archived.last.0)
        }
        LoadError::Read(_) => unavailable().because(error),
        LoadError::Decode { .. } => Problem::internal(error),
    }
}

pub(crate) fn vault_problem(error: &VaultError) -> Problem {
    match error {
        VaultError::Erased(_) => Problem::new(StatusCode::GONE, "subject_erased", "The person was erased")
            .detail("the data of the person that this is about was erased, and nothing can be kept about that person")
            .remedy("Do not send it again. Whoever came back has a new account, with another id."),
        VaultError::Unavailable(_) => unavailable().because(error),
        VaultError::Missing(_)
        | VaultError::Damaged(_)
        | VaultError::WrongRoot { .. }
        | VaultError::Altered
        | VaultError::Cryptography
        | VaultError::Root(_) => Problem::internal(error),
    }
}

fn unavailable() -> Problem {
    Problem::unavailable("The log is not available now", RETRY_AFTER_S)
}

fn append_problem(error: &AppendError) -> Problem {
    match error {
        AppendError::Conflict { version, .. } => {
            Problem::new(StatusCode::CONFLICT, "version_conflict", "Others changed it at the same time")
                .detail(format!("the version is {version}"))
                .remedy("Try again.")
                .extra("current_version", version.0)
        }
        AppendError::Reserved { scope, .. } => Problem::new(StatusCode::CONFLICT, "name_taken", "The name is taken")
            .detail(format!("another one has this {scope}"))
            .remedy("Choose another name."),
        AppendError::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "The Idempotency-Key was used for another request",
        )
        .remedy("Use a new key for a new intent; repeat a request with the same path, body, If-Match and Occurred-At."),
        AppendError::Overloaded => Problem::unavailable("More commands are waiting than can be served", 1),
        AppendError::Unavailable(_) => unavailable().because(error),
    }
}
