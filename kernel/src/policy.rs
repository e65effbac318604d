//! Questions to history: what a rule would have come to, had it been in force.

use crate::event::{EventSet, Recorded};
use crate::read_model::ReadModel;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// A rule that is shown history and decides nothing: it says what each thing has come to.
///
/// Pure, like a read model: no clock, no IO. Whoever runs it shows it events of one tenant in the order of the log, and
/// writes nothing.
pub trait Policy: Send {
    /// The events it looks at.
    type Event: EventSet;
    /// A thing that it judges.
    type Key: Clone + Eq + Hash + Debug + Send;
    /// What a thing has come to.
    type Outcome: Clone + PartialEq + Debug + Send;

    /// The next event.
    fn observe(&mut self, event: &Recorded<Self::Event>);

    /// What each thing has come to by a moment. A thing of which nothing is to be said is left out.
    fn outcomes(&self, at: DateTime<Utc>) -> HashMap<Self::Key, Self::Outcome>;
}

/// A read model as a policy: the rows that its `apply` makes of what it is shown, in memory. For trying a changed read model
/// on history beside the one that serves.
pub struct Rows<M: ReadModel>(HashMap<M::Key, M::Row>);

impl<M: ReadModel> Default for Rows<M> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<M: ReadModel> Debug for Rows<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

impl<M: ReadModel> Policy for Rows<M> {
    type Event = M::Event;
    type Key = M::Key;
    type Outcome = M::Row;

    fn observe(&mut self, event: &Recorded<M::Event>) {
        for key in M::keys(event).as_slice() {
            let row = self.0.remove(key);
            if let Some(row) = M::apply(row, key, event) {
                self.0.insert(key.clone(), row);
            }
        }
    }

    fn outcomes(&self, _: DateTime<Utc>) -> HashMap<M::Key, M::Row> {
        self.0.clone()
    }
}
