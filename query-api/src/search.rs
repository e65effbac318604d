//! Words that people type, and the rows that hold them. See `docs/adr/0030-search-behind-the-wall.md`.

use crate::parameters::invalid;
use crate::reading::{Services, timed};
use event_store::tenant;
use kernel::{ReadModel, TenantId};
use platform::Problem;
use platform::request_log::RequestLog;
use projector::ddl;
use sqlx::Row;
use uuid::Uuid;

/// The parameter.
pub(crate) const PARAMETER: &str = "q";
/// Longest question.
const LONGEST: usize = 200;
/// So many rows are looked up by their ids. Where more hold the words, a page of them is found sooner by walking the list
/// in its order and looking at each row.
const FEW: usize = 20_000;

/// What holds the words.
pub(crate) enum Found {
    /// These rows.
    Few(Vec<Uuid>),
    /// Too many to name them: this condition on table `t` tells, with the words in place of `{}`.
    Many(String),
}

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
    /// The texts, as the index names them.
    texts: &'static [&'static str],
}

impl Searched {
    /// By the read model's index over words.
    pub(crate) const fn by<M: ReadModel>() -> Self {
        let (mut nth, mut texts): (usize, &[&str]) = (0, &[]);
        while nth < M::TABLE.indexes.len() {
            if M::TABLE.indexes[nth].columns[0].as_bytes()[0] == b'~' {
                texts = M::TABLE.indexes[nth].columns;
            }
            nth += 1;
        }
        Self { model: M::NAME, id: M::TABLE.columns[0].name, texts }
    }

    /// Whether rows of this read model about the thing of row `t` hold the words, which stand in place of `{}`.
    fn condition(&self, key: &str) -> String {
        format!(
            "exists (select from read.{} s where s.tenant_id = t.tenant_id and s.{} = t.{key} and {} @@ search.words({{}}))",
            ddl::view_name(self.model),
            self.id,
            ddl::document(self.texts, "s.").unwrap_or_default()
        )
    }
}

/// The things of one tenant that hold the words, in any of the read models. `key` is the column of the list that names them.
pub(crate) async fn found(
    services: &Services,
    tenant_id: TenantId,
    searched: &[Searched],
    key: &str,
    typed: &str,
    log: &RequestLog,
) -> Result<Found, Problem> {
    let mut found = Vec::new();
    for one in searched {
        found.extend(ids(services, tenant_id, *one, typed, FEW + 1, false, log).await?);
        if found.len() > FEW {
            let any: Vec<String> = searched.iter().map(|one| one.condition(key)).collect();
            return Ok(Found::Many(format!("({})", any.join(" or "))));
        }
    }
    Ok(Found::Few(found))
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
    let texts: Vec<&str> = searched.texts.iter().map(|column| column.trim_start_matches('~')).collect();
    let query = tenant::query(tenant_id, "select search.found($2, $3, $4, $5, $6, $7) as ids")
        .bind(ddl::view_name(searched.model))
        .bind(searched.id)
        .bind(texts)
        .bind(typed)
        .bind(i32::try_from(most).unwrap_or(i32::MAX))
        .bind(best);
    Ok(timed(log, query.fetch_one(&services.pool)).await?.get(0))
}
