//! What could be archived, and what speaks against it.

use crate::failure::Failure;
use crate::operator::Opened;
use crate::terminal::{print, table};
use event_store::archive::Stretch;
use event_store::{Log, archive};
use kernel::Position;
use sqlx::{PgPool, Row as _};

/// The stretches that are to go, oldest first: whole ones, all of which lies at or before `up_to`.
pub(super) async fn stretches(owner: &PgPool, up_to: Position) -> Result<Vec<Stretch>, Failure> {
    let all = archive::stretches(owner).await.map_err(|error| unknown("the partitions of the log", error))?;
    Ok(all.into_iter().take_while(|stretch| stretch.last <= up_to).collect())
}

/// Who would miss the events up to a position: everybody who follows the log stands at a later one. The event where they
/// stand must stay, too: by it they know that the log is still the one they have read.
pub(super) async fn refuse_what_is_needed(owner: &PgPool, last: Position) -> Result<(), Failure> {
    let needed = sqlx::query(
        "select 'read model ' || name || ', generation ' || generation, position \
         from projection.checkpoints join projection.projections using (name, generation) where state <> 'retired' \
         union all select 'parked stream ' || category || ' ' || stream_id || ' of read model ' || name, position - 1 \
         from projection.parked \
         union all select 'follower ' || name, position from effects.followers \
         union all select 'what takes tokens back', position from secrets.followed \
         union all select 'the index of events', position + 1 from analysis.progress \
         union all select 'the log itself', position from log.head order by 2, 1",
    );
    let needed = needed.fetch_all(owner).await.map_err(|error| unknown("who follows the log", error))?;
    let mut blocking = Vec::new();
    for row in needed {
        let (who, at): (String, i64) = (row.get(0), row.get(1));
        if at <= last.0 {
            blocking.push(format!("{who} stands at {at}"));
        }
    }
    if blocking.is_empty() {
        return Ok(());
    }
    let more = if blocking.len() > 5 { format!(" and {} more", blocking.len() - 5) } else { String::new() };
    blocking.truncate(5);
    Err(Failure::failed(format!("the events up to position {last} are still needed: {}{more}", blocking.join("; ")))
        .remedy("Let them catch up, resume what is parked, retire what is no longer used; then try again."))
}

/// Prints what would go, and what it would mean.
pub(super) async fn print_plan(opened: &Opened, stretches: &[Stretch]) -> Result<(), Failure> {
    let log = opened.log();
    let mut rows = Vec::new();
    for stretch in stretches {
        opened.progress.say(&format!("looking at {} to {}", stretch.first, stretch.last));
        let (streams, go_on) =
            cut(&log, stretch).await.map_err(|error| unknown("the streams of a partition", error))?;
        rows.push([
            stretch.first.to_string(),
            stretch.last.to_string(),
            (stretch.last.0 - stretch.first.0 + 1).to_string(),
            format!("{:.1}", mebibytes(stretch.size_bytes)),
            streams.to_string(),
            go_on.to_string(),
        ]);
    }
    print(&table(["FIRST", "LAST", "EVENTS", "MIB", "STREAMS", "GO_ON"], &rows));
    print(
        "Commands on these streams, and their detail pages as of a moment or as history, will be refused until the archive \
         comes back. GO_ON of them have later events.",
    );
    Ok(())
}

/// How many streams have events in a stretch, and how many of them go on after it.
async fn cut(log: &Log, stretch: &Stretch) -> Result<(i64, i64), sqlx::Error> {
    let mut transaction = log.pool().begin().await?;
    sqlx::query("set local statement_timeout = 0").execute(&mut *transaction).await?;
    let row = sqlx::query(
        "select count(*), count(*) filter (where s.version > a.version) from (select tenant_id, stream_id, category, \
         max(version) as version from log.events where position between $1 and $2 group by 1, 2, 3) a \
         join log.streams s using (tenant_id, stream_id, category)",
    )
    .bind(stretch.first.0)
    .bind(stretch.last.0)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.rollback().await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
pub(super) fn mebibytes(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn unknown(what: &str, error: sqlx::Error) -> Failure {
    Failure::failed(format!("{what} cannot be read")).because(error)
}
