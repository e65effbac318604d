//! What goes wrong, drawn from the seed: one strike per round, repaired before the round ends.

use super::random::Random;
use super::stage::{PROJECTORS, Stage};
use sqlx::{PgPool, Row as _};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Victim {
    /// `kill -9` of the whole server process.
    Server,
    /// `kill -9` of Postgres and all its children.
    Postgres,
    /// NATS killed, its store rolled back to an older copy, or emptied.
    Nats,
    /// The projector that owns the read models killed, or paused until another has taken over.
    Projector,
}

impl Victim {
    /// The row of the reliability scorecard.
    pub const fn row(self) -> u32 {
        match self {
            Self::Server => 1,
            Self::Postgres => 2,
            Self::Nats => 3,
            Self::Projector => 6,
        }
    }
}

/// What can happen to the store of NATS.
#[derive(Clone, Copy)]
enum Deed {
    Crash,
    RollBack,
    Empty,
}

/// How long a take-over is waited for.
const TAKE_OVER: Duration = Duration::from_secs(20);

impl Stage {
    /// Breaks the victim, and repairs it where nobody else does. Answers how long the repair took where that is the
    /// system's own doing: the take-over of the read models.
    ///
    /// # Panics
    /// The victim cannot be broken or repaired.
    pub async fn strike(&mut self, victim: Victim, round: u32, random: &mut Random) -> Option<Duration> {
        let pause = random.between_ms(0, 300);
        match victim {
            Victim::Server => {
                self.processes[0].kill();
                tokio::time::sleep(pause).await;
                self.processes[0].restart();
                None
            }
            Victim::Postgres => {
                self.kill_postgres().await;
                tokio::time::sleep(pause).await;
                let postgres = self.servers.postgres.as_mut().expect("Postgres is ours");
                postgres.restart().await.expect("Postgres starts again");
                self.pause_wal_writer().await;
                None
            }
            Victim::Nats => {
                self.strike_nats(round, random).await;
                None
            }
            Victim::Projector => Some(self.strike_projector(round, pause).await),
        }
    }

    /// A crash, an older copy and an empty store, with load between them; every other round the other way round, so that
    /// the mirror that is compared at the end has been through both.
    async fn strike_nats(&mut self, round: u32, random: &mut Random) {
        let old = self.folder.join("old-store");
        let nats = self.servers.nats.as_mut().expect("NATS is ours");
        nats.stop().await.expect("NATS stops");
        let _ = fs::remove_dir_all(&old);
        copy(nats.store_dir(), &old).expect("the store is copied");
        nats.restart().await.expect("NATS starts");

        let mut deeds = [Deed::Crash, Deed::RollBack, Deed::Empty];
        if !round.is_multiple_of(2) {
            deeds.reverse();
        }
        for deed in deeds {
            // The relay looks twice a second: it shall have something to publish each time.
            tokio::time::sleep(random.between_ms(700, 1_300)).await;
            nats.kill().await.expect("NATS is killed");
            match deed {
                Deed::Crash => tokio::time::sleep(random.between_ms(0, 500)).await,
                Deed::RollBack => {
                    nats.wipe().await.expect("NATS is emptied");
                    copy(&old, nats.store_dir()).expect("the old store is put back");
                }
                Deed::Empty => nats.wipe().await.expect("NATS is emptied"),
            }
            nats.restart().await.expect("NATS starts again");
        }
        tokio::time::sleep(Duration::from_millis(1_200)).await;
    }

    /// Even rounds kill the projector that owns most, odd ones pause it, until the other one owns everything.
    async fn strike_projector(&mut self, round: u32, pause: Duration) -> Duration {
        let pool = self.pool().await;
        let owner =
            until(&pool, |shares| (shares.all == shares.held.iter().sum::<i64>()).then(|| shares.largest())).await;
        let other = 1 - owner;
        let struck = Instant::now();
        let victim = &mut self.processes[1 + owner];
        if round.is_multiple_of(2) {
            victim.kill();
        } else {
            victim.signal("STOP");
        }
        until(&pool, |shares| (shares.all == shares.held[other]).then_some(other)).await;
        let took = struck.elapsed();
        tokio::time::sleep(pause).await;
        if round.is_multiple_of(2) {
            victim.restart();
        } else {
            victim.signal("CONT");
        }
        pool.close().await;
        took
    }
}

/// Who folds how many of the read models.
struct Shares {
    /// Generations that are to be folded.
    all: i64,
    /// How many of them each projector holds the lock of.
    held: [i64; 2],
}

impl Shares {
    const fn largest(&self) -> usize {
        if self.held[0] >= self.held[1] { 0 } else { 1 }
    }
}

/// Waits until the read models are shared in a way that is waited for.
async fn until(pool: &PgPool, wanted: impl Fn(&Shares) -> Option<usize>) -> usize {
    let began = Instant::now();
    loop {
        let shares = shares(pool).await;
        if shares.all > 0
            && let Some(found) = wanted(&shares)
        {
            return found;
        }
        let (all, held) = (shares.all, shares.held);
        assert!(began.elapsed() < TAKE_OVER, "no projector has taken over within {TAKE_OVER:?}: {held:?} of {all}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn shares(pool: &PgPool) -> Shares {
    let rows = sqlx::query(
        "select usename::text, count(*) from pg_locks join pg_stat_activity using (pid) \
         where locktype = 'advisory' and granted and usename like 'projector%' \
           and (classid::bigint << 32 | objid::bigint) <> hashtextextended('verify', 0) group by usename",
    )
    .fetch_all(pool)
    .await
    .expect("Postgres tells who holds locks");
    let generations = "select count(*) from projection.projections where state not in ('cancelled', 'retired')";
    let all =
        sqlx::query_scalar(generations).fetch_one(pool).await.expect("Postgres tells which projections there are");
    let held = PROJECTORS.map(|projector| {
        let row = rows.iter().find(|row| row.get::<&str, _>(0) == projector);
        row.map_or(0, |row| row.get(1))
    });
    Shares { all, held }
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
