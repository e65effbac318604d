//! What a command decides over: one aggregate, or several whose events must be stored together.

use crate::codec::{self, DecodeError, Encoded, EventData};
use crate::event::Event;
use crate::position::Version;
use crate::rejection::Rejection;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use std::sync::Arc;
use uuid::Uuid;

/// The state of one stream, folded from its events. `Default` is the state of a stream that does not exist.
///
/// It serializes only so that the store may keep snapshots, which are caches of one build and never contracts.
pub trait Aggregate: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What may happen to it.
    type Event: Event;
    /// Why its commands are refused.
    type Rejection: Rejection;

    /// Which streams hold it: `support.ticket`.
    const CATEGORY: &'static str = <Self::Event as Event>::CATEGORY;

    /// Folds one event into the state. Total: a stored event is a fact and is never refused.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;
}

/// A stream as it was read: state and version belong together.
#[derive(Clone, Debug)]
pub struct Loaded<A> {
    /// The stream's id.
    pub id: Uuid,
    /// The version that the state was folded to; 0 where the stream does not exist.
    pub version: Version,
    /// The state at that version.
    pub state: Arc<A>,
}

/// Where states come from. The store implements it; `domain` never sees it.
pub trait Source: Sync {
    /// What can go wrong.
    type Error: Send;

    /// The stream's state; version 0 and the default state where there is no such stream.
    fn load<A: Aggregate>(&self, id: Uuid) -> impl Future<Output = Result<Loaded<A>, Self::Error>> + Send;

    /// Tells the source what a stream has become, so that the next load is cheap.
    fn remember<A: Aggregate>(&self, loaded: Loaded<A>);
}

/// New events of one stream, and the version they were decided on.
#[derive(Clone, Debug)]
pub struct Change {
    /// `support.ticket`.
    pub category: &'static str,
    /// The stream.
    pub stream_id: Uuid,
    /// The version that the stream must still have; 0 for "must not exist".
    pub expected: Version,
    /// What to add.
    pub events: Vec<Encoded>,
}

/// One or several aggregates that a command decides over, stored in one append.
///
/// Implemented for every [`Aggregate`], for pairs and triples of them, and for one with another that is only read
/// ([`Known`]). The first is the *primary* one:
/// the command's route names it and its version is answered.
pub trait Streams: 'static {
    /// Which streams: an id, or one per aggregate.
    type Ids: Copy + Send + Sync;
    /// The states and versions as read.
    type Loaded: Send + Sync;
    /// What `decide` sees: a reference, or one per aggregate.
    type View<'a>;
    /// What `decide` answers: a list of events, or one per aggregate.
    type Events: Send + Sync;
    /// Why the command may be refused: the primary aggregate's reasons.
    type Rejection: Rejection;

    /// Reads all of them.
    fn load<S: Source>(source: &S, ids: Self::Ids) -> impl Future<Output = Result<Self::Loaded, S::Error>> + Send;

    /// The states for `decide`.
    fn view(loaded: &Self::Loaded) -> Self::View<'_>;

    /// The first stream that others may write at the same time; `None` if all are new. `fresh` is an id that was made just
    /// now: nobody else can know it.
    fn contended(ids: Self::Ids, fresh: Option<Uuid>) -> Option<Uuid>;

    /// The primary stream's id and version.
    fn primary(loaded: &Self::Loaded) -> (Uuid, Version);

    /// What was read: category and id of each stream.
    fn streams(loaded: &Self::Loaded) -> Vec<(&'static str, Uuid)>;

    /// The new events as bytes, one change per stream; a stream without new events still has its version checked.
    fn changes(loaded: &Self::Loaded, events: &Self::Events) -> Vec<Change>;

    /// The events of `changes`, which [`Streams::changes`] made, as the log gives them back: with personal data sealed.
    ///
    /// # Errors
    /// Never, for what this build encoded.
    fn stored(changes: &[Change]) -> Result<Self::Events, DecodeError>;

    /// Tells the source what the streams have become, after the append succeeded.
    fn remember<S: Source>(source: &S, loaded: Self::Loaded, events: &Self::Events);
}

fn change<A: Aggregate>(loaded: &Loaded<A>, events: &[A::Event]) -> Change {
    Change {
        category: A::CATEGORY,
        stream_id: loaded.id,
        expected: loaded.version,
        events: events.iter().map(Event::encode).collect(),
    }
}

fn stored<A: Aggregate>(changes: &[Change], index: usize) -> Result<Vec<A::Event>, DecodeError> {
    let events = changes.get(index).map_or(&[][..], |change| &change.events);
    let read = |encoded| codec::decode(A::CATEGORY, A::Event::UPCASTERS, &EventData::from(encoded));
    events.iter().map(read).collect()
}

fn remember<A: Aggregate, S: Source>(source: &S, loaded: Loaded<A>, events: &[A::Event]) {
    if events.is_empty() {
        return;
    }
    let added = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let state = events.iter().fold(Arc::unwrap_or_clone(loaded.state), Aggregate::evolve);
    source.remember(Loaded { id: loaded.id, version: Version(loaded.version.0 + added), state: Arc::new(state) });
}

impl<A: Aggregate> Streams for A {
    type Ids = Uuid;
    type Loaded = Loaded<A>;
    type View<'a> = &'a A;
    type Events = Vec<A::Event>;
    type Rejection = A::Rejection;

    fn load<S: Source>(source: &S, id: Uuid) -> impl Future<Output = Result<Loaded<A>, S::Error>> + Send {
        source.load::<A>(id)
    }

    fn view(loaded: &Loaded<A>) -> &A {
        &loaded.state
    }

    fn contended(id: Uuid, fresh: Option<Uuid>) -> Option<Uuid> {
        (fresh != Some(id)).then_some(id)
    }

    fn primary(loaded: &Loaded<A>) -> (Uuid, Version) {
        (loaded.id, loaded.version)
    }

    fn streams(loaded: &Loaded<A>) -> Vec<(&'static str, Uuid)> {
        vec![(A::CATEGORY, loaded.id)]
    }

    fn changes(loaded: &Loaded<A>, events: &Vec<A::Event>) -> Vec<Change> {
        vec![change(loaded, events)]
    }

    fn stored(changes: &[Change]) -> Result<Vec<A::Event>, DecodeError> {
        stored::<A>(changes, 0)
    }

    fn remember<S: Source>(source: &S, loaded: Loaded<A>, events: &Vec<A::Event>) {
        remember(source, loaded, events);
    }
}

macro_rules! streams_of_several {
    ($(($($aggregate:ident $index:tt),+) primary $first:ident;)+) => {$(
        impl<$($aggregate: Aggregate),+> Streams for ($($aggregate,)+) {
            type Ids = ($(streams_of_several!(@id $aggregate),)+);
            type Loaded = ($(Loaded<$aggregate>,)+);
            type View<'a> = ($(&'a $aggregate,)+);
            type Events = ($(Vec<$aggregate::Event>,)+);
            type Rejection = $first::Rejection;

            async fn load<S: Source>(source: &S, ids: Self::Ids) -> Result<Self::Loaded, S::Error> {
                Ok(($(source.load::<$aggregate>(ids.$index).await?,)+))
            }

            fn view(loaded: &Self::Loaded) -> Self::View<'_> {
                ($(&*loaded.$index.state,)+)
            }

            fn contended(ids: Self::Ids, fresh: Option<Uuid>) -> Option<Uuid> {
                [$(ids.$index),+].into_iter().find(|id| fresh != Some(*id))
            }

            fn primary(loaded: &Self::Loaded) -> (Uuid, Version) {
                (loaded.0.id, loaded.0.version)
            }

            fn streams(loaded: &Self::Loaded) -> Vec<(&'static str, Uuid)> {
                vec![$(($aggregate::CATEGORY, loaded.$index.id)),+]
            }

            fn changes(loaded: &Self::Loaded, events: &Self::Events) -> Vec<Change> {
                vec![$(change(&loaded.$index, &events.$index)),+]
            }

            fn stored(changes: &[Change]) -> Result<Self::Events, DecodeError> {
                Ok(($(stored::<$aggregate>(changes, $index)?,)+))
            }

            fn remember<S: Source>(source: &S, loaded: Self::Loaded, events: &Self::Events) {
                $(remember(source, loaded.$index, &events.$index);)+
            }
        }
    )+};
    (@id $aggregate:ident) => { Uuid };
}

streams_of_several! {
    (A 0, B 1) primary A;
    (A 0, B 1, C 2) primary A;
}

/// A stream that a command reads and never writes: a rule, a list of who may. Its version is checked with the append, so that
/// what was decided on was so at that place of the log; but those who only read it do not wait for each other.
pub struct Known<A>(PhantomData<fn() -> A>);

impl<A: Aggregate, B: Aggregate> Streams for (A, Known<B>) {
    type Ids = (Uuid, Uuid);
    type Loaded = (Loaded<A>, Loaded<B>);
    type View<'a> = (&'a A, &'a B);
    type Events = Vec<A::Event>;
    type Rejection = A::Rejection;

    async fn load<S: Source>(source: &S, ids: Self::Ids) -> Result<Self::Loaded, S::Error> {
        let (written, known) = (source.load::<A>(ids.0).await?, source.load::<B>(ids.1).await?);
        if known.version == Version::ZERO {
            // That there is none is asked over and over; the check of its version is what notices that there is one now.
            source.remember(known.clone());
        }
        Ok((written, known))
    }

    fn view(loaded: &Self::Loaded) -> Self::View<'_> {
        (&*loaded.0.state, &*loaded.1.state)
    }

    fn contended(ids: Self::Ids, fresh: Option<Uuid>) -> Option<Uuid> {
        A::contended(ids.0, fresh)
    }

    fn primary(loaded: &Self::Loaded) -> (Uuid, Version) {
        A::primary(&loaded.0)
    }

    fn streams(loaded: &Self::Loaded) -> Vec<(&'static str, Uuid)> {
        vec![(A::CATEGORY, loaded.0.id), (B::CATEGORY, loaded.1.id)]
    }

    fn changes(loaded: &Self::Loaded, events: &Self::Events) -> Vec<Change> {
        vec![change(&loaded.0, events), change(&loaded.1, &[])]
    }

    fn stored(changes: &[Change]) -> Result<Self::Events, DecodeError> {
        A::stored(changes)
    }

    fn remember<S: Source>(source: &S, loaded: Self::Loaded, events: &Self::Events) {
        A::remember(source, loaded.0, events);
    }
}
