//! The write path of every command, whoever asks: load, decide, append, and again when the streams have moved on.

use crate::log::{Log, ReadError};
use crate::repository::{LoadError, States};
use crate::{Answer, Append, AppendError, Appender, Idempotency, Vault, VaultError};
use chrono::{DateTime, Utc};
use kernel::{
    Actor, BlindIndexer, Change, Command, CommandId, Context, CorrelationId, Decided, EventId, Streams, Team, TenantId,
    TraceParent, Version, personal,
};
use uuid::Uuid;

/// How often a command is decided anew when its streams move on meanwhile (another process writes them).
const MAX_DECISIONS: usize = 10;

/// The version that the primary stream must have, where the caller says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any; it must exist.
    Exists,
    /// Exactly this one.
    Version(Version),
}

/// Where a command comes from, and by what a repeat of it is known.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// By what a repeat is known.
    pub idempotency: Idempotency,
    /// The story that it belongs to.
    pub correlation_id: CorrelationId,
    /// The event that caused it, if one did.
    pub causation_id: Option<EventId>,
    /// The trace that it is part of.
    pub trace: Option<TraceParent>,
    /// The command's target, where it was made just now: no stream can have it yet.
    pub fresh: Option<Uuid>,
    /// The version that the primary stream must have.
    pub expected: Option<Expected>,
}

/// A command that no request brings: what a process of Sillage carries out by itself, with no more than the command's
/// own scope. Its id is the idempotency key: carried out again under the same id it changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct InternalCommand {
    /// In whose data.
    pub tenant_id: TenantId,
    /// In whose name.
    pub actor: Actor,
    /// By what a repeat is known.
    pub command_id: CommandId,
    /// The stream.
    pub target: Uuid,
    /// The story that it belongs to.
    pub correlation_id: CorrelationId,
    /// The event that caused it, if one did.
    pub causation_id: Option<EventId>,
    /// The trace that it is part of.
    pub trace: Option<TraceParent>,
    /// When it happened, where that is told late: it is decided as it would have been then.
    pub happened_at: Option<DateTime<Utc>>,
}

impl InternalCommand {
    /// In the name of Sillage, at the beginning of a story of its own.
    pub const fn new(tenant_id: TenantId, target: Uuid, command_id: CommandId) -> Self {
        let correlation_id = CorrelationId(command_id.0);
        let (causation_id, trace, happened_at) = (None, None, None);
        Self { tenant_id, actor: Actor::SYSTEM, command_id, target, correlation_id, causation_id, trace, happened_at }
    }

    /// In somebody's name.
    pub const fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// Told late: it happened then.
    pub const fn at(self, happened_at: DateTime<Utc>) -> Self {
        Self { happened_at: Some(happened_at), ..self }
    }

    /// In the story of the event that caused it.
    pub const fn caused_by(self, event_id: EventId, correlation_id: CorrelationId, trace: Option<TraceParent>) -> Self {
        Self { correlation_id, causation_id: Some(event_id), trace, ..self }
    }
}

/// Why a command was not carried out. Nothing was appended, except that `Append(Unavailable)` leaves it open.
#[derive(Debug)]
pub enum Refused<R> {
    /// The domain says no.
    Rejected(R),
    /// The primary stream is not at the expected version; this is where it is.
    Version(Version),
    /// A state could not be had.
    Load(LoadError),
    /// The log does not take it.
    Append(AppendError),
    /// It is not known whether this command was accepted before.
    Read(ReadError),
    /// Personal data cannot be sealed: its subject was erased, or the keys cannot be had.
    Vault(VaultError),
}

impl<R> From<AppendError> for Refused<R> {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

impl<R> From<ReadError> for Refused<R> {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Why `C` was not carried out.
pub type RefusedOf<C> = Refused<<<C as Command>::Streams as Streams>::Rejection>;

/// Carries commands out. Cheap to clone.
#[derive(Clone)]
pub struct Decisions {
    appender: Appender,
    states: States,
    log: Log,
    vault: Vault,
}

impl Decisions {
    /// Loads through `states`, appends through `appender`, finds earlier answers in `log`, seals personal data with the
    /// keys of `vault`.
    pub const fn new(appender: Appender, states: States, log: Log, vault: Vault) -> Self {
        Self { appender, states, log, vault }
    }

    /// Where keys come from.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// What finds private texts again: for the [`Context`] of every command that is carried out here.
    pub fn blind_indexer(&self) -> BlindIndexer {
        self.vault.blind_indexer()
    }

    /// Where earlier answers are found.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Where states come from.
    pub const fn states(&self) -> &States {
        &self.states
    }

    /// Carries a command out, and answers when its events are on disk. A repeat gets the first answer, also where the
    /// command would be refused by now.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn carry_out<C: Command>(
        &self,
        command: &C,
        context: &Context,
        origin: &Origin,
    ) -> Result<Answer, RefusedOf<C>> {
        let ids = command.streams(context.target, context);
        let mut conflict = AppendError::Overloaded;
        // A yes is checked by the append. A no is not: it is said of what the log holds now, not of what was remembered.
        let mut looked = false;
        for _ in 0..MAX_DECISIONS {
            let life = self.appender.life();
            self.states.enter(life);
            self.vault.enter(life);
            let source = self.states.of(context.tenant_id, origin.fresh);
            let loaded = C::Streams::load(&source, ids).await.map_err(Refused::Load)?;
            let (_, version) = C::Streams::primary(&loaded);
            let decided = if origin.expected.is_none_or(|expected| expected.met_by(version)) {
                command.decide(C::Streams::view(&loaded), context).map_err(Refused::Rejected)
            } else {
                Err(Refused::Version(version))
            };
            let decided = match decided {
                Ok(decided) => decided,
                Err(refusal) if looked => return self.first_answer(context, origin, refusal).await,
                Err(_) => {
                    looked = true;
                    self.forget(context.tenant_id, C::Streams::streams(&loaded));
                    continue;
                }
            };
            let (changes, decided) = match self.sealed::<C>(context, &loaded, decided).await {
                Ok(sealed) => sealed,
                Err(error @ VaultError::Erased(_)) => {
                    return self.first_answer(context, origin, Refused::Vault(error)).await;
                }
                Err(error) => return Err(Refused::Vault(error)),
            };
            let streams = C::Streams::streams(&loaded);
            let (append, events) = append(command, context, origin, changes, decided);
            match self.appender.append_in(life, append).await {
                Ok(answer) => {
                    if !answer.repeated {
                        C::Streams::remember(&source, loaded, &events);
                    }
                    return Ok(answer);
                }
                Err(error @ AppendError::Conflict { .. }) => {
                    self.forget(context.tenant_id, streams);
                    conflict = error;
                }
                Err(error) => return Err(Refused::Append(error)),
            }
        }
        Err(Refused::Append(conflict))
    }

    fn forget(&self, tenant_id: TenantId, streams: Vec<(&'static str, Uuid)>) {
        for (category, stream_id) in streams {
            self.states.forget(tenant_id, category, stream_id);
        }
    }

    /// Carries out what no request asked for.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn carry_out_internal<C: Command>(
        &self,
        command: &C,
        internal: &InternalCommand,
    ) -> Result<Answer, RefusedOf<C>> {
        let context = Context {
            tenant_id: internal.tenant_id,
            actor: internal.actor,
            scopes: [C::SCOPE.as_str()].into_iter().collect(),
            command_id: internal.command_id,
            target: internal.target,
            // Postgres keeps microseconds; what was decided on and what is read back must be the same instant.
            now: internal
                .happened_at
                .unwrap_or_else(|| DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap_or_default()),
            blind: self.blind_indexer(),
            team: Team::none(),
        };
        let origin = Origin {
            idempotency: Idempotency { key: internal.command_id.0, request_hash: Uuid::nil() },
            correlation_id: internal.correlation_id,
            causation_id: internal.causation_id,
            trace: internal.trace,
            fresh: None,
            expected: None,
        };
        self.carry_out(command, &context, &origin).await
    }

    /// The events as bytes. Where they hold personal data they come back as the log has them: a state that is remembered
    /// holds no clear text. Where they hold none, nothing is waited for.
    async fn sealed<C: Command>(
        &self,
        context: &Context,
        loaded: &<C::Streams as Streams>::Loaded,
        decided: Decided<kernel::Events<C>>,
    ) -> Result<(Vec<Change>, Decided<kernel::Events<C>>), VaultError> {
        let encode = || C::Streams::changes(loaded, &decided.events);
        let (changes, subjects) = personal::collecting(encode);
        if subjects.is_empty() {
            return Ok((changes, decided));
        }
        let ring = self.vault.ring(context.tenant_id, &subjects).await?;
        let changes = personal::sealing(ring, encode);
        let events = C::Streams::stored(&changes).map_err(|_| VaultError::Cryptography)?;
        Ok((changes, Decided { events, ..decided }))
    }

    /// Before a command is refused: it may be the repeat of one that was accepted, when things were different.
    async fn first_answer<R>(
        &self,
        context: &Context,
        origin: &Origin,
        refusal: Refused<R>,
    ) -> Result<Answer, Refused<R>> {
        let key = origin.idempotency.key;
        let known = async || self.log.answer(context.tenant_id, key).await.map_err(Refused::<R>::Read);
        let answer = match known().await? {
            // It may have been stored this very moment by another process: it is an answer once it is on disk.
            Some(_) => self.appender.once_on_disk(known()).await?,
            None => None,
        };
        match answer {
            Some((hash, answer)) if hash == origin.idempotency.request_hash => Ok(Answer { repeated: true, ..answer }),
            Some(_) => Err(Refused::Append(AppendError::KeyReused)),
            None => Err(refusal),
        }
    }
}

impl Expected {
    fn met_by(self, version: Version) -> bool {
        match self {
            Self::Exists => version > Version::ZERO,
            Self::Version(expected) => expected == version,
        }
    }
}

fn append<C: Command>(
    command: &C,
    context: &Context,
    origin: &Origin,
    changes: Vec<kernel::Change>,
    decided: Decided<kernel::Events<C>>,
) -> (Append, kernel::Events<C>) {
    let append = Append {
        tenant_id: context.tenant_id,
        actor: context.actor,
        command_id: context.command_id,
        correlation_id: origin.correlation_id,
        causation_id: origin.causation_id,
        trace: origin.trace,
        occurred_at: command.occurred_at().unwrap_or(context.now),
        idempotency: origin.idempotency,
        changes,
        reserve: decided.reserve,
        release: decided.release,
        counter: decided.counter,
    };
    (append, decided.events)
}
