//! What an import would do.

use super::cells::Clocks;
use super::file::{FileFormat, ImportColumn, RawFile};
use super::rows::{Plan, compared, doubled, planned};
use crate::execute::Services;
use chrono::{DateTime, Utc};
use domain::support::Tags;
use domain::support::import::{ImportField, ImportKind, ImportProblem};
use kernel::{ActorId, Labelled as _, Language};
use platform::Problem;
use platform::auth::Identity;
use serde::Serialize;
use utoipa::ToSchema;

/// Things that are wrong, told one by one.
const MOST_PROBLEMS: usize = 1_000;
/// Rows that are shown as they would be.
const SAMPLES: usize = 5;

/// What an import would do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportPreview {
    /// What is in the file.
    kind: ImportKind,
    /// How it is written.
    format: FileFormat,
    /// Its columns, and what they are taken for. Those that mean nothing are left out.
    columns: Vec<ImportColumn>,
    /// How many rows it has.
    rows: usize,
    /// How many would make something.
    usable: usize,
    /// How many would not.
    unusable: usize,
    /// What is wrong, in the order of the rows; the first thousand things.
    problems: Vec<RowProblem>,
    /// How many more are wrong.
    more_problems: usize,
    /// The first usable rows, as they would be.
    samples: Vec<ImportSample>,
}

/// Something that is wrong with a row.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowProblem {
    /// The row: 1, 2, 3, … without the header.
    row: i32,
    /// The line of the file on which it begins.
    line: i32,
    /// Which field, where it is one.
    field: Option<ImportField>,
    /// What is wrong.
    problem: ImportProblem,
    /// What to do about it.
    remedy: &'static str,
    /// The same in French.
    remedy_fr: &'static str,
}

/// A row as it would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportSample {
    /// The row.
    row: i32,
    /// What a ticket or an article is about.
    title: String,
    /// Whose ticket it would be.
    customer_id: Option<ActorId>,
    /// Where it would stand.
    status: &'static str,
    /// Its keywords.
    tags: Tags,
    /// When it was opened or written.
    created_at: DateTime<Utc>,
    /// Public messages that a ticket would have.
    message_count: usize,
}

pub(super) async fn of(
    services: &Services,
    identity: &Identity,
    kind: ImportKind,
    format: FileFormat,
    file: &RawFile,
    clocks: Clocks,
) -> Result<ImportPreview, Problem> {
    let planned = planned(services, identity.tenant_id, kind, &file.rows, &doubled(file), clocks).await?;
    let planned = compared(services, identity.tenant_id, &file.rows, planned).await?;
    let usable = planned.iter().filter(|plan| plan.is_ok()).count();
    let rows = || file.rows.iter().zip(&planned);
    let flaws = rows().flat_map(|(row, plan)| plan.as_ref().err().into_iter().flatten().map(move |flaw| (row, *flaw)));
    let all: Vec<RowProblem> = flaws
        .map(|(row, (field, problem))| RowProblem {
            row: row.row,
            line: row.line,
            field,
            problem,
            remedy: problem.label(Language::En),
            remedy_fr: problem.label(Language::Fr),
        })
        .collect();
    let more_problems = all.len().saturating_sub(MOST_PROBLEMS);
    let problems = all.into_iter().take(MOST_PROBLEMS).collect();
    let samples = rows().filter_map(|(row, plan)| Some(sample(row.row, plan.as_ref().ok()?))).take(SAMPLES).collect();
    let (rows, columns) = (file.rows.len(), file.columns.clone());
    Ok(ImportPreview { kind, format, columns, rows, usable, unusable: rows - usable, problems, more_problems, samples })
}

fn sample(row: i32, plan: &Plan) -> ImportSample {
    match plan {
        Plan::Ticket(ticket) => ImportSample {
            row,
            title: ticket.subject.to_string(),
            customer_id: Some(ticket.customer_id),
            status: ticket.status().as_str(),
            tags: ticket.tags.clone(),
            created_at: ticket.created_at,
            message_count: ticket.replies.len(),
        },
        Plan::Article(article) => ImportSample {
            row,
            title: article.draft.title.to_string(),
            customer_id: None,
            status: if article.published_at.is_some() { "published" } else { "draft" },
            tags: article.draft.tags.clone(),
            created_at: article.created_at,
            message_count: 0,
        },
    }
}
