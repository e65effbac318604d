//! What an actor asks for, and what the domain answers.

use crate::actor::Actor;
use crate::aggregate::Streams;
use crate::blind::{BlindIndex, BlindIndexer};
use crate::ids::{ActorId, CommandId, TenantId};
use crate::reach::Reach;
use crate::scope::{Scope, Scopes};
use crate::team::Team;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use uuid::Uuid;

/// The ids of the streams that `C` decides over.
pub type Ids<C> = <<C as Command>::Streams as Streams>::Ids;
/// What `C` sees when it decides.
pub type View<'a, C> = <<C as Command>::Streams as Streams>::View<'a>;
/// The events that `C` may answer.
pub type Events<C> = <<C as Command>::Streams as Streams>::Events;
/// Yes, with the events to store; or no, with the reason.
pub type Decision<C> = Result<Decided<Events<C>>, <<C as Command>::Streams as Streams>::Rejection>;

/// An actor's request to change something.
///
/// `decide` is pure and is called again on a conflict. Asking twice for what is already so changes nothing:
/// it answers no events, not a rejection.
pub trait Command: DeserializeOwned + ToSchema + Send + Sync + 'static {
    /// What it decides over: an aggregate, or a tuple of them with the one that the route names first.
    type Streams: Streams;

    /// `support.assign_ticket`: name in logs, traces and the API.
    const NAME: &'static str;
    /// What the actor's token must permit.
    const SCOPE: Scope;

    /// Whose things an actor may use it on; its decision keeps to this. [`Context::team`] is nobody unless this
    /// asks for the team.
    const REACH: Reach;

    /// Which streams it decides over. `target` is the id in the route, or a fresh id for a command that creates.
    fn streams(&self, target: Uuid, cx: &Context) -> Ids<Self>;

    /// When the thing happened, where the caller knows better than the server (a visit recorded offline).
    fn occurred_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// Says yes or no.
    ///
    /// # Errors
    /// The aggregate's rejection.
    fn decide(&self, state: View<'_, Self>, cx: &Context) -> Decision<Self>;
}

/// Everything a decision may depend on besides state and command. Time and ids come in from outside.
#[derive(Clone, Debug)]
pub struct Context {
    /// Whose data this is about, from the token.
    pub tenant_id: TenantId,
    /// Who asks, from the token.
    pub actor: Actor,
    /// What the token permits beyond the command's own scope.
    pub scopes: Scopes,
    /// This command.
    pub command_id: CommandId,
    /// The id that the route names, or the fresh id for a command that creates.
    pub target: Uuid,
    /// The server's time.
    pub now: DateTime<Utc>,
    /// Finds private texts again without keeping them.
    pub blind: BlindIndexer,
    /// Everybody below the actor, where the command asks for it: see [`Command::REACH`].
    pub team: Team,
}

impl Context {
    /// Who asks.
    pub const fn actor_id(&self) -> ActorId {
        self.actor.id
    }

    /// Whether the actor's token permits more than the command itself asks for.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// Whether a command of this reach, asked for by the actor, reaches what belongs to `owner`.
    pub fn reaches(&self, reach: Reach, owner: ActorId) -> bool {
        reach.of(&self.scopes).covers(self.actor_id(), &self.team, owner)
    }

    /// What a private, normalised text is known by among those of `scope`.
    pub fn blind_index(&self, scope: &str, text: &str) -> BlindIndex {
        self.blind.index(scope, text)
    }

    /// An id that follows from this command: the same on every retry, different for every `name`.
    pub fn derived_id(&self, name: &str) -> Uuid {
        crate::ids::derived(self.command_id.0, name)
    }
}

/// A name that must be unique in its tenant and scope: an e-mail address, a slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// What sort of name: `identity.email`.
    pub scope: &'static str,
    /// The name, already normalised.
    pub key: String,
}

/// What a decision asks the log to do, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Decided<E> {
    /// The events to add. None at all means "it is already so".
    pub events: E,
    /// Names to reserve for the primary stream; refused if another stream holds one.
    pub reserve: Vec<Reservation>,
    /// Names to give back.
    pub release: Vec<Reservation>,
    /// The tenant's counter that gives the first event of the primary stream its gap-free number.
    pub counter: Option<&'static str>,
}

impl<E> Decided<E> {
    /// Only events.
    pub const fn new(events: E) -> Self {
        Self { events, reserve: Vec::new(), release: Vec::new(), counter: None }
    }

    /// The first event of the primary stream gets the next number of this counter of the tenant.
    pub const fn numbered(mut self, counter: &'static str) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Also reserves a name.
    pub fn reserving(mut self, scope: &'static str, key: impl Into<String>) -> Self {
        self.reserve.push(Reservation { scope, key: key.into() });
        self
    }

    /// Also gives a name back.
    pub fn releasing(mut self, scope: &'static str, key: impl Into<String>) -> Self {
        self.release.push(Reservation { scope, key: key.into() });
        self
    }
}

impl<E> From<E> for Decided<Vec<E>> {
    fn from(event: E) -> Self {
        Self::new(vec![event])
    }
}

/// It is already so: nothing to add.
#[expect(clippy::unnecessary_wraps, reason = "it is what `decide` returns: `return unchanged()`")]
pub fn unchanged<E: Default, R>() -> Result<Decided<E>, R> {
    Ok(Decided::new(E::default()))
}
