//! One stretch of ownership: from getting the first lock to losing them, or being told to stop.
//!
//! Projections that stand at the same place form the *group*: they fold every batch together, in one transaction. Those
//! that are behind catch up in *lanes* and then join. Any doubt (a checkpoint that does not move, Postgres gone) ends the
//! tenure: everything in memory is dropped and the next one starts from what the database says.

use crate::aside::{self, Aside};
use crate::control::{self, Checkpoint, Generation, Place};
use crate::ddl::Statements;
use crate::declare::{Switched, switch};
use crate::keeper::{Keeper, News};
use crate::lane::{LaneEnd, catch_up};
use crate::metrics;
use crate::poison::{Poison, panic_message};
use crate::projection::{Decoded, Projection};
use crate::runner::{RunError, Shared};
use crate::writer::{Member, WriteError, Writer};
use event_store::TailError;
use kernel::{EventData, Position, Recorded};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How often places are compared with the log, gauges are set and switches are tried.
const TICK: Duration = Duration::from_secs(1);

type Event = Arc<Recorded<EventData>>;
type Idle = (Box<dyn Projection>, Generation);

/// Why a tenure ended.
pub(crate) enum End {
    Shutdown,
    /// A checkpoint was refused.
    Fenced,
    /// Postgres or the locks are gone.
    Lost(String),
    /// The projector must not go on.
    Failed(RunError),
}

pub(crate) struct Tenure {
    shared: Arc<Shared>,
    /// Not owned, by the index that the keeper knows them by.
    idle: Vec<Option<Idle>>,
    /// All at the same place.
    group: Vec<Member>,
    /// Further than the group: it catches up with them.
    ahead: Vec<Member>,
    /// Stopped before an event that they cannot fold. A later issue gives them a way on; today it is a restart.
    failed: Vec<Member>,
    lanes: JoinSet<LaneEnd>,
    stop_lanes: CancellationToken,
    writer: Writer,
    /// When the last event of the group's place was recorded.
    last_recorded: Option<chrono::DateTime<chrono::Utc>>,
}

impl Tenure {
    pub(crate) fn new(shared: Arc<Shared>, idle: Vec<Idle>) -> Self {
        Self {
            writer: Writer::new(shared.fold.clone()),
            shared,
            idle: idle.into_iter().map(Some).collect(),
            group: Vec::new(),
            ahead: Vec::new(),
            failed: Vec::new(),
            lanes: JoinSet::new(),
            stop_lanes: CancellationToken::new(),
            last_recorded: None,
        }
    }

    /// Folds until something ends it.
    pub(crate) async fn run(&mut self, keeper: &mut Keeper, shutdown: &CancellationToken) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let tail = self.shared.tail.clone();
        loop {
            let (at, most) = self.next_batch();
            let step = tokio::select! {
                biased;
                () = shutdown.cancelled() => Err(End::Shutdown),
                news = keeper.news() => match news {
                    News::Gained(indexes) => self.gain(indexes).await,
                    News::Lost(reason) => Err(End::Lost(reason)),
                },
                Some(ended) = self.lanes.join_next() => self.lane_ended(ended).await,
                _ = tick.tick() => self.tick().await,
                events = tail.next(at, most), if !self.group.is_empty() => match events {
                    Ok(events) => self.step(events).await,
                    Err(TailError::Read(error)) => Err(End::Lost(error.to_string())),
                    Err(TailError::Stopped) => {
                        shutdown.cancelled().await;
                        Err(End::Shutdown)
                    }
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Stops the lanes after the batch in hand and gives all projections back.
    pub(crate) async fn close(mut self) -> Vec<Idle> {
        self.stop_lanes.cancel();
        let mut members: Vec<Member> = self.group.drain(..).chain(self.ahead).chain(self.failed).collect();
        while let Some(ended) = self.lanes.join_next().await {
            match ended {
                Ok(
                    LaneEnd::Reached(member)
                    | LaneEnd::Failed(member, _)
                    | LaneEnd::Stopped(member)
                    | LaneEnd::Fenced(member)
                    | LaneEnd::Away(member, _),
                ) => members.push(member),
                Err(error) => tracing::error!(error = %error, "a projection's task panicked"),
            }
        }
        let owned = members.into_iter().map(|mut member| {
            member.projection.forget(false);
            (member.projection, member.generation)
        });
        owned.chain(self.idle.into_iter().flatten()).collect()
    }

    /// The group's place, and how many events the next batch may have so that it ends where somebody waits.
    fn next_batch(&self) -> (Position, usize) {
        let at = self.group.first().map_or(Position::ZERO, |member| member.at.position);
        let nearest = self.ahead.iter().map(|member| member.at.position.0 - at.0).min();
        let most = nearest.and_then(|gap| usize::try_from(gap).ok()).unwrap_or(usize::MAX);
        (at, most.min(self.shared.options.batch).max(1))
    }

    /// Takes over generations whose locks were got, and lets them catch up.
    async fn gain(&mut self, indexes: Vec<usize>) -> Result<(), End> {
        for index in indexes {
            let Some((projection, generation)) = self.idle.get_mut(index).and_then(Option::take) else { continue };
            let pool = self.shared.log().pool();
            let taken = control::take_over(pool, &generation).await;
            let Checkpoint { log_id, at, owner_epoch } = match taken {
                Ok(checkpoint) => checkpoint,
                Err(error) => {
                    self.idle[index] = Some((projection, generation));
                    return Err(End::Lost(error.to_string()));
                }
            };
            tracing::info!(
                projection = generation.name,
                generation = generation.number,
                version = generation.version,
                position = at.position.0,
                owner_epoch,
                "folding a read model"
            );
            let aside = match self.aside(&generation).await {
                Ok(aside) => Arc::new(aside),
                Err(error) => {
                    self.idle[index] = Some((projection, generation));
                    return Err(End::Lost(error.to_string()));
                }
            };
            let mut member = Member { projection, generation, log_id, at, owner_epoch, aside, live: false };
            let statements =
                Statements::new(member.generation.name, member.generation.number, &member.projection.table());
            member.projection.open(statements, self.shared.options.catch_up_rows, at.position == Position::ZERO);
            metrics::stopped(member.generation.name, false);
            let verified = self.verify(&member).await;
            if verified.is_err() {
                self.failed.push(member);
                return verified;
            }
            self.send_to_lane(member);
        }
        Ok(())
    }

    /// What the generation has set aside. Nobody but its owner adds to it, and who takes from it ends the ownership.
    async fn aside(&self, generation: &Generation) -> Result<Aside, sqlx::Error> {
        let mut connection = self.shared.log().pool().acquire().await?;
        aside::load(&mut connection, generation.name, generation.number).await
    }

    fn send_to_lane(&mut self, member: Member) {
        self.lanes.spawn(catch_up(member, Arc::clone(&self.shared), self.stop_lanes.clone()));
    }

    /// Compares a member's place with the log as it is now.
    async fn verify(&self, member: &Member) -> Result<(), End> {
        let pool = self.shared.log().pool();
        match control::log_has(pool, member.log_id, member.at).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.diverged(&member.generation, member.at.position).await),
            Err(error) => Err(End::Lost(error.to_string())),
        }
    }

    /// Records, for everybody to see, that the log tells another history.
    async fn diverged(&self, generation: &Generation, position: Position) -> End {
        let error = RunError::Diverged { name: generation.name, generation: generation.number, position };
        let pool = self.shared.log().pool();
        let text = error.to_string();
        if let Err(error) = control::mark_stopped(pool, generation, "diverged", &text, position).await {
            tracing::error!(error = %error, "the divergence could not be recorded");
        }
        End::Failed(error)
    }

    async fn lane_ended(&mut self, ended: Result<LaneEnd, JoinError>) -> Result<(), End> {
        let (member, end) = match ended {
            Ok(LaneEnd::Reached(member)) => return self.admit(member).await,
            Ok(LaneEnd::Failed(member, poison)) => {
                self.fail(member, &poison).await;
                return Ok(());
            }
            Ok(LaneEnd::Stopped(member)) => (member, End::Shutdown),
            Ok(LaneEnd::Fenced(member)) => (member, End::Fenced),
            Ok(LaneEnd::Away(member, reason)) => (member, End::Lost(reason)),
            Err(error) => return Err(End::Failed(panicked(error))),
        };
        self.failed.push(member);
        Err(end)
    }

    /// Stops one projection, loudly; the others go on.
    async fn fail(&mut self, member: Member, poison: &Poison) {
        let (generation, error) = (&member.generation, poison.reason());
        tracing::error!(
            projection = generation.name,
            generation = generation.number,
            position = poison.position.0,
            event_id = poison.event_id.map(|id| id.0.to_string()),
            error,
            "a projection stops before an event that it cannot fold"
        );
        metrics::stopped(generation.name, true);
        let pool = self.shared.log().pool();
        if let Err(error) = control::mark_stopped(pool, generation, "failed", &error, poison.position).await {
            tracing::error!(error = %error, "the failure could not be recorded");
        }
        self.failed.push(member);
    }

    /// Brings a member that is close to the end of the log to the group's place, and into the group.
    async fn admit(&mut self, member: Member) -> Result<(), End> {
        let at = self.group.first().map(|first| first.at);
        let Some(at) = at.filter(|at| at.position != member.at.position) else { return self.join(member).await };
        if member.at.position > at.position {
            self.ahead.push(member);
            return Ok(());
        }
        let mut behind = vec![member];
        while let Some(first) = behind.first() {
            let gap = usize::try_from(at.position.0 - first.at.position.0).unwrap_or(0);
            if gap == 0 {
                break;
            }
            let events = self.shared.log().read(first.at.position, gap.min(self.shared.options.batch)).await;
            let events: Vec<Event> = match events {
                Ok(events) => events.into_iter().map(Arc::new).collect(),
                Err(error) => {
                    self.failed.append(&mut behind);
                    return Err(End::Lost(error.to_string()));
                }
            };
            behind = self.fold(behind, &events).await?;
        }
        match behind.pop() {
            Some(member) => self.join(member).await,
            None => Ok(()),
        }
    }

    /// The member stands where the group stands.
    async fn join(&mut self, mut member: Member) -> Result<(), End> {
        member.projection.bound(self.shared.options.hot_rows);
        if !member.live {
            let pool = self.shared.log().pool();
            let marked = control::mark_live(pool, &member.generation).await;
            if let Err(error) = marked {
                self.failed.push(member);
                return Err(End::Lost(error.to_string()));
            }
            member.live = true;
        }
        self.shared.progress.tell(&member.generation, member.at.position);
        self.group.push(member);
        self.try_switches().await;
        Ok(())
    }

    /// Folds the next events of the log into the group.
    async fn step(&mut self, mut events: Vec<Event>) -> Result<(), End> {
        let Some((first, member)) = events.first().zip(self.group.first()) else { return Ok(()) };
        if first.position != member.at.position.next() {
            let error = RunError::Gap { after: member.at.position, got: first.position };
            return Err(End::Failed(error));
        }
        if first.epoch != member.at.epoch {
            self.verify(member).await?;
        }
        // A batch is of one life of the log.
        let epoch = first.epoch;
        let same = events.iter().take_while(|event| event.epoch == epoch).count();
        events.truncate(same);
        let group = std::mem::take(&mut self.group);
        self.group = self.fold(group, &events).await?;
        self.last_recorded = events.last().map(|event| event.recorded_at);
        while let Some(member) = self.met() {
            self.join(member).await?;
        }
        Ok(())
    }

    /// The next member that the group has caught up with; if the group is empty, the one that is the least ahead.
    fn met(&mut self) -> Option<Member> {
        let at = match self.group.first() {
            Some(first) => first.at.position,
            None => self.ahead.iter().map(|member| member.at.position).min()?,
        };
        let index = self.ahead.iter().position(|member| member.at.position == at)?;
        Some(self.ahead.swap_remove(index))
    }

    /// Folds events into members that stand right before them. Those that cannot are sent to lanes, where the event that is
    /// to blame is found; the others are answered.
    async fn fold(&mut self, mut members: Vec<Member>, events: &[Event]) -> Result<Vec<Member>, End> {
        let Some(last) = events.last() else { return Ok(members) };
        let to = Place::of(last);
        loop {
            let mut decoded = Vec::with_capacity(members.len());
            for member in std::mem::take(&mut members) {
                let read = read(&*member.projection, &member.aside, events);
                if read.poison.is_some() {
                    self.send_to_lane(member);
                } else {
                    members.push(member);
                    decoded.push(read);
                }
            }
            let sizes: Vec<usize> = decoded.iter().map(|decoded| decoded.len).collect();
            let began = Instant::now();
            let (written_by, outcome) = self.writer.write(members, decoded, to).await;
            members = written_by;
            let (culprit, end) = match outcome {
                Ok(written) => {
                    for ((member, size), written) in members.iter().zip(sizes).zip(written) {
                        metrics::batch(member.generation.name, size, began.elapsed(), written);
                        self.shared.progress.tell(&member.generation, member.at.position);
                    }
                    return Ok(members);
                }
                Err(WriteError::Poison(index, _)) => (Some(index), None),
                Err(WriteError::Busy(index, error)) => {
                    tracing::warn!(error = %error, "a projection leaves the group to try again by itself");
                    (Some(index), None)
                }
                Err(WriteError::Fenced) => (None, Some(End::Fenced)),
                Err(WriteError::Away(error)) => (None, Some(End::Lost(error.to_string()))),
            };
            if let Some(index) = culprit {
                let member = members.swap_remove(index);
                self.send_to_lane(member);
            }
            if let Some(end) = end {
                self.failed.append(&mut members);
                return Err(end);
            }
        }
    }

    /// Once a second: is the log still the one that was folded, how far is everybody, is anything to be switched?
    async fn tick(&mut self) -> Result<(), End> {
        let Some(first) = self.group.first() else { return Ok(()) };
        self.verify(first).await?;
        let head = self.shared.log().head().await.map_err(|error| End::Lost(error.to_string()))?;
        let gap = head.position.0 - first.at.position.0;
        let lag = self
            .last_recorded
            .filter(|_| gap > 0)
            .and_then(|recorded| (chrono::Utc::now() - recorded).to_std().ok())
            .unwrap_or_default();
        for member in &self.group {
            metrics::gap(member.generation.name, gap);
            metrics::lag(member.generation.name, lag);
            metrics::parked(member.generation.name, member.aside.parked());
        }
        for member in &self.failed {
            metrics::gap(member.generation.name, head.position.0 - member.at.position.0);
        }
        self.try_switches().await;
        Ok(())
    }

    /// Shows readers the generations that have caught up and are not yet shown.
    async fn try_switches(&mut self) {
        for member in self.group.iter_mut().filter(|member| !member.generation.serving) {
            let generation = &member.generation;
            match switch(&self.shared.connect, generation, member.at.position).await {
                Ok(Switched::Done) => {
                    tracing::info!(
                        projection = generation.name,
                        generation = generation.number,
                        version = generation.version,
                        position = member.at.position.0,
                        "readers now see a new generation"
                    );
                    member.generation.serving = true;
                    self.shared.progress.tell(&member.generation, member.at.position);
                }
                Ok(Switched::Behind | Switched::Older) => {}
                Err(error) => tracing::warn!(
                    projection = generation.name,
                    generation = generation.number,
                    error = %error,
                    "readers could not be switched to a new generation; trying again"
                ),
            }
        }
    }
}

/// The events that a projection listens to and that are not set aside, decoded.
fn read(projection: &dyn Projection, aside: &Aside, events: &[Event]) -> Decoded {
    let (categories, decode) = (projection.categories(), projection.decoder());
    let wanted = events.iter().filter(|event| categories.contains(&event.category.as_str()));
    let (wanted, unknown) = aside.sift(wanted.map(|event| Recorded::clone(event)).collect(), decode);
    let mut read = decode(wanted);
    read.poison = read.poison.or(unknown);
    read
}

fn panicked(error: JoinError) -> RunError {
    let message = match error.try_into_panic() {
        Ok(panic) => panic_message(&*panic),
        Err(error) => error.to_string(),
    };
    RunError::Panicked(message)
}
