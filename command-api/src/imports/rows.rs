//! What all rows of a file come to: a plan each, or what is wrong with it.

use super::articles::{self, ArticlePlan};
use super::cells::Clocks;
use super::file::{Cell, Flaw, RawFile, RawRow};
use super::people::customers;
use super::tickets::{self, TicketPlan};
use crate::execute::Services;
use domain::support::import::{ImportField, ImportKind, ImportProblem};
use domain::support::ticket::{ExternalReference, REFERENCE_RESERVATION, reference_index};
use kernel::{ActorId, TenantId};
use platform::Problem;
use std::collections::{BTreeSet, HashMap, HashSet};

/// What a row makes.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    Ticket(Box<TicketPlan>),
    Article(Box<ArticlePlan>),
}

/// What a row comes to.
pub(super) type Planned = Result<Plan, Vec<Flaw>>;

/// Rows that have the reference of an earlier row of the same file: only the first one is taken.
pub(super) fn doubled(file: &RawFile) -> HashSet<i32> {
    let mut seen = HashSet::new();
    let again = |row: &&RawRow| reference(row).is_some_and(|reference| !seen.insert(reference.as_str().to_lowercase()));
    file.rows.iter().filter(again).map(|row| row.row).collect()
}

fn reference(row: &RawRow) -> Option<ExternalReference> {
    match row.cells.get(&ImportField::Reference)? {
        Cell::Text(text) => ExternalReference::parse(text).ok(),
        Cell::Many(_) | Cell::Said(_) => None,
    }
}

/// What these rows come to.
pub(super) async fn planned(
    services: &Services,
    tenant_id: TenantId,
    kind: ImportKind,
    rows: &[RawRow],
    doubled: &HashSet<i32>,
    clocks: Clocks,
) -> Result<Vec<Planned>, Problem> {
    let people = match kind {
        ImportKind::Tickets => {
            let named: BTreeSet<&str> = rows.iter().filter_map(tickets::customer_of).collect();
            customers(services, tenant_id, &named).await?
        }
        ImportKind::Articles => HashMap::new(),
    };
    let one = |row: &RawRow| {
        let planned = match kind {
            ImportKind::Tickets => {
                let customer = |named: &str| -> Option<ActorId> { people.get(named).copied() };
                tickets::plan(row, clocks, customer).map(|plan| Plan::Ticket(Box::new(plan)))
            }
            ImportKind::Articles => articles::plan(row, clocks).map(|plan| Plan::Article(Box::new(plan))),
        };
        if doubled.contains(&row.row) { with(planned, reference_taken()) } else { planned }
    };
    Ok(rows.iter().map(one).collect())
}

/// The same, where what is in the tenant already is looked at too: for a preview. An import is told by the log.
pub(super) async fn compared(
    services: &Services,
    tenant_id: TenantId,
    rows: &[RawRow],
    planned: Vec<Planned>,
) -> Result<Vec<Planned>, Problem> {
    let index = |row: &RawRow| reference(row).map(|it| reference_index(services.blind(), &it).to_string());
    let indexes: Vec<Option<String>> = rows.iter().map(index).collect();
    let wanted: Vec<String> = indexes.iter().flatten().cloned().collect();
    let holders = services.holders(tenant_id, REFERENCE_RESERVATION, &wanted).await?;
    let both = planned.into_iter().zip(indexes);
    let taken = |index: Option<String>| index.is_some_and(|index| holders.contains_key(&index));
    Ok(both.map(|(planned, index)| if taken(index) { with(planned, reference_taken()) } else { planned }).collect())
}

const fn reference_taken() -> Flaw {
    (Some(ImportField::Reference), ImportProblem::ReferenceTaken)
}

fn with(planned: Planned, flaw: Flaw) -> Planned {
    let mut flaws = planned.err().unwrap_or_default();
    if !flaws.contains(&flaw) {
        flaws.push(flaw);
    }
    Err(flaws)
}
