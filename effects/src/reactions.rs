//! Reactors at work: commands that follow from events, carried out as anybody's commands are.

use crate::follower::{Decoded, Event, Follower, Halt, Led, chain, decode};
use event_store::decisions::RefusedOf;
use event_store::repository::LoadError;
use event_store::{AppendError, Decisions, InternalCommand, Refused, VaultError};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use kernel::reactor::{Start, command_id};
use kernel::{
    Command, CorrelationId, EventId, EventSet, Position, Reaction, Reactor, Recorded, Rejection, TenantId, TraceParent,
};
use sqlx::{PgConnection, query};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use uuid::Uuid;

/// Commands that are carried out at the same time. Those on one target go one after the other.
const AT_ONCE: usize = 16;

/// A command that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    tenant_id: TenantId,
    command_id: Uuid,
    reactor: &'static str,
    step: &'static str,
    command: &'static str,
    position: Position,
    event_id: EventId,
    code: String,
    message: String,
}

/// A reactor that carries out through `decisions` what it asks for.
pub fn reactor<R: Reactor>(decisions: Decisions) -> Box<dyn Follower> {
    Box::new(Reacting::<R> { decisions, of: PhantomData })
}

struct Reacting<R> {
    decisions: Decisions,
    of: PhantomData<fn() -> R>,
}

/// A command with the event that it follows from.
struct Asked<C> {
    reaction: Reaction<C>,
    position: Position,
    event_id: EventId,
    correlation_id: CorrelationId,
    trace: Option<TraceParent>,
}

/// What came of one command.
enum Came {
    Done,
    Refused(Box<Refusal>),
    /// It cannot be passed: a stream holds what this build cannot read.
    Stop(Position, String),
    /// Later.
    Halt(String),
}

impl<R: Reactor> Follower for Reacting<R> {
    fn name(&self) -> String {
        R::NAME.to_owned()
    }

    fn start(&self) -> Start {
        R::START
    }

    fn categories(&self) -> Vec<&'static str> {
        R::Event::categories()
    }

    fn act(&self, events: Vec<Event>) -> BoxFuture<'_, Result<Led, Halt>> {
        self.react(events).boxed()
    }
}

impl<R: Reactor> Reacting<R> {
    async fn react(&self, events: Vec<Event>) -> Result<Led, Halt> {
        let Decoded { events, stop } = decode::<R::Event>(&events);
        let mut led = Led { stop, ..Led::default() };
        let mut asked = Vec::new();
        for event in &events {
            match reactions::<R>(event) {
                Ok(more) => asked.extend(more),
                Err(panic) => {
                    led.stop = Some((event.position, panic));
                    break;
                }
            }
        }
        let came: Vec<Came> = stream::iter(by_target(asked))
            .map(|same| async move {
                let mut came = Vec::with_capacity(same.len());
                for asked in &same {
                    came.push(self.carry_out(asked).await);
                }
                stream::iter(came)
            })
            .buffer_unordered(AT_ONCE)
            .flatten()
            .collect()
            .await;
        for came in came {
            match came {
                Came::Done => {}
                Came::Refused(refusal) => led.refusals.push(*refusal),
                Came::Stop(position, error) => {
                    if led.stop.as_ref().is_none_or(|(known, _)| position < *known) {
                        led.stop = Some((position, error));
                    }
                }
                Came::Halt(reason) => return Err(Halt(reason)),
            }
        }
        if let Some((position, _)) = &led.stop {
            // What comes after is asked for again when this is mended.
            led.refusals.retain(|refusal| refusal.position < *position);
        }
        Ok(led)
    }

    async fn carry_out(&self, asked: &Asked<R::Command>) -> Came {
        let Reaction { step, tenant_id, target, command } = &asked.reaction;
        let command_id = command_id(R::NAME, asked.event_id, step);
        let internal = InternalCommand::new(*tenant_id, *target, command_id).caused_by(
            asked.event_id,
            asked.correlation_id,
            asked.trace,
        );
        let (code, message) = match self.decisions.carry_out_internal(command, &internal).await {
            Ok(_) => return Came::Done,
            Err(refused) => match sort::<R::Command>(refused, asked.position) {
                Ok(refusal) => refusal,
                Err(came) => return came,
            },
        };
        tracing::warn!(
            reactor = R::NAME,
            step,
            command = R::Command::NAME,
            position = asked.position.0,
            code,
            message,
            "a reactor's command was refused"
        );
        Came::Refused(Box::new(Refusal {
            tenant_id: *tenant_id,
            command_id: command_id.0,
            reactor: R::NAME,
            step,
            command: R::Command::NAME,
            position: asked.position,
            event_id: asked.event_id,
            code,
            message,
        }))
    }
}

/// A refusal with code and message, or what else came of the command.
fn sort<C: Command>(refused: RefusedOf<C>, at: Position) -> Result<(String, String), Came> {
    match refused {
        Refused::Rejected(rejection) => Ok((rejection.code().to_owned(), rejection.to_string())),
        Refused::Append(error @ AppendError::Reserved { .. }) => Ok(("name_taken".to_owned(), error.to_string())),
        Refused::Append(error @ AppendError::KeyReused) => Ok(("idempotency_key_reused".to_owned(), error.to_string())),
        Refused::Version(version) => Ok(("version_mismatch".to_owned(), format!("the version is {version}"))),
        Refused::Load(error @ LoadError::Decode { .. }) => Err(Came::Stop(at, chain(&error))),
        Refused::Load(error @ LoadError::Read(_)) => Err(Came::Halt(chain(&error))),
        Refused::Append(error) => Err(Came::Halt(chain(&error))),
        Refused::Read(error) => Err(Came::Halt(chain(&error))),
        Refused::Vault(error @ VaultError::Erased(_)) => Ok(("subject_erased".to_owned(), error.to_string())),
        Refused::Vault(error) => Err(Came::Halt(chain(&error))),
    }
}

/// What a reactor asks for, or what its panic said.
fn reactions<R: Reactor>(event: &Recorded<R::Event>) -> Result<Vec<Asked<R::Command>>, String> {
    let reactions = catch_unwind(AssertUnwindSafe(|| R::react(event))).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        format!("the reactor panicked: {}", said.unwrap_or_else(|| "without a message".to_owned()))
    })?;
    let asked = reactions.into_iter().map(|reaction| Asked {
        reaction,
        position: event.position,
        event_id: event.event_id,
        correlation_id: event.correlation_id,
        trace: event.trace,
    });
    Ok(asked.collect())
}

/// Commands on the same target, in order.
fn by_target<C>(asked: Vec<Asked<C>>) -> Vec<Vec<Asked<C>>> {
    let mut groups: Vec<Vec<Asked<C>>> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for one in asked {
        let place = *places.entry((one.reaction.tenant_id, one.reaction.target)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Keeps refusals for operators.
pub(crate) async fn record(connection: &mut PgConnection, refusals: &[Refusal]) -> Result<(), sqlx::Error> {
    for refusal in refusals {
        query(
            "insert into effects.refusals (tenant_id, command_id, reactor, step, command, position, event_id, code, message) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (tenant_id, command_id) do nothing",
        )
        .bind(refusal.tenant_id.0)
        .bind(refusal.command_id)
        .bind(refusal.reactor)
        .bind(refusal.step)
        .bind(refusal.command)
        .bind(refusal.position.0)
        .bind(refusal.event_id.0)
        .bind(&refusal.code)
        .bind(&refusal.message)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
