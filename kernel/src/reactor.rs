//! Reactions: what is asked for because something has happened.

use crate::command::Command;
use crate::event::{EventSet, Recorded};
use crate::ids::{CommandId, EventId, TenantId, derived};
use uuid::Uuid;

/// Where in the log a reactor begins that has never run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After what has happened so far: an old log must not make yesterday's effects.
    Head,
    /// With the first event: what it asks for is due for everything that ever happened.
    Beginning,
}

/// From events to commands, without memory.
///
/// `react` is pure and total. It may be asked again about an event that it has been asked about; the commands then have
/// the ids that they had, and do nothing a second time. Reactors are no projections: no rebuild runs them.
///
/// One reactor sends one sort of command. Two sorts are two reactors: what stops one does not stop the other.
pub trait Reactor: Send + Sync + 'static {
    /// The events it listens to.
    type Event: EventSet;
    /// What it asks for.
    type Command: Command;

    /// `processes.greet_customers`. Part of every command's id, and the name of its checkpoint: it must never change.
    const NAME: &'static str;
    /// Where it begins when it has never run.
    const START: Start = Start::Head;

    /// What to ask for because of this event; usually nothing.
    fn react(event: &Recorded<Self::Event>) -> Vec<Reaction<Self::Command>>;
}

/// A command that a reactor asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction<C> {
    /// Tells the commands of one event apart; the command's id follows from it.
    pub step: &'static str,
    /// In whose data.
    pub tenant_id: TenantId,
    /// The stream it acts on; for something new an id that follows from the event, see [`target`].
    pub target: Uuid,
    /// What is asked for.
    pub command: C,
}

/// The id of the command of a step: the same whenever the event is delivered.
pub fn command_id(reactor: &str, event_id: EventId, step: &str) -> CommandId {
    CommandId(derived(derived(event_id.0, reactor), step))
}

/// The id of what a step makes: the same whenever the event is delivered, and another one than the command's.
pub fn target(reactor: &str, event_id: EventId, step: &str) -> Uuid {
    derived(command_id(reactor, event_id, step).0, "target")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_follow_from_reactor_event_and_step() {
        let event = |n| EventId(Uuid::from_u128(n));
        let all = [("a.b", 1, "x"), ("a.b", 1, "y"), ("a.b", 2, "x"), ("a.c", 1, "x"), ("a.bx", 1, "")];
        let ids = || all.iter().map(|(reactor, n, step)| command_id(reactor, event(*n), step).0);
        let targets = all.iter().map(|(reactor, n, step)| target(reactor, event(*n), step));
        assert_eq!(ids().chain(targets).collect::<HashSet<_>>().len(), 2 * all.len());
        assert!(ids().eq(ids()));
        // Ids of commands that have been carried out: these bytes are a contract.
        assert_eq!(
            command_id("a.b", event(1), "x").0.to_string(),
            derived(derived(Uuid::from_u128(1), "a.b"), "x").to_string()
        );
    }
}
