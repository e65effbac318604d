//! Personal data in answers: in clear for those who may see the row, `[erased]` once it was erased.

use crate::reading::{Services, database_problem};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use event_store::VaultError;
use event_store::vault::Opened;
use kernel::personal::{ERASED, listing, showing, shown};
use kernel::{ColumnKind, ReadModel, Sealed, Shows, TenantId};
use platform::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// The JSON of a row of table `t`, as an expression. What was erased reads `[erased]`, and is no null.
pub(crate) fn row_sql<M: ReadModel>() -> String {
    let columns: Vec<String> = M::TABLE
        .columns
        .iter()
        .map(|column| match column.kind {
            ColumnKind::Personal => format!(
                "case when t.\"{}\" is not null then coalesce(t.\"{name}\", '{ERASED}') end as \"{name}\"",
                column.stored_name(),
                name = column.name
            ),
            _ => format!("t.\"{}\"", column.name),
        })
        .collect();
    format!("(select row_to_json(shown) from (select {}) as shown)", columns.join(", "))
}

/// Reads the JSON of [`row_sql`].
pub(crate) fn read_row<R: DeserializeOwned>(text: &str) -> Result<R, Problem> {
    shown(|| serde_json::from_str(text)).map_err(|error| Problem::internal(&error))
}

/// Opens what is sealed, for an answer to somebody who may see it.
pub(crate) async fn open(
    services: &Services,
    tenant_id: TenantId,
    sealed: Vec<Sealed>,
) -> Result<Arc<dyn Shows>, Problem> {
    let Some(vault) = services.log.vault() else { return Ok(Arc::new(Opened::default())) };
    let opened = vault.opened(tenant_id, sealed).await.map_err(|error| vault_problem(&error))?;
    Ok(opened)
}

pub(crate) fn vault_problem(error: &VaultError) -> Problem {
    match error {
        VaultError::Unavailable(error) => database_problem(error),
        other => Problem::internal(other),
    }
}

/// What a row that was folded from the log is shown with.
pub(crate) async fn shows<R: Serialize>(
    services: &Services,
    tenant_id: TenantId,
    row: &R,
) -> Result<Arc<dyn Shows>, Problem> {
    let (_, sealed) = listing(|| serde_json::to_value(row));
    open(services, tenant_id, sealed).await
}

/// What rows of tables are shown with: they are clear already.
pub(crate) fn of_tables() -> Arc<dyn Shows> {
    Arc::new(Opened::default())
}

/// Rows as JSON.
pub(crate) fn value<T: Serialize>(shows: Arc<dyn Shows>, rows: &T) -> Result<Value, Problem> {
    showing(shows, || serde_json::to_value(rows)).map_err(|error| Problem::internal(&error))
}

/// An answer with rows in it.
pub(crate) fn text<T: Serialize>(shows: Arc<dyn Shows>, rows: &T) -> Result<String, Problem> {
    showing(shows, || serde_json::to_string(rows)).map_err(|error| Problem::internal(&error))
}

/// An answer of JSON.
pub(crate) fn respond(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Whether something in it may have been erased.
pub(crate) fn has_erased(text: &str) -> bool {
    text.contains(ERASED)
}

/// Replaces sealed texts by what they open to, wherever they stand: those of `sealed`, which the event's own type says are
/// personal data, and no text that only looks like one.
pub(crate) fn reveal(value: &mut Value, sealed: &HashSet<&str>, shows: &dyn Shows) {
    match value {
        Value::String(text) if sealed.contains(text.as_str()) => {
            let opened = Sealed::parse(text).ok().and_then(|sealed| shows.show(&sealed));
            *text = opened.map_or_else(|| ERASED.to_owned(), |opened| opened.as_ref().to_owned());
        }
        Value::Array(values) => values.iter_mut().for_each(|value| reveal(value, sealed, shows)),
        Value::Object(fields) => fields.values_mut().for_each(|value| reveal(value, sealed, shows)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
