//! How far each stream is while the log is read: by its events, and by what `log.streams` says of it.

use super::Divergence;
use crate::copy::Link;
use crate::log::ReadError;
use futures_util::TryStreamExt;
use sqlx::{PgPool, Row, query};
use std::collections::HashMap;
use uuid::Uuid;

/// Streams of `log.streams` that are compared in one statement.
const PAGE: i64 = 5_000;

/// A stream by a hash of its name: of the billions of pairs in a log no two meet.
type Key = u128;

#[derive(Clone, Copy)]
struct Known {
    /// The version of its last event so far.
    last: i32,
    /// What `log.streams` said at some moment after that event; none: no such stream.
    recorded: Option<i32>,
}

/// The streams that were met lately, or all of them where they fit.
pub(crate) struct Streams {
    pool: PgPool,
    known: HashMap<Key, Known>,
    limit: usize,
    /// Whether a stream that is not here has had no event.
    complete: bool,
}

impl Streams {
    /// `from_the_beginning`: the first event of the log comes next, and everything before is here.
    pub(crate) async fn new(pool: PgPool, limit: usize, from_the_beginning: bool) -> Result<Self, ReadError> {
        let mut streams = Self { pool, known: HashMap::new(), limit: limit.max(1), complete: from_the_beginning };
        if from_the_beginning {
            streams.load().await?;
        }
        Ok(streams)
    }

    /// All that `log.streams` knows, if that is not too much.
    async fn load(&mut self) -> Result<(), ReadError> {
        let pool = self.pool.clone();
        let mut rows = query("select tenant_id, stream_id, category, version from log.streams").fetch(&pool);
        while let Some(row) = rows.try_next().await? {
            if self.known.len() >= self.limit {
                self.known.clear();
                self.complete = false;
                break;
            }
            let key = key(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            self.known.insert(key, Known { last: 0, recorded: Some(row.try_get(3)?) });
        }
        Ok(())
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Makes known whatever the events need: what was there before them, and what is recorded.
    pub(crate) async fn prepare(&mut self, events: &[Link]) -> Result<(), ReadError> {
        if self.known.len() + events.len() > self.limit.saturating_mul(2) {
            self.known.clear();
            self.complete = false;
        }
        let mut first: HashMap<Key, &Link> = HashMap::new();
        for event in events {
            let key = key(event.tenant_id, event.stream_id, &event.category);
            // What was recorded when it was last asked may have been before this event.
            if self.known.get(&key).is_none_or(|known| known.recorded.is_none_or(|recorded| recorded < event.version)) {
                first.entry(key).or_insert(event);
            }
        }
        if first.is_empty() {
            return Ok(());
        }
        let (keys, events): (Vec<Key>, Vec<&Link>) = first.into_iter().unzip();
        let before = if self.complete {
            "0"
        } else {
            "coalesce((select max(e.version) from log.events e where e.tenant_id = u.t and e.stream_id = u.s \
             and e.category = u.c and e.position < u.p), 0)"
        };
        let sql = format!(
            "select u.n, s.version, {before} from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) \
             with ordinality as u(t, s, c, p, n) left join log.streams s \
             on s.tenant_id = u.t and s.stream_id = u.s and s.category = u.c"
        );
        let rows = query(sqlx::AssertSqlSafe(sql))
            .bind(events.iter().map(|event| event.tenant_id).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.stream_id).collect::<Vec<_>>())
            .bind(events.iter().map(|event| &*event.category).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.position).collect::<Vec<_>>())
            .fetch_all(&self.pool)
            .await?;
        for row in rows {
            // `with ordinality` counts from 1.
            let index = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
            let (recorded, last) = (row.try_get(1)?, row.try_get(2)?);
            self.known.entry(keys[index]).or_insert(Known { last, recorded }).recorded = recorded;
        }
        Ok(())
    }

    /// Takes an event of a stream that is prepared. `trusted`: what came before it may be out of reach.
    pub(crate) fn take(&mut self, event: &Link, trusted: bool) -> Option<Divergence> {
        let known = self.known.get_mut(&key(event.tenant_id, event.stream_id, &event.category))?;
        let wrong = |field: &str, expected: String, found: String| {
            Some(Divergence::of_log(event.position, said(event), field, expected, found))
        };
        let Some(recorded) = known.recorded else {
            return wrong("stream", "a row in log.streams".to_owned(), "none".to_owned());
        };
        let out_of_reach = trusted && known.last == 0;
        if event.version != known.last + 1 && !out_of_reach {
            return wrong("version", (known.last + 1).to_string(), event.version.to_string());
        }
        if recorded < event.version {
            return wrong("log.streams.version", format!("{} or more", event.version), recorded.to_string());
        }
        known.last = event.version;
        None
    }

    /// Every stream in `log.streams` stands at the version of its last event.
    pub(crate) async fn finish(&self, pace: &mut super::Pace) -> Result<Option<Divergence>, ReadError> {
        if self.complete && self.known.values().all(|known| known.recorded == Some(known.last)) {
            return Ok(None);
        }
        // Some have been written meanwhile, or something is wrong with them: each is asked for, with its last event.
        let mut after: Option<(Uuid, Uuid, String)> = None;
        loop {
            let (tenant, stream, category) = after.clone().unwrap_or_default();
            let rows = query(
                "select s.tenant_id, s.stream_id, s.category, s.version, \
                 (select max(e.version) from log.events e where e.tenant_id = s.tenant_id and e.stream_id = s.stream_id \
                 and e.category = s.category), log.cold_up_to() \
                 from (select * from log.streams where $1 or (tenant_id, stream_id, category) > ($2, $3, $4) \
                 order by tenant_id, stream_id, category limit $5) s order by 1, 2, 3",
            )
            .bind(after.is_none())
            .bind(tenant)
            .bind(stream)
            .bind(category)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
            for row in &rows {
                let (recorded, last, cold): (i32, Option<i32>, i64) =
                    (row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
                if last == Some(recorded) || (last.is_none() && cold > 0) {
                    continue;
                }
                let subject = format!("{} {}", row.try_get::<&str, _>(2)?, row.try_get::<Uuid, _>(1)?);
                let last = last.map_or_else(|| "0 (it has no event)".to_owned(), |last| last.to_string());
                return Ok(Some(Divergence::of_log(None, subject, "log.streams.version", last, recorded.to_string())));
            }
            let Some(last) = rows.last() else { return Ok(None) };
            after = Some((last.try_get(0)?, last.try_get(1)?, last.try_get(2)?));
            pace.spend(rows.len()).await;
        }
    }
}

/// `support.ticket 018f…`
pub(crate) fn said(event: &Link) -> String {
    format!("{} {}", event.category, event.stream_id)
}

fn key(tenant: Uuid, stream: Uuid, category: &str) -> Key {
    let name = category
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = |value: u128| {
        let value = value.wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645);
        value ^ (value >> 67)
    };
    mixed(mixed(mixed(stream.as_u128()) ^ tenant.as_u128()) ^ u128::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_streams_do_not_meet() {
        let ids = || (0..30).map(Uuid::from_u128);
        let keys: std::collections::HashSet<Key> = ids()
            .flat_map(|tenant| ids().flat_map(move |stream| ["a", "b", "a.b"].map(|name| key(tenant, stream, name))))
            .collect();
        assert_eq!(keys.len(), 30 * 30 * 3);
    }
}
