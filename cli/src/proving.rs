//! The continuous verification: the log, the mirror and the read models are proved over and over, within a budget.
//!
//! One process does it at a time. How far it is is a row per part in `log.verifications`, so that a restart goes on where
//! it was and every process can tell what was found.

use crate::models::projections;
use crate::verify::REMEDY;
use clap::Args;
use event_store::verify::{Divergence, Limits, LogVerifier, Pace, verify_mirror};
use event_store::{Log, ReadError};
use kernel::Position;
use platform::admin::Check;
use projector::naive;
use sqlx::{Connection as _, PgConnection, Row as _};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Between two looks at what is new.
const PAUSE: Duration = Duration::from_secs(3);
/// A log that was proved to its end is proved again from the beginning after so long.
const AGAIN_AFTER: &str = "24 hours";
/// Events between two notes of how far it is.
const NOTE_EVERY: i64 = 50_000;
/// It works beside what people wait for: little memory.
const LOG_LIMITS: Limits = Limits { streams: 200_000, ids: 1_000_000 };
const ROW_LIMITS: naive::Limits = naive::Limits { rows: 100_000 };

/// How much a process verifies beside its work.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Verification")]
pub(crate) struct VerifyArgs {
    /// Events per second that are verified in the background, always: log, mirror and read models. 0 is none.
    #[arg(long, env = "SILLAGE_VERIFY_EVENTS_PER_SECOND", value_name = "N", default_value_t = 5_000)]
    pub(crate) verify_events_per_second: u32,
}

/// What is verified, and who is told.
pub(crate) struct Proving {
    pub(crate) log: Log,
    pub(crate) nats_url: Option<String>,
    pub(crate) events_per_second: u32,
    pub(crate) told: Told,
}

/// Who hears what was found.
#[derive(Clone)]
pub(crate) enum Told {
    /// `/readyz`, and the log of the process.
    Check(Check),
    /// A person at a terminal.
    Terminal,
}

/// Why a round came to no result; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the verification's notes")]
    Notes(#[from] sqlx::Error),
}

/// How far a part is.
#[derive(Clone, Debug)]
struct Note {
    position: Position,
    passes: u64,
    /// Whether it is time to begin again.
    is_old: bool,
    divergence: Option<Divergence>,
}

impl Proving {
    /// Verifies until told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        if self.events_per_second == 0 {
            return;
        }
        let mut running = Running {
            log: self.log,
            nats_url: self.nats_url,
            told: self.told,
            pace: Pace::new(Some(self.events_per_second)),
            lock: None,
            verifier: None,
            known: BTreeMap::new(),
        };
        loop {
            let pause = async {
                if let Err(error) = running.round().await {
                    running.lock = None;
                    running.verifier = None;
                    tracing::debug!(error = %error, "the verification tries again");
                }
                tokio::time::sleep(PAUSE).await;
            };
            if stop.run_until_cancelled(Box::pin(pause)).await.is_none() {
                return;
            }
        }
    }
}

struct Running {
    log: Log,
    nats_url: Option<String>,
    told: Told,
    pace: Pace,
    /// The session whose lock says that this process verifies.
    lock: Option<PgConnection>,
    verifier: Option<LogVerifier>,
    /// What is known to be wrong, by part.
    known: BTreeMap<String, Divergence>,
}

impl Running {
    async fn round(&mut self) -> Result<(), RoundError> {
        if self.is_the_one().await? {
            self.verify_log().await?;
            self.verify_mirror().await?;
            self.verify_a_read_model().await?;
        }
        self.tell().await
    }

    /// Whether this process is the one that verifies; another one may be.
    async fn is_the_one(&mut self) -> Result<bool, sqlx::Error> {
        if let Some(lock) = &mut self.lock
            && lock.ping().await.is_ok()
        {
            return Ok(true);
        }
        self.lock = None;
        self.verifier = None;
        let mut connection = self.log.pool().acquire().await?.detach();
        let got = sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('verify', 0))")
            .fetch_one(&mut connection)
            .await?;
        if got {
            self.lock = Some(connection);
        }
        Ok(got)
    }

    async fn verify_log(&mut self) -> Result<(), RoundError> {
        let note = self.note("log").await?;
        let head = self.log.head().await?.position;
        let begins_again = note.divergence.is_none() && note.is_old;
        if begins_again || self.verifier.is_none() {
            let from = if begins_again { Position::ZERO } else { note.position };
            let slices = head.0.unsigned_abs() / LOG_LIMITS.ids as u64 + 1;
            let passes = note.passes + u64::from(begins_again);
            self.verifier = Some(LogVerifier::start(&self.log, from, LOG_LIMITS, (passes % slices, slices)).await?);
            if begins_again {
                self.begin_again("log").await?;
            }
        }
        let Some(mut verifier) = self.verifier.take() else { return Ok(()) };
        while verifier.position() < head {
            let before = verifier.position().0;
            let window = Position(head.0.min(before + NOTE_EVERY));
            let found = verifier.read_to(window, &mut self.pace).await?;
            let read = verifier.position().0 - before;
            metrics::counter!("verify_events").increment(read.unsigned_abs());
            self.write("log", verifier.position(), found.as_ref()).await?;
            if found.is_some() {
                // Looked at again in the next round, with nothing in memory.
                return Ok(());
            }
        }
        let found = verifier.finish(&mut self.pace).await?;
        self.write("log", verifier.position(), found.as_ref()).await?;
        self.verifier = found.is_none().then_some(verifier);
        Ok(())
    }

    async fn verify_mirror(&mut self) -> Result<(), RoundError> {
        let Some(nats_url) = self.nats_url.clone() else { return Ok(()) };
        let note = self.note("mirror").await?;
        let after = if note.is_old || note.divergence.is_some() { Position::ZERO } else { note.position };
        match verify_mirror(&self.log, &nats_url, after, &mut self.pace).await {
            Ok(verified) => {
                if after == Position::ZERO {
                    self.begin_again("mirror").await?;
                }
                let reached = verified.window.map_or(after, |(_, last)| last);
                self.write("mirror", reached, verified.divergence.as_ref()).await?;
            }
            // That NATS is away is for the relay to tell.
            Err(error) => tracing::debug!(error = %error, "the mirror is not verified this time"),
        }
        Ok(())
    }

    /// The read model that was proved the longest time ago.
    async fn verify_a_read_model(&mut self) -> Result<(), RoundError> {
        let mut oldest = None;
        let status = projector::status(self.log.pool()).await?;
        for model in projections() {
            let serving = status.iter().find(|one| one.serving && one.name == model.name());
            let Some(serving) = serving.filter(|one| one.version == model.version()) else { continue };
            let age: Option<f64> = sqlx::query_scalar(
                "select extract(epoch from clock_timestamp() - verified_at)::float8 from log.verifications where part = $1",
            )
            .bind(model.name())
            .fetch_optional(self.log.pool())
            .await?;
            let age = age.unwrap_or(f64::INFINITY);
            if oldest.as_ref().is_none_or(|(_, _, known)| age > *known) {
                oldest = Some((model, serving.generation, age));
            }
        }
        let Some((model, generation, _)) = oldest else { return Ok(()) };
        match model.compare(&self.log, generation, ROW_LIMITS, &mut self.pace).await {
            Ok(compared) => self.write(model.name(), compared.position, compared.divergence.as_ref()).await?,
            Err(error) => {
                if let Some(divergence) = error.divergence(model.name()) {
                    return Ok(self.write(model.name(), Position::ZERO, Some(&divergence)).await?);
                }
                let error = crate::Failure::failed("it cannot be compared").because(error).to_string();
                tracing::debug!(read_model = model.name(), error, "a read model is not verified this time");
                self.touch(model.name()).await?;
            }
        }
        Ok(())
    }

    async fn note(&self, part: &str) -> Result<Note, sqlx::Error> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select position, passes, pass_began_at < clock_timestamp() - interval '{AGAIN_AFTER}', divergence \
             from log.verifications where part = $1"
        )))
        .bind(part)
        .fetch_optional(self.log.pool())
        .await?;
        let Some(row) = row else {
            return Ok(Note { position: Position::ZERO, passes: 0, is_old: false, divergence: None });
        };
        let passes: i64 = row.try_get(1)?;
        let divergence: Option<serde_json::Value> = row.try_get(3)?;
        Ok(Note {
            position: Position(row.try_get(0)?),
            passes: passes.unsigned_abs(),
            is_old: row.try_get(2)?,
            divergence: divergence.and_then(|value| serde_json::from_value(value).ok()),
        })
    }

    async fn write(
        &mut self,
        part: &str,
        position: Position,
        divergence: Option<&Divergence>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into log.verifications as known (part, position, divergence) values ($1, $2, $3) \
             on conflict (part) do update set position = excluded.position, divergence = excluded.divergence, \
             verified_at = excluded.verified_at",
        )
        .bind(part)
        .bind(position.0)
        .bind(divergence.map(serde_json::to_value).transpose().ok().flatten())
        .execute(self.log.pool())
        .await?;
        #[expect(clippy::cast_precision_loss, reason = "a log beyond 2^52 events has other problems")]
        metrics::gauge!("verify_position", "part" => part.to_owned()).set(position.0 as f64);
        Ok(())
    }

    async fn touch(&self, part: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "insert into log.verifications (part, position) values ($1, 0) \
             on conflict (part) do update set verified_at = excluded.verified_at",
        )
        .bind(part)
        .execute(self.log.pool())
        .await
        .map(drop)
    }

    async fn begin_again(&self, part: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update log.verifications set position = 0, passes = passes + 1, pass_began_at = clock_timestamp() \
             where part = $1",
        )
        .bind(part)
        .execute(self.log.pool())
        .await
        .map(drop)
    }

    /// Tells what is wrong, whoever has found it.
    async fn tell(&mut self) -> Result<(), RoundError> {
        let rows = sqlx::query("select part, divergence from log.verifications where divergence is not null")
            .fetch_all(self.log.pool())
            .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            if let Ok(divergence) = serde_json::from_value::<Divergence>(row.try_get(1)?) {
                found.insert(row.try_get::<String, _>(0)?, divergence);
            }
        }
        let gap = found.get("log").is_some_and(|divergence| divergence.field == "position");
        metrics::gauge!("verify_gaps").set(f64::from(u8::from(gap)));
        #[expect(clippy::cast_precision_loss, reason = "there are some dozen parts")]
        metrics::gauge!("verify_divergences").set(found.len() as f64);
        match &self.told {
            Told::Check(check) => match found.values().next() {
                None => check.ok(),
                Some(first) => {
                    let more = if found.len() > 1 { format!(" (and {} more)", found.len() - 1) } else { String::new() };
                    check.failing(format!("{first}{more}. {REMEDY}"));
                }
            },
            Told::Terminal => {
                for (part, divergence) in &found {
                    if self.known.get(part) != Some(divergence) {
                        crate::terminal::print(&format!("DIVERGED: {divergence}"));
                    }
                }
                for part in self.known.keys().filter(|part| !found.contains_key(*part)) {
                    crate::terminal::print(&format!("{part}: well again"));
                }
            }
        }
        self.known = found;
        Ok(())
    }
}
