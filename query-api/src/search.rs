//! Words that people type, and the rows that hold them. See `docs/adr/0030-search-behind-the-wall.md`.

use crate::parameters::invalid;
use crate::reading::{Services, timed};
use event_store::tenant;
use kernel::{ReadModel, TenantId};
use platform::Problem;
use platform::request_log::RequestLog;
use projector::ddl::{self, WORDS};
use sqlx::Row;
use uuid::Uuid;

/// The parameter.
pub(crate) const PARAMETER: &str = "q";
/// Longest question.
const LONGEST: usize = 200;
/// So many rows of a list are looked at, in its order, before the index is asked. Where the words are common, a page is full
/// by then, or the next ones fill it; where they are rare, the index has few to name, and this was nearly for nothing.
pub(crate) const NEAR: i64 = 500;
/// So many, where the first ones say that a page will be full by then.
pub(crate) const FAR: i64 = 3_000;
/// So many rows are looked up by their ids. Where more hold the words, and hardly any of those that were looked at, the
/// whole list is walked.
const FEW: usize = 20_000;

/// Checks what was typed.
pub(crate) fn typed(text: String) -> Result<String, Problem> {
    if text.trim().is_empty() || text.chars().count() > LONGEST {
        return Err(invalid(PARAMETER).detail(format!("expected 1 to {LONGEST} characters of words to look for")));
    }
    Ok(text)
}

/// A read model whose rows say which things hold the words.
#[derive(Clone, Copy)]
pub(crate) struct Searched {
    /// `support.tickets`.
    pub(crate) model: &'static str,
    /// The column that names the thing: the first of the key.
    id: &'static str,
}

impl Searched {
    /// By the read model's index over words.
    pub(crate) const fn by<M: ReadModel>() -> Self {
        Self { model: M::NAME, id: M::TABLE.columns[0].name }
    }
}

/// Whether the thing of row `t` holds the words in any of the read models. `list` is the read model of the row, `key` the
/// column that names the thing, `words` an expression for what was typed.
pub(crate) fn condition(searched: &[Searched], list: &str, key: &str, words: &str) -> String {
    // Asked once, not for every row.
    let words = format!("{WORDS} @@ (select search.words({words}))");
    let holds = |one: &Searched| {
        if one.model == list {
            return format!("t.{words}");
        }
        format!(
            "exists (select from read.{} s where s.tenant_id = t.tenant_id and s.{} = t.{key} and s.{words})",
            ddl::view_name(one.model),
            one.id
        )
    };
    let any: Vec<String> = searched.iter().map(holds).collect();
    format!("({})", any.join(" or "))
}

/// The things of one tenant that hold the words, in any of the read models; `None` where they are too many to name them.
pub(crate) async fn few(
    services: &Services,
    tenant_id: TenantId,
    searched: &[Searched],
    typed: &str,
    log: &RequestLog,
) -> Result<Option<Vec<Uuid>>, Problem> {
    let mut found = Vec::new();
    for one in searched {
        found.extend(ids(services, tenant_id, *one, typed, FEW + 1, false, log).await?);
        if found.len() > FEW {
            return Ok(None);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(Some(found))
}

/// The rows of one tenant that hold the words best, the best first.
pub(crate) async fn best<M: ReadModel>(
    services: &Services,
    tenant_id: TenantId,
    typed: &str,
    most: usize,
    log: &RequestLog,
) -> Result<Vec<Uuid>, Problem> {
    ids(services, tenant_id, Searched::by::<M>(), typed, most, true, log).await
}

async fn ids(
    services: &Services,
    tenant_id: TenantId,
    searched: Searched,
    typed: &str,
    most: usize,
    best: bool,
    log: &RequestLog,
) -> Result<Vec<Uuid>, Problem> {
    let query = tenant::query(tenant_id, "select search.found($2, $3, $4, $5, $6) as ids")
        .bind(ddl::view_name(searched.model))
        .bind(searched.id)
        .bind(typed)
        .bind(i32::try_from(most).unwrap_or(i32::MAX))
        .bind(best);
    Ok(timed(log, query.fetch_one(&services.pool)).await?.get(0))
}
