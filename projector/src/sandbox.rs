//! A sandbox: two policies are run over the same stretch of history, in memory, and differ or not. Nothing is written, and
//! what serves others is not read but for the log.

use chrono::{DateTime, Utc};
use event_store::analysis::{Filter, Finder, Kinds};
use event_store::{Log, ReadError};
use kernel::{DecodeError, EventSet, Policy, Position, TenantId};
use std::collections::HashMap;
use std::time::Duration;

/// Events that are looked at together.
const PAGE: usize = 5_000;

/// Whose history, and which stretch of it.
#[derive(Clone, Copy, Debug)]
pub struct Stretch {
    /// Whose.
    pub tenant_id: TenantId,
    /// After this position.
    pub after: Position,
    /// Up to this position, which must be on disk.
    pub up_to: Position,
    /// At most so many events are looked at.
    pub most: u64,
}

/// Why a question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The log could not be read, or is archived.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event that this build does not understand.
    #[error("reading the event at position {position}")]
    Decode {
        /// The event.
        position: Position,
        /// What is wrong.
        #[source]
        source: DecodeError,
    },
    /// There are more events than may be looked at.
    #[error("there are more than {0} events")]
    TooMany(u64),
}

/// A thing that came to something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<K, O> {
    /// The thing.
    pub key: K,
    /// What it comes to under what is tried; `None`: nothing is to be said of it.
    pub tried: Option<O>,
    /// What it comes to under what it is compared with.
    pub baseline: Option<O>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcomes<K, O> {
    /// Under what is tried.
    pub tried: HashMap<K, O>,
    /// Under what it is compared with.
    pub baseline: HashMap<K, O>,
    /// Events that were looked at.
    pub events: u64,
}

impl<K: Clone + Eq + std::hash::Hash, O: Clone + PartialEq> Outcomes<K, O> {
    /// Where the two differ, in no order.
    pub fn differences(&self) -> Vec<Difference<K, O>> {
        let changed = self.tried.iter().filter(|(key, tried)| self.baseline.get(key) != Some(tried));
        let gone = self.baseline.iter().filter(|(key, _)| !self.tried.contains_key(key));
        let told = |key: &K| Difference {
            key: key.clone(),
            tried: self.tried.get(key).cloned(),
            baseline: self.baseline.get(key).cloned(),
        };
        changed.map(|(key, _)| told(key)).chain(gone.map(|(key, _)| told(key))).collect()
    }
}

/// Shows both policies the same events, and asks them at a moment. Both axes of time are theirs to choose from; the log's
/// order is given.
///
/// # Errors
/// The log cannot be read, holds what this build does not know, or holds too much.
pub async fn run<P, Q>(
    log: &Log,
    stretch: Stretch,
    at: DateTime<Utc>,
    mut tried: P,
    mut baseline: Q,
) -> Result<Outcomes<P::Key, P::Outcome>, SandboxError>
where
    P: Policy,
    Q: Policy<Event = P::Event, Key = P::Key, Outcome = P::Outcome>,
{
    let categories = P::Event::categories().into_iter().map(str::to_owned).collect();
    let kinds = Kinds { categories, types: Vec::new() };
    let filter = Filter { tenant_id: Some(stretch.tenant_id), kinds, ..Filter::default() };
    let finder = Finder::new(log.clone(), log.clone());
    let (mut reached, mut events) = (stretch.after, 0);
    while reached < stretch.up_to {
        let found = finder.find(&filter, reached, stretch.up_to, PAGE, Duration::from_secs(1)).await?;
        reached = found.reached;
        events += found.events.len() as u64;
        if events > stretch.most {
            return Err(SandboxError::TooMany(stretch.most));
        }
        for event in found.events {
            let position = event.position;
            let event = event.decode::<P::Event>().map_err(|source| SandboxError::Decode { position, source })?;
            tried.observe(&event);
            baseline.observe(&event);
        }
    }
    Ok(Outcomes { tried: tried.outcomes(at), baseline: baseline.outcomes(at), events })
}
