//! The projector: runs the projections of a process.

use crate::control::ControlError;
use crate::declare::declare;
use crate::hearing::Hearing;
use crate::keeper::{Keeper, Me};
use crate::metrics;
use crate::pace::Live;
use crate::poison::chain;
use crate::progress::Progress;
use crate::projection::Projection;
use crate::roster::SwitchMode;
use crate::tenure::{End, Tenure};
use event_store::{Log, Role, Tail};
use kernel::Position;
use sqlx::postgres::PgConnectOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Pause before the projections are taken up again after Postgres was away or another process had taken them.
const PAUSE: Duration = Duration::from_secs(1);

/// How a projector works; the defaults suit two cores.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most events per transaction at the end of the log. A batch takes what is there and never waits to fill.
    pub batch: usize,
    /// Most events per transaction while catching up.
    pub catch_up_batch: usize,
    /// Most rows that wait in memory, while catching up, before they are written; fewer if they are large. The more events
    /// share a row, the more events one write of it is worth.
    pub catch_up_rows: usize,
    /// Rows that each projection keeps in memory at the end of the log.
    pub hot_rows: usize,
    /// Projections that catch up at the same time.
    pub lanes: usize,
    /// Streams that a generation may park. With one more it stops: what is wrong is no longer about single streams.
    pub parked_streams: usize,
    /// Bytes that the rows of a build may take in memory, about, before they are written to its table. 0: each build goes by
    /// small steps from its beginning.
    pub memory: usize,
    /// Generations that are built at the same time.
    pub builds: usize,
    /// The most that builds take of the time while commands come in, in percent.
    pub percent_under_load: u32,
    /// What happens when a version that this start declares has caught up: a build that an operator asks for says so itself.
    pub switch: SwitchMode,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: 1_000,
            catch_up_batch: 1_000_000,
            catch_up_rows: 100_000,
            hot_rows: 10_000,
            lanes: 2,
            parked_streams: 1_000,
            memory: 384 << 20,
            builds: 2,
            percent_under_load: 25,
            switch: SwitchMode::Auto,
        }
    }
}

/// Why a projector stops before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The control tables or the read models' tables could not be made.
    #[error("declaring the read models")]
    Declare(#[source] ControlError),
    /// What was folded is not what the log tells.
    #[error(
        "LOG_DIVERGED: read model {name} (generation {generation}) was folded up to position {position}, and the log now has \
         another event there, or none: a standby was promoted or a backup restored without its latest events. Nothing is \
         folded any more. Run `sillage log adopt`, then rebuild the read models"
    )]
    Diverged {
        /// The first read model that was seen to differ.
        name: &'static str,
        /// Its generation.
        generation: i32,
        /// The position of its checkpoint.
        position: Position,
    },
    /// The log that was read is not the one that is there now.
    #[error(
        "LOG_DIVERGED: {0}. Nothing is folded before `sillage log adopt`; `sillage heal` then looks after the rest"
    )]
    Foreign(Arc<str>),
    /// The tail gave events that do not follow the last one.
    #[error("the tail gave position {got} after position {after}: nothing is folded over a gap")]
    Gap {
        /// The last position that was folded.
        after: Position,
        /// The position that came.
        got: Position,
    },
    /// The engine itself panicked.
    #[error("a projection's task panicked: {0}")]
    Panicked(String),
}

impl RunError {
    /// Whether it is over as soon as the log is adopted.
    pub const fn is_divergence(&self) -> bool {
        matches!(self, Self::Diverged { .. } | Self::Foreign(_))
    }
}

/// What all projections of a process share.
pub(crate) struct Shared {
    pub(crate) tail: Tail,
    /// As the owner of the tables, which come and go with generations.
    pub(crate) connect: PgConnectOptions,
    /// As the engine, which reads and writes their rows.
    pub(crate) fold: PgConnectOptions,
    pub(crate) options: Options,
    pub(crate) progress: Progress,
    pub(crate) lanes: Semaphore,
    pub(crate) builds: Semaphore,
    /// What live traffic leaves to builds.
    pub(crate) live: Live,
    /// What this process can fold: from each, as many as there are generations are made.
    pub(crate) models: Vec<Box<dyn Projection>>,
    /// This process, as the others see it.
    pub(crate) me: Me,
}

impl Shared {
    pub(crate) const fn log(&self) -> &Log {
        self.tail.log()
    }

    /// A projection that is no further behind than this joins the group.
    pub(crate) fn near(&self) -> i64 {
        i64::try_from(self.options.batch).unwrap_or(i64::MAX)
    }
}

/// Folds the log into read models until it is told to stop.
///
/// Several processes may run the same read models: they share them, and take over from each other. Processes
/// of different versions may run side by side: each folds the generations of its own versions. A process may also carry
/// several versions of a read model: the newest is built, the older ones are followed where they exist.
pub struct Projector {
    shared: Arc<Shared>,
}

impl Projector {
    /// Prepares to fold `models` from `tail`, writing to the database that the tail's log is in. The log's sessions must
    /// work as [`Role::Owner`]: the projector makes tables.
    pub fn new(tail: Tail, models: Vec<Box<dyn Projection>>, options: Options) -> Self {
        let me = Me::new();
        let connect = (*tail.log().pool().connect_options()).clone();
        let connect = connect.statement_cache_capacity(1_000).application_name(&me.application());
        let progress = Progress::new(models.iter().map(|model| model.name()));
        let lanes = Semaphore::new(options.lanes.max(1));
        let builds = Semaphore::new(options.builds.max(1));
        let live = Live::new(options.percent_under_load);
        let fold = Role::Engine.assume(connect.clone());
        let shared = Shared { tail, connect, fold, options, progress, lanes, builds, live, models, me };
        Self { shared: Arc::new(shared) }
    }

    /// How far its projections are, for readers in the same process.
    pub fn progress(&self) -> Progress {
        self.shared.progress.clone()
    }

    /// Folds until `shutdown`, finishing the batches in hand.
    ///
    /// Postgres being away, a projection that cannot fold an event and another process taking over are no reasons to return:
    /// it goes on as soon and as far as it can.
    ///
    /// # Errors
    /// Folding on would be wrong: see [`RunError`].
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), RunError> {
        let Self { shared } = self;
        if !prepare(&shared, &shutdown).await? {
            return Ok(());
        }
        let hearing = Hearing::start(shared.fold.clone());
        loop {
            let mut keeper = Keeper::start(shared.fold.clone(), shared.me.clone());
            let mut tenure = Tenure::new(Arc::clone(&shared), keeper.asks(), hearing.bell());
            let end = tenure.run(&mut keeper, &shutdown).await;
            tenure.close().await;
            keeper.release().await;
            match end {
                End::Shutdown => return Ok(()),
                End::Failed(error) => {
                    tracing::error!(error = %error, "the projector stops");
                    return Err(error);
                }
                End::Fenced => {
                    metrics::fenced();
                    tracing::warn!(
                        "fenced: another process folds the read models, or the log was changed; starting again"
                    );
                }
                End::Lost(reason) => tracing::warn!(reason, "the projector lost Postgres; starting again"),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }
}

/// Declares the read models, waiting for Postgres if it is away; `false` if told to stop meanwhile.
async fn prepare(shared: &Shared, shutdown: &CancellationToken) -> Result<bool, RunError> {
    loop {
        match declare(&shared.connect, &shared.models, shared.options.switch).await {
            Ok(()) => return Ok(true),
            Err(error) if error.passes() => {
                tracing::warn!(error = chain(&error), "the projector waits for Postgres");
            }
            Err(error) => return Err(RunError::Declare(error)),
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = shutdown.cancelled() => return Ok(false),
        }
    }
}
