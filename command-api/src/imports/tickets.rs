//! From the cells of a row to a ticket: the commands that make it, each at its time.

use super::cells::{Cells, Clocks};
use super::columns::folded;
use super::file::{Flaw, RawRow};
use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::import::{ImportField, ImportProblem};
use domain::support::ticket::{
    Content, ExternalReference, Subject, TicketCategory, TicketPriority, TicketSide, TicketStatus,
};
use kernel::ActorId;

/// A ticket as a row tells it.
#[derive(Clone, Debug)]
pub(super) struct TicketPlan {
    pub(super) reference: Option<ExternalReference>,
    pub(super) customer_id: ActorId,
    pub(super) subject: Subject,
    pub(super) description: Content,
    pub(super) priority: TicketPriority,
    pub(super) category: TicketCategory,
    pub(super) tags: Tags,
    pub(super) created_at: DateTime<Utc>,
    /// What was said, in order.
    pub(super) replies: Vec<Reply>,
    /// Where it stood when, in order; the last one is where it stands.
    pub(super) moves: Vec<(DateTime<Utc>, TicketStatus)>,
}

/// Something that was said.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) at: DateTime<Utc>,
    pub(super) by: TicketSide,
    pub(super) content: Content,
}

impl TicketPlan {
    pub(super) fn status(&self) -> TicketStatus {
        self.moves.last().map_or(TicketStatus::Open, |(_, status)| *status)
    }
}

/// Whom a row names as its customer, as written.
pub(super) fn customer_of(row: &RawRow) -> Option<&str> {
    match row.cells.get(&ImportField::Customer)? {
        super::file::Cell::Text(text) => Some(text.trim()),
        super::file::Cell::Many(_) | super::file::Cell::Said(_) => None,
    }
}

/// The ticket that a row tells, or everything that is wrong with it.
pub(super) fn plan(
    row: &RawRow,
    clocks: Clocks,
    customer: impl Fn(&str) -> Option<ActorId>,
) -> Result<TicketPlan, Vec<Flaw>> {
    let mut cells = Cells::of(row, clocks);
    let reference = cells.text(ImportField::Reference);
    let named = cells.plain(ImportField::Customer);
    let named = cells.needed(ImportField::Customer, named);
    let customer_id = named.and_then(|named| {
        customer(named).or_else(|| cells.wrong(ImportField::Customer, ImportProblem::NoSuchCustomer))
    });
    let subject = cells.text(ImportField::Subject);
    let subject = cells.needed(ImportField::Subject, subject);
    let description = cells.text(ImportField::Description);
    let description = cells.needed(ImportField::Description, description);
    let priority = cells.value(ImportField::Priority).unwrap_or_default();
    let category = cells.value(ImportField::Category).unwrap_or_default();
    let tags = cells.tags();
    let created_at = cells.time(ImportField::CreatedAt);
    let created_at = cells.needed(ImportField::CreatedAt, created_at);
    let replies = replies(&mut cells, created_at);
    let moves = moves(&mut cells, created_at, &replies);
    match (customer_id, subject, description, created_at) {
        (Some(customer_id), Some(subject), Some(description), Some(created_at)) if cells.is_flawless() => {
            Ok(TicketPlan {
                reference,
                customer_id,
                subject,
                description,
                priority,
                category,
                tags,
                created_at,
                replies,
                moves,
            })
        }
        _ => Err(cells.into_flaws()),
    }
}

fn replies(cells: &mut Cells<'_>, created_at: Option<DateTime<Utc>>) -> Vec<Reply> {
    const FIELD: ImportField = ImportField::Messages;
    let mut replies = Vec::new();
    let mut last = created_at;
    for said in cells.said() {
        let Some(at) = cells.moment(FIELD, &said.at) else { return replies };
        let by = match folded(&said.by).as_str() {
            "customer" | "client" | "user" | "requester" | "demandeur" => TicketSide::Customer,
            "desk" | "agent" | "support" => TicketSide::Desk,
            _ => {
                cells.wrong::<()>(FIELD, ImportProblem::UnknownValue);
                return replies;
            }
        };
        let Ok(content) = Content::parse(&said.text.replace("\r\n", "\n")) else {
            cells.wrong::<()>(FIELD, ImportProblem::TextNotUsable);
            return replies;
        };
        if last.is_some_and(|last| at < last) {
            cells.wrong::<()>(FIELD, ImportProblem::TimeOrder);
            return replies;
        }
        last = Some(at);
        replies.push(Reply { at, by, content });
    }
    replies
}

/// Where it stood when: what the times say, and the status where they say nothing.
fn moves(
    cells: &mut Cells<'_>,
    created_at: Option<DateTime<Utc>>,
    replies: &[Reply],
) -> Vec<(DateTime<Utc>, TicketStatus)> {
    let stated: Option<TicketStatus> = cells.value(ImportField::Status);
    let (resolved_at, closed_at) = (cells.time(ImportField::ResolvedAt), cells.time(ImportField::ClosedAt));
    let Some(created_at) = created_at else { return Vec::new() };
    let status = stated.unwrap_or(match (resolved_at, closed_at) {
        (_, Some(_)) => TicketStatus::Closed,
        (Some(_), None) => TicketStatus::Resolved,
        (None, None) => TicketStatus::Open,
    });
    if closed_at.is_some() && status != TicketStatus::Closed {
        cells.wrong::<()>(ImportField::ClosedAt, ImportProblem::TimeWithoutStatus);
    }
    if resolved_at.is_some() && !matches!(status, TicketStatus::Resolved | TicketStatus::Closed) {
        cells.wrong::<()>(ImportField::ResolvedAt, ImportProblem::TimeWithoutStatus);
    }
    let last_said = replies.last().map_or(created_at, |reply| reply.at);
    let mut moves = Vec::new();
    if let Some(at) = resolved_at {
        moves.push((at, TicketStatus::Resolved));
    }
    let before = resolved_at.unwrap_or(last_said);
    if status != TicketStatus::Resolved || resolved_at.is_none() {
        moves.push((closed_at.unwrap_or(before), status));
    }
    // A customer may thank after the resolution, not before the ticket was opened.
    if resolved_at.is_some_and(|at| at < created_at) {
        cells.wrong::<()>(ImportField::ResolvedAt, ImportProblem::TimeOrder);
    } else if closed_at.is_some_and(|at| at < resolved_at.unwrap_or(created_at)) {
        cells.wrong::<()>(ImportField::ClosedAt, ImportProblem::TimeOrder);
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::super::file::{FileFormat, read};
    use super::*;
    use domain::support::import::ImportKind;
    use domain::time_zone::TimeZone;
    use uuid::Uuid;

    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));

    fn clocks() -> Clocks {
        Clocks { now: "2026-01-15T11:00:00Z".parse().unwrap(), zone: TimeZone::default() }
    }

    fn planned(format: FileFormat, text: &str) -> Vec<Result<TicketPlan, Vec<Flaw>>> {
        let file = read(ImportKind::Tickets, format, text.as_bytes()).unwrap();
        let customer = |named: &str| (named == "ada@example.com").then_some(ADA);
        file.rows.iter().map(|row| plan(row, clocks(), customer)).collect()
    }

    fn row(cells: &str) -> Result<TicketPlan, Vec<Flaw>> {
        let header = "customer;subject;description;created_at;status;resolved_at;closed_at;priority;tags\n";
        planned(FileFormat::Csv, &format!("{header}{cells}\n")).remove(0)
    }

    fn flaw(cells: &str) -> (ImportField, ImportProblem) {
        let flaws = row(cells).unwrap_err();
        assert_eq!(flaws.len(), 1, "{cells}: {flaws:?}");
        (flaws[0].0.unwrap(), flaws[0].1)
    }

    #[test]
    fn a_row_is_a_ticket_with_its_own_times() {
        let plan =
            row("ada@example.com;Imprimante;Elle brûle;31/03/2025 12:05;Fermé;;02/04/2025;Urgente;vip|paris").unwrap();
        assert_eq!((plan.customer_id, plan.priority), (ADA, TicketPriority::Urgent));
        assert_eq!(plan.created_at.to_rfc3339(), "2025-03-31T10:05:00+00:00");
        assert_eq!(plan.moves.len(), 1);
        assert_eq!(
            (plan.status(), plan.moves[0].0.to_rfc3339().as_str()),
            (TicketStatus::Closed, "2025-04-02T10:00:00+00:00")
        );
        assert_eq!(plan.tags.as_slice().len(), 2);
    }

    #[test]
    fn where_it_stands_follows_from_the_times_where_nothing_is_said() {
        let status = |cells: &str| row(cells).unwrap().status();
        assert_eq!(status("ada@example.com;Abc;d;2025-03-31"), TicketStatus::Open);
        assert_eq!(status("ada@example.com;Abc;d;2025-03-31;;2025-04-01"), TicketStatus::Resolved);
        assert_eq!(status("ada@example.com;Abc;d;2025-03-31;;2025-04-01;2025-04-02"), TicketStatus::Closed);
        assert_eq!(status("ada@example.com;Abc;d;2025-03-31;WAITING_CUSTOMER"), TicketStatus::WaitingCustomer);
        let both = row("ada@example.com;Abc;d;2025-03-31;closed;2025-04-01;2025-04-02").unwrap();
        assert_eq!(
            both.moves.iter().map(|(_, to)| *to).collect::<Vec<_>>(),
            [TicketStatus::Resolved, TicketStatus::Closed]
        );
    }

    #[test]
    fn each_thing_that_is_wrong_is_named() {
        use {ImportField as F, ImportProblem as P};
        assert_eq!(flaw("eve@example.com;Abc;d;2025-03-31"), (F::Customer, P::NoSuchCustomer));
        assert_eq!(flaw(";Abc;d;2025-03-31"), (F::Customer, P::Missing));
        assert_eq!(flaw("ada@example.com;Ab;d;2025-03-31"), (F::Subject, P::TextNotUsable));
        assert_eq!(flaw("ada@example.com;Abc;;2025-03-31"), (F::Description, P::Missing));
        assert_eq!(flaw("ada@example.com;Abc;d;soon"), (F::CreatedAt, P::TimeNotReadable));
        assert_eq!(flaw("ada@example.com;Abc;d;2027-01-01"), (F::CreatedAt, P::TimeOutOfRange));
        assert_eq!(flaw("ada@example.com;Abc;d;1999-01-01"), (F::CreatedAt, P::TimeOutOfRange));
        assert_eq!(flaw("ada@example.com;Abc;d;2025-03-31;lost"), (F::Status, P::UnknownValue));
        assert_eq!(flaw("ada@example.com;Abc;d;2025-03-31;open;2025-04-01"), (F::ResolvedAt, P::TimeWithoutStatus));
        assert_eq!(flaw("ada@example.com;Abc;d;2025-03-31;resolved;2025-03-01"), (F::ResolvedAt, P::TimeOrder));
        assert_eq!(flaw("ada@example.com;Abc;d;2025-03-31;closed;2025-04-03;2025-04-02"), (F::ClosedAt, P::TimeOrder));
        let all = row(";;;").unwrap_err();
        assert_eq!(all.len(), 4, "{all:?}");
    }

    #[test]
    fn what_was_said_is_in_order_and_by_somebody() {
        let line = |messages: &str| {
            let text = format!(
                "{{\"email\":\"ada@example.com\",\"subject\":\"Abc\",\"description\":\"d\",\"created_at\":\"2025-03-31T10:00:00Z\",\
                 \"tags\":[\"a, b\"],\"messages\":{messages}}}"
            );
            planned(FileFormat::Ndjson, &text).remove(0)
        };
        let said = r#"[{"at":"2025-03-31T10:05:00Z","by":"agent","text":"Hello"},{"at":"2025-03-31T10:06:00Z","by":"Client","text":"Merci"}]"#;
        let plan = line(said).unwrap();
        assert_eq!(
            plan.replies.iter().map(|reply| reply.by).collect::<Vec<_>>(),
            [TicketSide::Desk, TicketSide::Customer]
        );
        assert_eq!(plan.tags.as_slice().len(), 1, "a keyword of a list is one keyword");
        for (messages, problem) in [
            (r#"[{"at":"2025-03-31T09:00:00Z","by":"agent","text":"Hello"}]"#, ImportProblem::TimeOrder),
            (r#"[{"at":"2025-03-31T11:00:00Z","by":"bot","text":"Hello"}]"#, ImportProblem::UnknownValue),
            (r#"[{"at":"2025-03-31T11:00:00Z","by":"agent","text":" "}]"#, ImportProblem::TextNotUsable),
            (r#"[{"at":"2025-03-31T11:00:00Z","by":"agent"}]"#, ImportProblem::NotReadable),
            (r#"{"at":"now"}"#, ImportProblem::NotReadable),
        ] {
            assert_eq!(line(messages).unwrap_err()[0], (Some(ImportField::Messages), problem), "{messages}");
        }
    }
}
