//! The tickets of a busy desk: many, by many customers, in words that are as often or as rare as people's.

use super::cases::{Stream, Telling, World, refused};
use super::copy::Writer;
use super::{SETTLE, next_dice};
use crate::Failure;
use crate::identity::{STUDIO, TENANT};
use crate::servers::Database;
use domain::support::sla_policy::SlaPolicy;
use domain::support::ticket::{
    ChangeTicketStatus, Content, OpenTicket, ReplyToTicket, Subject, Tags, Ticket, TicketCategory, TicketPriority,
    TicketStatus,
};
use kernel::{ActorId, Command, Labelled as _, SubjectId, ids};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Who asks.
pub(crate) const CUSTOMERS: u64 = 20_000;
/// Words that occur at all. The nth is about n times as rare as the first.
const WORDS: u64 = 20_000;
/// Of what made-up words are made.
const SYLLABLES: [&str; 24] = [
    "ba", "chi", "dor", "fa", "gre", "lu", "mi", "nou", "pa", "quet", "ri", "so", "tan", "ve", "zo", "bel", "cor",
    "dé", "fin", "gal", "mon", "per", "sal", "tour",
];

/// A customer of the desk.
pub(crate) fn customer(nth: u64) -> Uuid {
    ids::derived(STUDIO, &format!("customer {}", nth % CUSTOMERS))
}

/// The word of this rank, 0 being the most frequent.
pub(crate) fn word(rank: u64) -> String {
    let (mut rest, mut word) = (rank + 24, String::new());
    while rest > 0 {
        word.push_str(SYLLABLES[usize::try_from(rest % 24).unwrap_or_default()]);
        rest /= 24;
    }
    word
}

/// Fills an empty log with so many tickets, each with up to three replies; two thirds are resolved. Gives the last position.
pub(crate) async fn fill(database: &Database, tickets: i64) -> Result<i64, Failure> {
    let mut connection = PgConnection::connect(&database.url).await?;
    let mut writer = Writer::begin(&mut connection).await?;
    let vault = database.vault().await?;
    let customers: Vec<SubjectId> = (0..CUSTOMERS).map(|nth| SubjectId(customer(nth))).collect();
    for some in customers.chunks(1_000) {
        vault.ring(TENANT, &some.iter().copied().collect()).await?;
    }
    let mut world = World::new(Some(vault));
    for _ in 0..tickets {
        let mut desk = Desk { telling: Telling::of(&mut world, writer.buffer()) };
        desk.ticket()?;
        writer.flush_if_full().await?;
    }
    writer.finish().await?;
    sqlx::raw_sql(SETTLE).execute(&mut connection).await?;
    connection.close().await?;
    Ok(world.position())
}

struct Desk<'a> {
    telling: Telling<'a>,
}

impl Desk<'_> {
    fn ticket(&mut self) -> Result<(), Failure> {
        let dice = self.dice();
        let customer = customer(dice >> 8);
        let mut ticket = Stream::<Ticket>::new(Uuid::now_v7());
        let (subject, description) = (self.text(6), self.text(25));
        let open = OpenTicket {
            subject: Subject::parse(&subject)?.into(),
            description: Content::parse(&description)?.into(),
            priority: TicketPriority::ALL[pick(dice >> 32, TicketPriority::ALL.len())],
            category: TicketCategory::ALL[pick(dice >> 40, TicketCategory::ALL.len())],
            tags: Tags::parse([word(dice % 300).as_str()])?,
            customer_id: None,
        };
        let policy = SlaPolicy::default();
        let cx = self.telling.as_customer(customer, ticket.id);
        let decided = open.decide((&ticket.state, &policy), &cx).map_err(|rejection| refused(&rejection))?;
        let number = self.telling.number();
        self.telling.tell(&mut ticket, &cx, Some(number), &decided.events)?;
        for reply in 0..dice % 4 {
            let text = self.text(20);
            let cx = if reply % 2 == 0 {
                self.telling.as_agent(ticket.id)
            } else {
                self.telling.as_customer(customer, ticket.id)
            };
            let reply = ReplyToTicket { content: Content::parse(&text)?.into(), reopen: false };
            let decided = reply.decide(&ticket.state, &cx).map_err(|rejection| refused(&rejection))?;
            self.telling.tell(&mut ticket, &cx, None, &decided.events)?;
        }
        if dice.is_multiple_of(5) {
            let cx = self.telling.as_agent(ticket.id);
            let events = ticket.state.assigned_to(ActorId(STUDIO), true).map_err(|rejection| refused(&rejection))?;
            self.telling.tell(&mut ticket, &cx, None, &events)?;
        }
        if !dice.is_multiple_of(3) {
            let cx = self.telling.as_agent(ticket.id);
            let resolve = ChangeTicketStatus { status: TicketStatus::Resolved, reason: None };
            let decided = resolve.decide((&ticket.state, &policy), &cx).map_err(|rejection| refused(&rejection))?;
            self.telling.tell(&mut ticket, &cx, None, &decided.events)?;
        }
        Ok(())
    }

    fn dice(&mut self) -> u64 {
        next_dice(self.telling.seed())
    }

    /// So many words, the frequent ones often (Zipf's law, by its inverse).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranks are small"
    )]
    fn text(&mut self, words: usize) -> String {
        let mut text = String::new();
        for _ in 0..words {
            let share = (self.dice() >> 11) as f64 / (1_u64 << 53) as f64;
            let rank = (WORDS as f64).powf(share) - 1.0;
            text.push_str(&word(rank as u64));
            text.push(' ');
        }
        text.truncate(text.trim_end().len());
        text
    }
}

fn pick(dice: u64, of: usize) -> usize {
    usize::try_from(dice & 0xff).unwrap_or_default() % of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_differ() {
        let words: std::collections::HashSet<String> = (0..WORDS).map(word).collect();
        assert_eq!(words.len(), usize::try_from(WORDS).unwrap());
    }
}
