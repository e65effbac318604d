//! Given, when, then: the language in which commands and read models are specified.
//!
//! No IO; a spec is a sentence of the business. Every event that passes through a spec also goes through
//! the codec and back, so a payload that cannot be stored never gets far.

use crate::actor::Actor;
use crate::aggregate::{Aggregate, Known, Streams};
use crate::blind::BlindIndexer;
use crate::codec::{self, EventData};
use crate::command::{Command, Context, Decided, Decision, Events};
use crate::event::{Event, EventSet, Recorded};
use crate::ids::{ActorId, CommandId, CorrelationId, EventId, SubjectId, TenantId};
use crate::personal::scope::opening_specs;
use crate::personal::{SealError, Sealed, Seals, sealing};
use crate::position::{Epoch, Position, Version};
use crate::read_model::{ColumnKind, ReadModel};
use crate::rejection::Rejection;
use crate::scope::Scopes;
use crate::team::Team;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

/// The tenant of every spec.
pub const TENANT: TenantId = TenantId(Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0001));

/// Noon of a winter day in Paris, as UTC: the time of every spec unless it says otherwise.
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_768_474_800, 0).unwrap_or_default()
}

/// A context for `actor` holding `scopes`, at [`noon`].
pub fn context(actor: ActorId, target: Uuid, scopes: &[&str]) -> Context {
    Context {
        tenant_id: TENANT,
        actor: Actor::user(actor),
        scopes: scopes.iter().copied().collect::<Scopes>(),
        command_id: CommandId(Uuid::from_u128(0xc0)),
        target,
        now: noon(),
        blind: BlindIndexer::unkeyed(),
        team: Team::none(),
    }
}

/// The state that these events lead to, each of them having gone through the codec and back. Also checks that those who
/// have no key can fold them, and keep what comes of it.
pub fn state_of<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> A {
    let (state, stored) = events.into_iter().fold((A::default(), A::default()), |(state, stored), event| {
        (state.evolve(&through_the_codec(&event)), stored.evolve(&as_stored(&event)))
    });
    serde_json::to_vec(&stored).expect("a state folded from the log can be kept as a snapshot");
    state
}

fn through_the_codec<E: Event>(event: &E) -> E {
    let stored = encode(event);
    let read = || codec::decode(E::CATEGORY, E::UPCASTERS, &stored).expect("a stored event can be read");
    let back: E = opening_specs(read);
    assert_eq!(&back, event, "an event changed on its way through the codec");
    back
}

/// The event as the log gives it to those who have no key, which is everybody who folds.
fn as_stored<E: Event>(event: &E) -> E {
    codec::decode(E::CATEGORY, E::UPCASTERS, &encode(event)).expect("a stored event can be read without a key")
}

/// The event as bytes, sealed so that whoever reads the bytes can see through: for specs and examples, never for the log.
pub fn encode<E: Event>(event: &E) -> EventData {
    EventData::from(&sealed(|| event.encode()))
}

/// Runs `work`, in which personal data is written as specs seal it: nothing is hidden.
pub fn sealed<R>(work: impl FnOnce() -> R) -> R {
    sealing(Arc::new(SpecSeals), work)
}

struct SpecSeals;

impl Seals for SpecSeals {
    fn seal(&self, subject: SubjectId, text: &str) -> Result<Sealed, SealError> {
        Ok(Sealed::of_spec(subject, text))
    }
}

/// Starts a spec of a command on one aggregate: what has happened so far.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given { state: state_of(events) }
}

/// The streams of a command that writes one aggregate.
pub trait Over<A: Aggregate>: Streams<Events = Vec<A::Event>> {
    /// What else it reads.
    type Known: Default;

    /// The states for `decide`.
    fn view_of<'a>(state: &'a A, known: &'a Self::Known) -> Self::View<'a>;
}

impl<A: Aggregate> Over<A> for A {
    type Known = ();

    fn view_of<'a>(state: &'a A, (): &'a ()) -> &'a A {
        state
    }
}

impl<A: Aggregate, B: Aggregate> Over<A> for (A, Known<B>) {
    type Known = B;

    fn view_of<'a>(state: &'a A, known: &'a B) -> (&'a A, &'a B) {
        (state, known)
    }
}

/// A spec that knows what has happened.
pub struct Given<A> {
    state: A,
}

impl<A: Aggregate> Given<A> {
    /// What is asked for, and by whom. A stream that the command only reads does not exist.
    pub fn when<C: Command<Streams: Over<A>>>(self, command: &C, cx: &Context) -> Then<C> {
        let nothing = <C::Streams as Over<A>>::Known::default();
        let decision = command.decide(<C::Streams as Over<A>>::view_of(&self.state, &nothing), cx);
        Then { decision }
    }

    /// The same, the stream that the command only reads being so.
    pub fn when_knowing<B, C>(self, known: &B, command: &C, cx: &Context) -> Then<C>
    where
        C: Command<Streams: Over<A, Known = B>>,
    {
        Then { decision: command.decide(<C::Streams as Over<A>>::view_of(&self.state, known), cx) }
    }
}

/// A spec that knows the answer.
pub struct Then<C: Command> {
    decision: Decision<C>,
}

impl<C: Command> Then<C> {
    /// Wraps the answer of a command over several aggregates: `Then::of(command.decide((&zone, &assignment), &cx))`.
    pub const fn of(decision: Decision<C>) -> Self {
        Self { decision }
    }

    /// It was accepted; gives the whole answer.
    pub fn accepted(self) -> Decided<Events<C>> {
        self.decision.unwrap_or_else(|rejection| panic!("refused: {rejection:?}"))
    }

    /// It was refused, for this reason.
    #[expect(clippy::wrong_self_convention, reason = "it reads as a sentence: `when(…).is_rejected(…)`")]
    pub fn is_rejected(self, expected: &<C::Streams as Streams>::Rejection)
    where
        Events<C>: Debug,
    {
        match self.decision {
            Ok(decided) => panic!("accepted with {:?}, expected a refusal {expected:?}", decided.events),
            Err(rejection) => {
                assert_eq!(rejection.code(), expected.code(), "refused for another reason: {rejection:?}");
                assert!(!rejection.to_string().is_empty() && !rejection.remedy().is_empty());
            }
        }
    }
}

impl<E: Event, C: Command<Streams: Streams<Events = Vec<E>>>> Then<C> {
    /// It was accepted with exactly these events.
    pub fn answers(self, expected: impl IntoIterator<Item = E>) {
        let expected: Vec<E> = expected.into_iter().collect();
        let events: Vec<E> = self.accepted().events.iter().map(through_the_codec).collect();
        assert_eq!(events, expected);
    }

    /// It was accepted and there was nothing to do.
    pub fn changes_nothing(self) {
        self.answers([]);
    }
}

/// A story for read models: events of several streams in the order they are recorded, one minute apart.
#[derive(Default)]
pub struct Story<S> {
    events: Vec<Recorded<S>>,
    /// The same without keys.
    stored: Vec<Recorded<S>>,
    versions: HashMap<(String, Uuid), i32>,
}

impl<S: EventSet + Clone> Story<S> {
    /// An empty story.
    pub fn new() -> Self {
        Self { events: Vec::new(), stored: Vec::new(), versions: HashMap::new() }
    }

    /// The next event, by `actor`.
    #[must_use]
    pub fn then<E: Event + Into<S>>(self, stream_id: impl Into<Uuid>, actor: ActorId, event: E) -> Self {
        self.then_numbered(stream_id, actor, None, event)
    }

    /// The next event, with the number that the log gave it.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "stories are told with events made on the spot")]
    pub fn then_numbered<E: Event + Into<S>>(
        mut self,
        stream_id: impl Into<Uuid>,
        actor: ActorId,
        number: Option<i64>,
        event: E,
    ) -> Self {
        let stream_id = stream_id.into();
        let position = i64::try_from(self.events.len()).unwrap_or(i64::MAX) + 1;
        let version = self.versions.entry((E::CATEGORY.to_owned(), stream_id)).or_insert(0);
        *version += 1;
        let version = Version(*version);
        let at = noon() + TimeDelta::minutes(position);
        let recorded = |event: E| Recorded {
            position: Position(position),
            epoch: Epoch(1),
            event_id: EventId(Uuid::from_u128(position.unsigned_abs().into())),
            tenant_id: TENANT,
            category: E::CATEGORY.to_owned(),
            stream_id,
            version,
            actor: Actor::user(actor),
            command_id: CommandId(Uuid::from_u128(0xc0)),
            correlation_id: CorrelationId(Uuid::from_u128(0xc0)),
            causation_id: None,
            trace: None,
            occurred_at: at,
            recorded_at: at,
            number,
            event: event.into(),
        };
        self.events.push(recorded(through_the_codec(&event)));
        self.stored.push(recorded(as_stored(&event)));
        self
    }

    /// The events told so far.
    pub fn events(&self) -> &[Recorded<S>] {
        &self.events
    }

    /// The rows that a read model shows after the story, by key. Also checks what every read model must keep:
    /// each row serializes to exactly the columns of its table, and reads back equal; with keys and without.
    pub fn rows<M: ReadModel<Event = S>>(&self) -> HashMap<M::Key, M::Row> {
        let stored = fold::<M>(&self.stored, |key, row| check_row::<M>(key, row, false));
        let rows = fold::<M>(&self.events, |key, row| check_row::<M>(key, row, true));
        assert_eq!(rows.len(), stored.len(), "{}: other rows without keys", M::NAME);
        rows
    }

    /// The one row with this key after the story.
    pub fn row<M: ReadModel<Event = S>>(&self, key: &M::Key) -> Option<M::Row> {
        self.rows::<M>().remove(key)
    }
}

fn fold<M: ReadModel>(events: &[Recorded<M::Event>], check: impl Fn(&M::Key, &M::Row)) -> HashMap<M::Key, M::Row> {
    let mut rows = HashMap::new();
    for event in events {
        for key in M::keys(event).as_slice() {
            let before = rows.remove(key);
            if let Some(after) = M::apply(before, key, event) {
                check(key, &after);
                rows.insert(key.clone(), after);
            }
        }
    }
    rows
}

fn check_row<M: ReadModel>(key: &M::Key, row: &M::Row, with_keys: bool) {
    let text = sealed(|| serde_json::to_string(row)).expect("a row serializes");
    let read = || serde_json::from_str(&text).expect("a row reads back");
    let back: M::Row = if with_keys { opening_specs(read) } else { read() };
    assert_eq!(&back, row, "{}: a row changed on its way through serde", M::NAME);
    let value: serde_json::Value = serde_json::from_str(&text).expect("a row is JSON");
    let fields = value.as_object().expect("a row is an object");
    assert_eq!(fields.len(), M::TABLE.columns.len(), "{}: fields and columns differ in number", M::NAME);
    for column in M::TABLE.columns {
        let field = fields.get(column.name).unwrap_or_else(|| panic!("{}: no field {}", M::NAME, column.name));
        assert!(column.nullable || !field.is_null(), "{}.{} is null", M::NAME, column.name);
        let personal = column.kind == ColumnKind::Personal;
        let is_sealed = field.as_str().is_some_and(|text| Sealed::parse(text).is_ok());
        assert!(!personal || field.is_null() || is_sealed, "{}.{} is not `Personal`", M::NAME, column.name);
        assert!(
            personal || !holds_sealed(field),
            "{}.{} holds personal data: what is shown of it is a column of \
             `ColumnKind::Personal`",
            M::NAME,
            column.name
        );
    }
    let key_value = serde_json::to_value(key).expect("a key serializes");
    let key_fields: Vec<&serde_json::Value> = match &key_value {
        serde_json::Value::Array(values) => values.iter().collect(),
        single => vec![single],
    };
    assert_eq!(key_fields.len(), M::TABLE.key, "{}: the key has another number of columns", M::NAME);
    for (column, part) in M::TABLE.columns.iter().zip(key_fields) {
        assert_eq!(&fields[column.name], part, "{}.{} is not the row's key", M::NAME, column.name);
    }
}

/// Whether there is sealed data anywhere inside.
fn holds_sealed(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => Sealed::parse(text).is_ok(),
        serde_json::Value::Array(values) => values.iter().any(holds_sealed),
        serde_json::Value::Object(fields) => fields.values().any(holds_sealed),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
    }
}
