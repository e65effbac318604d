//! Finding the events that fit a filter, a stretch at a time.

use super::filter::Filter;
use crate::log::{Log, ReadError, columns, recorded};
use crate::tenant;
use kernel::{EventData, Position, Recorded, TenantId};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Events looked at per statement where an index names them.
const BY_INDEX: i64 = 1_000;
/// Events that one command can have at most.
const MAX_COMMAND: i64 = 16_384;
/// Positions looked at per statement where nothing does.
const WINDOW: i64 = 20_000;

/// Finds events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Finder {
    of_one: Log,
    of_all: Log,
}

/// A part of what was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The events that fit, in the order of the log.
    pub events: Vec<Recorded<EventData>>,
    /// Everything that fits up to here is in `events`.
    pub reached: Position,
}

impl Finder {
    /// Reads for one tenant through a log that works in any [`crate::Role`], for all through one that works as the engine.
    pub const fn new(of_one: Log, of_all: Log) -> Self {
        Self { of_one, of_all }
    }

    /// The first `limit` events that fit, after `after` and up to `up_to`, which must be on disk. It stops earlier once
    /// `patience` is over; then [`Found::reached`] says where to go on.
    ///
    /// # Errors
    /// Postgres does not answer, or what is asked for is archived.
    pub async fn find(
        &self,
        filter: &Filter,
        after: Position,
        up_to: Position,
        limit: usize,
        patience: Duration,
    ) -> Result<Found, ReadError> {
        if after >= up_to {
            return Ok(Found { events: Vec::new(), reached: after });
        }
        let began = Instant::now();
        loop {
            let archived = self.of_one.last_archived_at().await?;
            let hot = self.hot(filter, after).await?;
            let found = self.look(filter, hot, up_to, limit, (began, patience)).await?;
            // What went away meanwhile may have been left out.
            if self.of_one.last_archived_at().await? == archived {
                return Ok(found);
            }
        }
    }

    async fn look(
        &self,
        filter: &Filter,
        after: Position,
        up_to: Position,
        limit: usize,
        (began, patience): (Instant, Duration),
    ) -> Result<Found, ReadError> {
        let mut found = Found { events: Vec::new(), reached: after };
        let indexed = self.indexed().await?;
        while found.reached < up_to {
            let candidates = self.candidates(filter, found.reached, up_to, indexed).await?;
            found.reached = candidates.reached;
            for event in candidates.events {
                // The statement has filtered already by what it has an index for; this is the rest, and a second look.
                if !filter.matches(&event) {
                    continue;
                }
                let at = event.position;
                found.events.push(event);
                if found.events.len() == limit {
                    found.reached = at;
                    return Ok(found);
                }
            }
            if began.elapsed() >= patience {
                break;
            }
        }
        Ok(found)
    }

    /// From where on the log itself can answer: an answer that leaves out what is archived would look complete.
    async fn hot(&self, filter: &Filter, after: Position) -> Result<Position, ReadError> {
        let Some(archived) = self.of_one.archived().await?.filter(|archived| after < archived.last) else {
            return Ok(after);
        };
        if !filter.is_narrow() {
            return Err(ReadError::Archived(archived));
        }
        // The index still knows what went away.
        let statement = Statement::new(Plan::Index, filter, after, archived.last);
        let went = statement
            .rows(self, |conditions| format!("select position from analysis.event_index where {conditions} limit 1"));
        if went.await?.is_empty() { Ok(archived.last) } else { Err(ReadError::Archived(archived)) }
    }

    async fn indexed(&self) -> Result<Position, ReadError> {
        let indexed = sqlx::query_scalar("select position from analysis.progress");
        Ok(Position(indexed.fetch_one(self.of_one.pool()).await?))
    }

    async fn candidates(
        &self,
        filter: &Filter,
        after: Position,
        up_to: Position,
        indexed: Position,
    ) -> Result<Found, ReadError> {
        let of_one = filter.tenant_id.is_some();
        // All tenants are known only as far as they are indexed.
        let (plan, up_to) = if filter.stream_id.is_some() && of_one {
            (Plan::Stream, up_to)
        } else if filter.stream_id.is_some() && after < indexed {
            (Plan::Stream, up_to.min(indexed))
        } else if (of_one || filter.is_narrow()) && after < indexed {
            (Plan::Index, up_to.min(indexed))
        } else {
            (Plan::Window, up_to.min(Position(after.0 + WINDOW)))
        };
        let all = concat!("select ", columns!(), " from log.events");
        let statement = Statement::new(plan, filter, after, up_to);
        let rows = statement.rows(self, |conditions| match plan {
            Plan::Stream => format!("{all} where {conditions} order by position limit {BY_INDEX}"),
            Plan::Index => format!(
                "{all} join (select position as place from analysis.event_index where {conditions} order by position \
                 limit {BY_INDEX}) as found on position = place order by position"
            ),
            Plan::Window => format!("{all} where {conditions} order by position"),
        });
        let rows = rows.await?;
        let events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
        let is_full = plan != Plan::Window && i64::try_from(rows.len()).is_ok_and(|rows| rows == BY_INDEX);
        let reached = events.last().filter(|_| is_full).map_or(up_to, |last| last.position);
        Ok(Found { events, reached })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// By the log's own index over streams.
    Stream,
    /// By the index beside the log.
    Index,
    /// All events of a stretch.
    Window,
}

enum Value {
    Number(i64),
    Id(Uuid),
    Texts(Vec<String>),
}

/// A statement being put together: every name in it is a constant of the code, every value is bound.
struct Statement {
    plan: Plan,
    tenant_id: Option<TenantId>,
    conditions: String,
    values: Vec<Value>,
}

impl Statement {
    fn new(plan: Plan, filter: &Filter, after: Position, up_to: Position) -> Self {
        let whose = match filter.tenant_id {
            Some(_) => "tenant_id = caller.tenant_id",
            None if plan != Plan::Window => "tenant_id = any(array(select tenant_id from analysis.tenants))",
            None => "true",
        };
        let conditions = whose.to_owned();
        let mut statement = Self { plan, tenant_id: filter.tenant_id, conditions, values: Vec::new() };
        statement.and("position > ", Value::Number(after.0));
        statement.and("position <= ", Value::Number(up_to.0));
        for (column, wanted) in [
            ("event_id = ", filter.event_id.map(|id| id.0)),
            ("correlation_id = ", filter.correlation_id.map(|id| id.0)),
            ("command_id = ", filter.command_id.map(|id| id.0)),
            ("actor_id = ", filter.actor_id.map(|id| id.0)),
            ("stream_id = ", filter.stream_id.filter(|_| plan != Plan::Index)),
        ] {
            if let Some(id) = wanted {
                statement.and(column, Value::Id(id));
            }
        }
        if let (Some(command_id), Some(_)) = (filter.command_id, filter.tenant_id) {
            statement.by_command(command_id.0);
        }
        if !filter.kinds.is_all() {
            statement.of_kinds(filter);
        }
        statement
    }

    fn and(&mut self, condition: &str, value: Value) {
        let parameter = self.parameter(value);
        let _ = write!(self.conditions, " and {condition}${parameter}");
    }

    /// Binds a value; the first parameter is the tenant, where there is one.
    fn parameter(&mut self, value: Value) -> usize {
        self.values.push(value);
        self.values.len() + usize::from(self.tenant_id.is_some())
    }

    /// The ledger knows where a command ended, and no command is larger than a batch. What it does not know is looked for
    /// everywhere.
    fn by_command(&mut self, command_id: Uuid) {
        let key = self.parameter(Value::Id(command_id));
        let ended = format!(
            "(select l.position from log.idempotency l where l.tenant_id = caller.tenant_id and l.key = ${key})"
        );
        let _ = write!(
            self.conditions,
            " and position > coalesce({ended} - {MAX_COMMAND}, 0) and position <= coalesce({ended}, {})",
            i64::MAX
        );
    }

    fn of_kinds(&mut self, filter: &Filter) {
        let categories = self.parameter(Value::Texts(filter.kinds.categories.clone()));
        let types = self.parameter(Value::Texts(filter.kinds.types.clone()));
        let fits = format!(
            "(cardinality(${categories}::text[]) = 0 or category = any(${categories}::text[])) and \
             (cardinality(${types}::text[]) = 0 or type = any(${types}::text[]) or category || '.' || type = any(${types}::text[]))"
        );
        let _ = match self.plan {
            Plan::Index => {
                write!(self.conditions, " and kind = any(array(select kind from analysis.kinds where {fits}))")
            }
            Plan::Stream | Plan::Window => write!(self.conditions, " and {fits}"),
        };
    }

    /// What the statement around these conditions answers.
    async fn rows(self, finder: &Finder, around: impl FnOnce(&str) -> String) -> Result<Vec<PgRow>, sqlx::Error> {
        let sql = around(&self.conditions);
        let (query, log) = match self.tenant_id {
            Some(tenant_id) => (tenant::query(tenant_id, &sql), &finder.of_one),
            None => (sqlx::query(AssertSqlSafe(sql)), &finder.of_all),
        };
        let query = self.values.into_iter().fold(query, |query, value| match value {
            Value::Number(number) => query.bind(number),
            Value::Id(id) => query.bind(id),
            Value::Texts(texts) => query.bind(texts),
        });
        query.fetch_all(log.pool()).await
    }
}
