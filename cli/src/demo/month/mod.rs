//! A month at the support desk: what some sixty customers wrote, what they were answered, and what became of it.
//!
//! It is made up from a seed and told through the public API, in the order in which it happened, each deed at its time and in the
//! name of whoever did it. Keys follow from the month: telling it again adds nothing.

mod articles;
mod chance;
mod english;
mod french;
mod hours;
mod people;
mod plan;
mod send;
mod ticket;
mod topics;

use crate::demo::users;
use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::node::Node;
use crate::terminal::Meter;
use chrono::{NaiveDate, Utc};
use domain::processes::NotifyAboutTickets;
use people::Who;
use plan::{Wanted, month};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Raised whenever the plan changes: its keys then meet no earlier telling.
const EDITION: u32 = 1;
/// How long the read models may take to be ready before it is told.
const READY_PATIENCE: Duration = Duration::from_mins(1);

/// Which month is wanted, and how it is told.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Decides over everything in it.
    pub seed: u64,
    /// How many tickets it has.
    pub tickets: u16,
    /// Its last day; today unless given.
    pub until: Option<NaiveDate>,
    /// Whether nobody is told how far it has come.
    pub quiet: bool,
}

/// A month that is being told, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Month {
    wanted: Wanted,
    edition: u32,
    /// Whether all of it was told.
    pub(crate) told: bool,
}

impl Month {
    /// The one that is wished for, nothing of which was told yet.
    pub(crate) fn of(wish: &Wish) -> Self {
        let today = Utc::now().date_naive();
        let until = wish.until.unwrap_or(today).min(today);
        Self { wanted: Wanted { seed: wish.seed, tickets: wish.tickets, until }, edition: EDITION, told: false }
    }

    /// Whether this is what is wished for.
    pub(crate) fn is_what(&self, wish: &Wish) -> bool {
        let Wanted { seed, tickets, until } = self.wanted;
        let is_so = (seed, tickets, self.edition) == (wish.seed, wish.tickets, EDITION);
        is_so && wish.until.is_none_or(|wished| wished == until)
    }

    /// Makes the people and tells the month.
    ///
    /// # Errors
    /// A deed is refused, or nobody answers.
    pub(crate) async fn tell(&self, node: &Node, key: &LocalKey, password: &str, wish: &Wish) -> Result<(), Failure> {
        let door = node.door().ok_or_else(|| Failure::failed("there is no sign-in door"))?;
        let people: Vec<users::Newcomer> = Who::newcomers().map(Who::newcomer).collect();
        users::settle_newcomers(door, password, &people).await?;
        // While read models are still being built for the first time, all would wait for each other.
        node.until_ready(READY_PATIENCE).await?;
        // What is younger would be news, and mailed to people who have nothing to do with it.
        let (things, now) = (month(&self.wanted), Utc::now() - NotifyAboutTickets::LATE);
        let deeds = things.iter().flat_map(|thing| &thing.deeds).filter(|deed| deed.at <= now).count();
        let meter = Meter::new("telling a month", "deeds", i64::try_from(deeds).unwrap_or(i64::MAX), wish.quiet);
        let Wanted { seed, tickets, until } = self.wanted;
        let prefix = format!("month-{EDITION}-{seed}-{tickets}-{until}");
        let sender = send::Sender::new(node, key, prefix)?;
        let told = sender.tell(&things, now, |done| meter.at(i64::try_from(done).unwrap_or(i64::MAX))).await;
        meter.end();
        told
    }
}
