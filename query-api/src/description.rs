//! The query API's description, made from the queries themselves.

use crate::detail::{Detail, Page};
use crate::diff::Comparison;
use crate::history::HistoryEntry;
use crate::labels::Enumeration;
use crate::list::List;
use crate::search;
use axum::http::{Method, StatusCode};
use kernel::ReadModel;
use platform::openapi::{Document, Operation, description_of};
use utoipa::openapi::OpenApi;

const ABOUT: &str = "\
Queries show things and never change them. Every answer says in `X-Position` (lists also in `as_of_position`) at which \
position of the log it holds; `min_position` waits until the answer is at least that fresh: send the `position` of a \
command's answer to see its effect. Things can be seen `as_of` any moment, and their `history` says who changed what.";

const AS_OF: &str = "A position, or an RFC 3339 time: what was known right after that.";
const AS_OF_OCCURRED: &str = "An RFC 3339 time: what had really happened by then, whenever it was recorded. With `as_of` as \
well: as far as it was known at that moment.";
const OUT_OF_ORDER: &str = "`log_diverged`: as everywhere. `occurred_out_of_order`: it cannot be shown as it occurred, since its events were recorded in \
another order.";
const ARCHIVED: &str = "`log_archived`: that part of the log, up to `archived_up_to`, is in an archive.";
const TOO_LARGE: &str = "It is made of too many events to be folded on demand.";

pub(crate) const WORDS: &str = "Only those that hold these words: in French or English, in any form and with or without \
accents; `\"in this order\"`, `-without`, `one or other`.";
const MIN_POSITION: &str = "Wait (up to 3 s) until the answer shows this position of the log: `38`, or `1.38` with \
the `X-Epoch` of the command's answer. A position that the log does not have (any more) is 409 `log_diverged`.";
const DIVERGED: &str = "`log_diverged`: the log was restored or failed over without what the caller has seen.";

pub(crate) fn operation(path: &str, id: &str) -> Operation {
    Operation::new(Method::GET, path, id)
        .query_parameter::<String>("min_position", false, MIN_POSITION)
        .problem(StatusCode::CONFLICT, DIVERGED)
        .problem(StatusCode::BAD_REQUEST, "A parameter is not known or not usable.")
        .problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "The read model or the database is behind or away: try again after Retry-After.",
        )
}

fn row_docs<M: ReadModel<Row: utoipa::ToSchema>>() -> String {
    description_of::<M::Row>().unwrap_or_default()
}

/// `GET path`: one thing.
pub(crate) fn detail<D: Detail>(path: &str) -> Operation {
    operation(path, D::NAME)
        .docs(&row_docs::<D::Model>())
        .query_parameter::<String>("as_of", false, AS_OF)
        .query_parameter::<String>("as_of_occurred", false, AS_OF_OCCURRED)
        .header_parameter::<String>("If-None-Match", false, "An earlier ETag: 304 if nothing has changed.")
        .response::<<D::Model as ReadModel>::Row>(StatusCode::OK, "As it stands.")
        .response_header::<i64>(StatusCode::OK, "X-Position", "The position at which the answer holds.")
        .response_header::<String>(
            StatusCode::OK,
            "ETag",
            "The version, for If-Match; absent where a thing is made of several streams.",
        )
        .response_empty(StatusCode::NOT_MODIFIED, "It has not changed.")
        .problem(StatusCode::NOT_FOUND, "There is no such thing, or not for this caller, or not at that moment.")
        .problem(StatusCode::CONFLICT, OUT_OF_ORDER)
        .problem(StatusCode::GONE, ARCHIVED)
        .problem(StatusCode::NOT_IMPLEMENTED, TOO_LARGE)
        .bearer(Some(D::SCOPE.as_str()))
        .reach(D::REACH)
}

/// `GET path/history`: everything that happened to it.
pub(crate) fn history<D: Detail>(path: &str) -> Operation {
    operation(path, &format!("{}_history", D::NAME))
        .docs("Everything that happened to it, the oldest first: who, what, when, and which fields changed from what to what.")
        .query_parameter::<i64>("limit", false, "Entries per page, 1 to 100.")
        .query_parameter::<String>("cursor", false, "The `next_cursor` of the page before.")
        .component::<HistoryEntry>()
        .response::<Page<HistoryEntry>>(StatusCode::OK, "A page of it.")
        .problem(StatusCode::NOT_FOUND, "There is no such thing, or not for this caller.")
        .problem(StatusCode::GONE, ARCHIVED)
        .problem(StatusCode::NOT_IMPLEMENTED, TOO_LARGE)
        .bearer(Some(D::HISTORY_SCOPE.as_str()))
        .reach(D::REACH)
}

/// `GET path/diff`: two moments of it.
pub(crate) fn diff<D: Detail>(path: &str) -> Operation {
    operation(path, &format!("{}_diff", D::NAME))
        .docs("What differs between two moments of it, field by field.")
        .query_parameter::<String>("from", false, "A position, or an RFC 3339 time; before everything unless said otherwise.")
        .query_parameter::<String>("to", false, "A position, or an RFC 3339 time; now unless said otherwise.")
        .query_parameter::<String>(
            "axis",
            false,
            "`recorded` (the default): what was known at the two moments. `occurred`: what had really happened by then; \
             both are times.",
        )
        .response::<Comparison>(StatusCode::OK, "The fields that differ.")
        .problem(StatusCode::NOT_FOUND, "There is no such thing, or not for this caller, or not at one of the moments.")
        .problem(StatusCode::CONFLICT, OUT_OF_ORDER)
        .problem(StatusCode::GONE, ARCHIVED)
        .problem(StatusCode::NOT_IMPLEMENTED, TOO_LARGE)
        .bearer(Some(D::SCOPE.as_str()))
        .reach(D::REACH)
}

/// `GET path`: many things.
pub(crate) fn list<L: List>(path: &str) -> Operation {
    let sorts = format!(
        "One of `{}`; `-` goes downwards. The first is the default. Sorted by what a row may lack, only those \
         that have it are listed.",
        L::SORTS.join("`, `")
    );
    let limit = format!("Rows per page, 1 to 100; {} unless said otherwise.", L::LIMIT);
    let searched = operation(path, L::NAME);
    let searched = if L::SEARCHED.is_empty() {
        searched
    } else {
        searched.query_parameter::<String>(search::PARAMETER, false, WORDS)
    };
    let listed = L::FILTERS
        .iter()
        .fold(searched, |operation, filter| {
            let about = format!("Only those with one of these values ({}), separated by commas.", filter.expected);
            operation.query_parameter::<String>(filter.name, false, &about)
        })
        .docs(&row_docs::<L::Model>())
        .query_parameter::<String>("sort", false, &sorts)
        .query_parameter::<i64>("limit", false, &limit)
        .query_parameter::<String>(
            "cursor",
            false,
            "The `next_cursor` of the page before, with the same sort and filters.",
        )
        .component::<<L::Model as ReadModel>::Row>()
        .response::<Page<<L::Model as ReadModel>::Row>>(StatusCode::OK, "A page of them.")
        .response_header::<String>(StatusCode::OK, "Link", "The next page, `rel=\"next\"` (RFC 8288).")
        .bearer(Some(L::SCOPE.as_str()))
        .reach(L::REACH);
    match L::PARENT {
        Some(_) => listed.problem(StatusCode::NOT_FOUND, "The id in the path is none."),
        None => listed,
    }
}

/// `GET path`: the labels.
pub(crate) fn labels(path: &str) -> Operation {
    Operation::new(Method::GET, path, "labels")
        .docs("The names of all enumerated values for people, in French and English.")
        .response::<Vec<Enumeration>>(StatusCode::OK, "All of them.")
}

/// The document over all queries.
pub(crate) fn document(operations: impl Iterator<Item = Operation>) -> OpenApi {
    let mut document = Document::new("Sillage queries", env!("CARGO_PKG_VERSION"), ABOUT);
    for operation in operations {
        document.operation(operation);
    }
    document.build()
}
