//! What people do in three contexts, step by step, hundreds of cases at a time.

use super::copy::{self, Envelope};
use crate::Failure;
use crate::identity::{STUDIO, TENANT};
use bytes::BytesMut;
use chrono::{DateTime, TimeDelta, Utc};
use domain::field_sales::building::{Building, CreateBuilding, DoorNumber, door_id};
use domain::field_sales::door::{Door, RecordVisit};
use domain::field_sales::zone::Zone;
use domain::field_sales::zone_assignment::ZoneAssignment;
use domain::field_sales::{BuildingId, door};
use domain::messaging::conversation::{Conversation, MarkReadUpTo, MessageContent, MessageId, MessageKind};
use domain::messaging::conversation::{OpenConversation, SendMessage};
use domain::support::sla_policy::SlaPolicy;
use domain::support::ticket::{
    AddInternalNote, ChangeTicketStatus, Content, OpenTicket, ReplyToTicket, Subject, Tags, Ticket, TicketStatus, WORK,
};
use event_store::Vault;
use kernel::{
    Actor, ActorId, Aggregate, Command, CommandId, Context, Encoded, Event, Rejection, Scopes, SubjectId, personal,
};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use tokio::runtime::Handle;
use uuid::Uuid;

/// Cases that are open at a time.
const OPEN_CASES: usize = 400;
/// Cases whose people's keys are made in one go.
const CASES_AHEAD: u64 = 400;
/// What people write; event payloads come to 200 to 400 bytes.
const TEXT: &str = "The second delivery has not arrived yet, could you please look into it and tell us when we may \
    expect it?";

/// An aggregate and its stream's version.
pub(super) struct Stream<A> {
    pub(super) id: Uuid,
    version: i32,
    pub(super) state: A,
}

impl<A: Aggregate> Stream<A> {
    pub(super) fn new(id: Uuid) -> Self {
        Self { id, version: 0, state: A::default() }
    }

    fn take(&mut self, events: &[A::Event]) {
        for event in events {
            self.version += 1;
            self.state = std::mem::take(&mut self.state).evolve(event);
        }
    }
}

/// Something that people are busy with, and how many steps they have done.
enum Case {
    Ticket(Stream<Ticket>, u32),
    Talk(Stream<Conversation>, u32),
    House(Box<House>, u32),
}

struct House {
    building: Stream<Building>,
    doors: HashMap<Uuid, Stream<Door>>,
}

/// Everything that is going on.
pub(super) struct World {
    cases: Vec<Case>,
    /// Not begun yet.
    next_cases: Vec<Case>,
    seed: u64,
    position: i64,
    tickets: i64,
    begun: DateTime<Utc>,
    customers: Scopes,
    agents: Scopes,
    /// What seals; without it, what is written can be read by everybody.
    vault: Option<Vault>,
}

impl World {
    pub(super) fn new(vault: Option<Vault>) -> Self {
        Self {
            vault,
            cases: Vec::new(),
            next_cases: Vec::new(),
            seed: 0x51_11a9_e5ee_d000,
            position: 0,
            tickets: 0,
            begun: Utc::now() - TimeDelta::days(30),
            customers: Scopes::default(),
            agents: [WORK.as_str()].into_iter().collect(),
        }
    }

    /// The last position that was written.
    pub(super) const fn position(&self) -> i64 {
        self.position
    }

    /// Lets one case go a step further and writes its events, none beyond `last`.
    pub(super) fn step(&mut self, last: i64, rows: &mut BytesMut) -> Result<(), Failure> {
        let dice = super::next_dice(&mut self.seed);
        let nth = usize::try_from(dice % OPEN_CASES as u64)?;
        let case = self.begin(dice >> 32)?;
        if nth >= self.cases.len() {
            self.cases.push(case);
            return Ok(());
        }
        let mut case = std::mem::replace(&mut self.cases[nth], case);
        let mut telling = Telling { world: self, last, rows };
        let goes_on = match &mut case {
            Case::Ticket(ticket, step) => telling.ticket(ticket, next(step))?,
            Case::Talk(talk, step) => telling.talk(talk, next(step))?,
            Case::House(house, step) => telling.house(house, next(step))?,
        };
        if goes_on {
            let unused = std::mem::replace(&mut self.cases[nth], case);
            self.next_cases.push(unused);
        }
        Ok(())
    }

    /// Events are told in steps that wait for nothing; a new subject's key is the exception.
    fn encode<E: Event>(&self, event: &E) -> Result<Encoded, Failure> {
        match &self.vault {
            Some(vault) => tokio::task::block_in_place(|| Handle::current().block_on(sealed(vault, event))),
            None => Ok(kernel::specs::sealed(|| event.encode())),
        }
    }

    /// A case that nobody has begun. Keys of the people in it are made for many cases at a time: one by one each would cost a
    /// round trip.
    fn begin(&mut self, dice: u64) -> Result<Case, Failure> {
        if self.next_cases.is_empty() {
            let mut people = BTreeSet::new();
            for nth in 0..CASES_AHEAD {
                let case = Self::case(dice.wrapping_add(nth), &mut people);
                self.next_cases.push(case);
            }
            if let Some(vault) = &self.vault {
                tokio::task::block_in_place(|| Handle::current().block_on(vault.ring(TENANT, &people)))?;
            }
        }
        self.next_cases.pop().ok_or_else(|| "there are no further cases".into())
    }

    /// Of eight new cases five are tickets, two conversations, one a building.
    fn case(dice: u64, people: &mut BTreeSet<SubjectId>) -> Case {
        let id = Uuid::now_v7();
        match dice % 8 {
            0..5 => {
                people.insert(SubjectId(customer_of(id)));
                Case::Ticket(Stream::new(id), 0)
            }
            5..7 => {
                people.extend([SubjectId(customer_of(id)), SubjectId(STUDIO)]);
                Case::Talk(Stream::new(id), 0)
            }
            _ => {
                let doors = (0..20).map(|step| SubjectId(door_id(BuildingId(id), &door_number(step)).0));
                people.extend(doors);
                Case::House(Box::new(House { building: Stream::new(id), doors: HashMap::new() }), 0)
            }
        }
    }

    fn context(&self, actor: Uuid, scopes: &Scopes, target: Uuid) -> Context {
        Context {
            tenant_id: TENANT,
            actor: Actor::user(ActorId(actor)),
            scopes: scopes.clone(),
            command_id: CommandId(Uuid::now_v7()),
            target,
            now: self.begun + TimeDelta::milliseconds(self.position),
            blind: kernel::BlindIndexer::unkeyed(),
            team: kernel::Team::none(),
        }
    }
}

fn next(step: &mut u32) -> u32 {
    *step += 1;
    *step - 1
}

/// Says of a step whether there are more.
pub(super) struct Telling<'a> {
    world: &'a mut World,
    last: i64,
    rows: &'a mut BytesMut,
}

impl<'a> Telling<'a> {
    /// Without an end.
    pub(super) const fn of(world: &'a mut World, rows: &'a mut BytesMut) -> Self {
        Self { world, last: i64::MAX, rows }
    }

    pub(super) const fn seed(&mut self) -> &mut u64 {
        &mut self.world.seed
    }

    /// The number of the next ticket.
    pub(super) const fn number(&mut self) -> i64 {
        self.world.tickets += 1;
        self.world.tickets
    }

    pub(super) fn as_customer(&self, customer: Uuid, target: Uuid) -> Context {
        self.world.context(customer, &self.world.customers, target)
    }

    pub(super) fn as_agent(&self, target: Uuid) -> Context {
        self.world.context(STUDIO, &self.world.agents, target)
    }

    fn ticket(&mut self, ticket: &mut Stream<Ticket>, step: u32) -> Result<bool, Failure> {
        let customer = customer_of(ticket.id);
        let by_agent = matches!(step, 2 | 3 | 5 | 6 | 7);
        let (actor, scopes) =
            if by_agent { (STUDIO, self.world.agents.clone()) } else { (customer, self.world.customers.clone()) };
        let cx = self.world.context(actor, &scopes, ticket.id);
        let content = || Content::parse(TEXT);
        let status = |status| ChangeTicketStatus { status, reason: None };
        let (state, policy) = (&ticket.state, SlaPolicy::default());
        let decided = match step {
            0 => OpenTicket {
                subject: Subject::parse("Second delivery")?.into(),
                description: content()?.into(),
                priority: domain::support::ticket::TicketPriority::High,
                category: domain::support::ticket::TicketCategory::Technical,
                tags: Tags::parse(["delivery"])?,
                customer_id: None,
            }
            .decide((state, &policy), &cx),
            2 => state.assigned_to(ActorId(STUDIO), true).map(kernel::command::Decided::new),
            1 | 3 | 4 | 6 => ReplyToTicket { content: content()?.into(), reopen: false }.decide(state, &cx),
            5 => AddInternalNote { content: content()?.into() }.decide(state, &cx),
            7 => status(TicketStatus::Resolved).decide((state, &policy), &cx),
            _ => status(TicketStatus::Closed).decide((state, &policy), &cx),
        };
        let decided = decided.map_err(|rejection| refused(&rejection))?;
        let number = decided.counter.map(|_| self.number());
        self.tell(ticket, &cx, number, &decided.events)?;
        Ok(step < 8)
    }

    fn talk(&mut self, talk: &mut Stream<Conversation>, step: u32) -> Result<bool, Failure> {
        let client = customer_of(talk.id);
        let actor = if step.is_multiple_of(2) { client } else { STUDIO };
        let cx = self.world.context(actor, &self.world.customers.clone(), talk.id);
        let state = &talk.state;
        let decided = match step {
            0 => OpenConversation {
                client_user_id: ActorId(client),
                studio_user_id: ActorId(STUDIO),
                appointment_id: None,
                subject: None,
            }
            .decide(state, &cx),
            // Messages so far: three of four steps.
            4 | 8 | 12 | 16 => MarkReadUpTo { seq: i32::try_from(step)? * 3 / 4 }.decide(state, &cx),
            _ => SendMessage {
                message_id: MessageId(Uuid::new_v4()),
                kind: MessageKind::Text,
                content: MessageContent::parse(TEXT)?.into(),
            }
            .decide(state, &cx),
        };
        let decided = decided.map_err(|rejection| refused(&rejection))?;
        self.tell(talk, &cx, None, &decided.events)?;
        Ok(step < 16)
    }

    fn house(&mut self, house: &mut House, step: u32) -> Result<bool, Failure> {
        let House { building, doors } = house;
        let cx = self.world.context(STUDIO, &self.world.customers.clone(), building.id);
        if step == 0 {
            let create: CreateBuilding = serde_json::from_value(json!({
                "address": "12 rue de la Part-Dieu, 69003 Lyon", "floors": 4, "doors_per_floor": 5,
            }))?;
            let decided = create.decide((&building.state, &Zone::default(), &ZoneAssignment::default()), &cx);
            self.tell(building, &cx, None, &decided.map_err(|rejection| refused(&rejection))?.events.0)?;
            return Ok(true);
        }
        let outcome = match step % 5 {
            0 | 1 => door::DoorStatus::Absent,
            2 => door::DoorStatus::ReturnNeeded,
            3 => door::DoorStatus::Refused,
            _ => door::DoorStatus::Argued,
        };
        let step_number = i32::try_from(step)?;
        let door_number = door_number(step_number);
        let id = door_id(BuildingId(building.id), &door_number).0;
        let visited = doors.entry(id).or_insert_with(|| Stream::new(id));
        let visit = RecordVisit {
            door_number,
            outcome,
            comment: Some(door::Comment::parse(TEXT)?.into()),
            appointment_date: None,
            appointment_time: None,
            number_of_contracts: None,
            occurred_at: None,
        };
        let decided = visit.decide((&visited.state, &building.state), &cx).map_err(|rejection| refused(&rejection))?;
        self.tell(visited, &cx, None, &decided.events.0)?;
        Ok(step < 40)
    }

    /// Writes the events of one decision at the next positions.
    pub(super) fn tell<A: Aggregate>(
        &mut self,
        stream: &mut Stream<A>,
        cx: &Context,
        number: Option<i64>,
        events: &[A::Event],
    ) -> Result<(), Failure> {
        for (nth, event) in (0..).zip(events) {
            if self.world.position == self.last {
                return Ok(());
            }
            self.world.position += 1;
            let envelope = Envelope {
                position: self.world.position,
                at: cx.now,
                number: number.filter(|_| nth == 0),
                version: stream.version + 1 + nth,
                stream_id: stream.id,
                command_id: cx.command_id.0,
                actor_id: cx.actor_id().0,
                category: A::CATEGORY,
            };
            let encoded = self.world.encode(event)?;
            copy::put(self.rows, &envelope, &encoded)?;
        }
        stream.take(events);
        Ok(())
    }
}

/// Where the nth step of a visit leads.
fn door_number(step: i32) -> DoorNumber {
    DoorNumber::of(step % 4 + 1, step % 5 + 1)
}

/// The customer of a case, without remembering him.
fn customer_of(case: Uuid) -> Uuid {
    kernel::ids::derived(case, "customer")
}

pub(super) fn refused(rejection: &impl Rejection) -> Failure {
    format!("a step of the history is against the rules: {rejection}").into()
}

/// An event as the log has it: with personal data sealed.
pub(crate) async fn sealed<E: Event>(vault: &Vault, event: &E) -> Result<Encoded, Failure> {
    let (encoded, subjects) = personal::collecting(|| event.encode());
    if subjects.is_empty() {
        return Ok(encoded);
    }
    let ring = vault.ring(TENANT, &subjects).await?;
    Ok(personal::sealing(ring, || event.encode()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_exactly_the_events_asked_for_and_breaks_no_rule() {
        let mut world = World::new(None);
        let mut rows = BytesMut::new();
        while world.position() < 20_000 {
            world.step(20_000, &mut rows).unwrap();
        }
        assert_eq!(world.position(), 20_000);
        assert!(world.tickets > 500, "{}", world.tickets);
        assert!(rows.len() > 20_000 * 300);
    }
}
