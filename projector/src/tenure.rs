//! One stretch of ownership: from getting the first lock to losing them, or being told to stop.
//!
//! Once a second, and when an operator has done something, the roster is read: generations are asked for or let go, and
//! what operators want is passed on.
//!
//! Projections that stand at the same place form the *group*: they fold every batch together, in one transaction. Those
//! that are behind catch up in *lanes* and then join. Any doubt (a checkpoint that does not move, Postgres gone) ends the
//! tenure: everything in memory is dropped and the next one starts from what the database says.

pub(crate) mod comparing;
mod owning;

use crate::aside::Aside;
use crate::control::{self, Generation, Place};
use crate::keeper::{Asks, Keeper, News};
use crate::lane::LaneEnd;
use crate::metrics;
use crate::poison::{Poison, chain, panic_message};
use crate::projection::{Decoded, Projection};
use crate::roster::{self, Orders};
use crate::runner::{RunError, Shared};
use crate::status::State;
use crate::switch::{self, SwitchError, Switched, Wish, switch};
use crate::tables;
use crate::writer::{Member, WriteError, Writer};
use comparing::Comparing;
use event_store::TailError;
use kernel::{EventData, Position, Recorded};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// How often places are compared with the log, gauges are set and switches are tried.
const TICK: Duration = Duration::from_secs(1);

type Event = Arc<Recorded<EventData>>;

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

/// A generation that this process can fold.
struct Slot {
    generation: Generation,
    /// What the control tables said when they were last read.
    state: State,
    orders: watch::Sender<Orders>,
    /// The comparison with what readers see, which comes before a switch.
    comparing: Comparing,
    /// It was split, or merged, or is gone: what takes its place has a slot of its own.
    is_dissolved: bool,
}

pub(crate) struct Tenure {
    shared: Arc<Shared>,
    /// What there is to fold, by the index that the keeper knows it by.
    slots: Vec<Slot>,
    /// All at the same place.
    group: Vec<Member>,
    /// Not behind the group: it catches up with them, and takes them in.
    ahead: Vec<Member>,
    /// Stopped before an event that they cannot fold. A restart tries again; rows by other code are built beside.
    failed: Vec<Member>,
    /// Live, and standing still by an operator's word.
    paused: Vec<Member>,
    lanes: JoinSet<LaneEnd>,
    stop_lanes: CancellationToken,
    /// By which one of them is stopped, by slot.
    stop_lane: HashMap<usize, CancellationToken>,
    /// Given back as soon as their lanes have stopped, by slot.
    given_back: HashSet<usize>,
    asks: Asks,
    writer: Writer,
    /// Rings when an operator has done something.
    acts: Arc<Notify>,
    /// Rings when a comparison is done.
    compared: Arc<Notify>,
    /// When the last event of the group's place was recorded.
    last_recorded: Option<chrono::DateTime<chrono::Utc>>,
}

impl Tenure {
    pub(crate) fn new(shared: Arc<Shared>, asks: Asks, acts: Arc<Notify>) -> Self {
        Self {
            writer: Writer::new(shared.fold.clone(), shared.log().vault().cloned()),
            shared,
            slots: Vec::new(),
            group: Vec::new(),
            ahead: Vec::new(),
            failed: Vec::new(),
            paused: Vec::new(),
            lanes: JoinSet::new(),
            stop_lanes: CancellationToken::new(),
            stop_lane: HashMap::new(),
            given_back: HashSet::new(),
            asks,
            acts,
            compared: Arc::default(),
            last_recorded: None,
        }
    }

    /// Folds until something ends it.
    pub(crate) async fn run(&mut self, keeper: &mut Keeper, shutdown: &CancellationToken) -> End {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let tail = self.shared.tail.clone();
        let (acts, compared) = (Arc::clone(&self.acts), Arc::clone(&self.compared));
        loop {
            let (at, most) = self.next_batch();
            let step = tokio::select! {
                biased;
                () = shutdown.cancelled() => Err(End::Shutdown),
                reason = tail.diverged() => Err(self.foreign(reason).await),
                news = keeper.news() => match news {
                    News::Gained(indexes) => self.gain(indexes).await,
                    News::Asked(indexes) => {
                        self.give_back(&indexes);
                        Ok(())
                    }
                    News::Lost(reason) => Err(End::Lost(reason)),
                },
                Some(ended) = self.lanes.join_next() => self.lane_ended(ended).await,
                _ = tick.tick() => self.tick().await,
                () = acts.notified() => self.tick().await,
                () = compared.notified() => {
                    self.try_switches().await;
                    Ok(())
                }
                events = tail.next(at, most), if !self.group.is_empty() => match events {
                    Ok(events) => self.step(events).await,
                    Err(TailError::Read(error)) => Err(End::Lost(error.to_string())),
                    Err(TailError::Diverged(reason)) => Err(self.foreign(reason).await),
                    Err(TailError::Stopped) => {
                        shutdown.cancelled().await;
                        Err(End::Shutdown)
                    }
                },
            };
            let step = match step {
                Ok(()) => self.meet().await,
                end => end,
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Stops the lanes after the batch in hand. Everything in memory is dropped.
    pub(crate) async fn close(mut self) {
        self.stop_lanes.cancel();
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(error = %error, "a projection's task panicked");
            }
        }
    }

    /// The group's place, and how many events the next batch may have so that it ends where somebody waits.
    fn next_batch(&self) -> (Position, usize) {
        let at = self.group.first().map_or(Position::ZERO, |member| member.at.position);
        let held = self.group.iter().filter_map(|member| member.orders.borrow().hold_at);
        let held = held.filter(|hold| *hold > at).map(|hold| hold.0 - at.0).min();
        let nearest = self.ahead.iter().map(|member| member.at.position.0 - at.0).chain(held).min();
        let most = nearest.and_then(|gap| usize::try_from(gap).ok()).unwrap_or(usize::MAX);
        (at, most.min(self.shared.options.batch).max(1))
    }

    /// Asks for what is new in the roster, and passes on what is wanted of each.
    async fn read_roster(&mut self) -> Result<(), End> {
        let pool = self.shared.log().pool();
        let entries = roster::read(pool, &self.shared.models).await.map_err(|error| End::Lost(error.to_string()))?;
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| !slot.is_dissolved) {
            if !entries.iter().any(|entry| entry.generation == slot.generation) {
                slot.is_dissolved = true;
                slot.orders.send_modify(|orders| orders.gone = true);
                // Also where another process has it: nobody may wait for it any more.
                self.asks.leave(index);
            }
        }
        for roster::Entry { generation, state, orders } in entries {
            match self.slots.iter_mut().find(|slot| !slot.is_dissolved && slot.generation == generation) {
                Some(slot) => {
                    slot.state = state;
                    slot.orders.send_if_modified(|known| {
                        let changed = *known != orders;
                        *known = orders;
                        changed
                    });
                }
                None if orders.gone => {}
                None => {
                    self.asks.want(self.slots.len(), &generation);
                    let orders = watch::Sender::new(orders);
                    let comparing = Comparing::new(&self.compared);
                    self.slots.push(Slot { generation, state, orders, comparing, is_dissolved: false });
                }
            }
        }
        Ok(())
    }

    /// Lets go of members that are gone, and moves those that operators paused or resumed.
    fn obey(&mut self) {
        for members in [&mut self.group, &mut self.ahead, &mut self.failed, &mut self.paused] {
            for gone in members.extract_if(.., |member| member.orders.borrow().gone) {
                self.asks.leave(gone.slot);
                metrics::stopped(gone.generation.name, false);
            }
        }
        // Those in a lane see for themselves.
        for members in [&mut self.group, &mut self.ahead] {
            let still = members.extract_if(.., |member| member.orders.borrow().stands_still(member.at.position));
            self.paused.extend(still);
        }
        let resumed = self.paused.extract_if(.., |member| !member.orders.borrow().stands_still(member.at.position));
        let resumed: Vec<Member> = resumed.collect();
        for member in resumed {
            self.send_to_lane(member);
        }
    }

    async fn lane_ended(&mut self, ended: Result<LaneEnd, JoinError>) -> Result<(), End> {
        let ended = ended.map_err(|error| End::Failed(panicked(error)))?;
        let slot = ended.slot();
        self.stop_lane.remove(&slot);
        let is_given_back = self.given_back.remove(&slot);
        let (member, end) = match ended {
            // It may have been as fast as the wish that it stop.
            LaneEnd::Reached(_) | LaneEnd::Paused(_) | LaneEnd::Stopped(_) if is_given_back => {
                self.asks.give_back(slot);
                return Ok(());
            }
            LaneEnd::Reached(member) => return self.admit(member).await,
            LaneEnd::Paused(member) => {
                self.paused.push(member);
                return Ok(());
            }
            LaneEnd::Gone(_) => {
                self.asks.leave(slot);
                return Ok(());
            }
            LaneEnd::Failed(member, poison) => {
                self.fail(member, &poison).await;
                return Ok(());
            }
            LaneEnd::Stopped(member) => (member, End::Shutdown),
            LaneEnd::Fenced(member) => match self.still_owned(vec![member]).await?.pop() {
                Some(member) => (member, End::Fenced),
                None => return Ok(()),
            },
            LaneEnd::Away(member, reason) => (member, End::Lost(reason)),
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

    /// Brings a member that is close to the end of the log to the group's place, where it is met, if it is not there or further.
    async fn admit(&mut self, mut member: Member) -> Result<(), End> {
        if member.orders.borrow().stands_still(member.at.position) {
            self.paused.push(member);
            return Ok(());
        }
        let at = self.group.first().map_or(member.at.position, |first| first.at.position);
        while member.at.position < at {
            let gap = usize::try_from(at.0 - member.at.position.0).unwrap_or(usize::MAX);
            let events = self.shared.log().read(member.at.position, gap.min(self.shared.options.batch)).await;
            let events: Vec<Event> = match events {
                Ok(events) => events.into_iter().map(Arc::new).collect(),
                Err(error) => {
                    self.failed.push(member);
                    return Err(End::Lost(error.to_string()));
                }
            };
            // Who cannot fold them is in a lane again.
            let Some(folded) = self.fold(vec![member], &events).await?.pop() else { return Ok(()) };
            member = folded;
        }
        self.ahead.push(member);
        Ok(())
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
        self.tell(&member);
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
            self.verify_group().await?;
        }
        // A batch is of one life of the log.
        let epoch = first.epoch;
        let same = events.iter().take_while(|event| event.epoch == epoch).count();
        events.truncate(same);
        let group = std::mem::take(&mut self.group);
        self.group = self.fold(group, &events).await?;
        self.last_recorded = events.last().map(|event| event.recorded_at);
        Ok(())
    }

    /// Takes in whom the group has caught up with, and also where it is empty now: whoever waits for it would wait for ever.
    async fn meet(&mut self) -> Result<(), End> {
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
                        self.tell(member);
                    }
                    return Ok(members);
                }
                Err(WriteError::Poison(index, _)) => (Some(index), None),
                Err(WriteError::Busy(index, error)) => {
                    tracing::warn!(error = %error, "a projection leaves the group to try again by itself");
                    (Some(index), None)
                }
                Err(WriteError::Fenced) => {
                    let before = members.len();
                    members = self.still_owned(members).await?;
                    // All of them are: it is the log that does not fit.
                    (None, (members.len() == before).then_some(End::Fenced))
                }
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

    /// Readers in this process hear of a commit at once.
    fn tell(&self, member: &Member) {
        // What a part has folded says nothing of the others.
        if member.orders.borrow().serving && member.generation.part.is_whole() {
            self.shared.progress.tell(member.generation.name, member.at.position);
        }
    }

    /// What is wanted, is the log still the one that was folded, how far is everybody, is anything to be
    /// switched?
    async fn tick(&mut self) -> Result<(), End> {
        self.read_roster().await?;
        self.obey();
        if let Err(error) = tables::drop_gone(self.shared.log().pool()).await {
            tracing::warn!(error = %error, "tables that are no longer needed could not be dropped; trying again");
        }
        let head = self.shared.log().head().await.map_err(|error| End::Lost(error.to_string()))?;
        let builds = self.slots.iter().any(|slot| slot.state == State::Building);
        let lag_ms = if builds { control::live_lag(self.shared.log().pool()).await } else { Ok(0) };
        self.shared.live.look(lag_ms.unwrap_or_default(), head.position.0);
        self.verify_group().await?;
        let Some(first) = self.group.first() else { return Ok(()) };
        let gap = head.position.0 - first.at.position.0;
        let lag = self
            .last_recorded
            .filter(|_| gap > 0)
            .and_then(|recorded| (chrono::Utc::now() - recorded).to_std().ok())
            .unwrap_or_default();
        for member in self.group.iter().filter(|member| member.orders.borrow().serving) {
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
        for member in self.group.iter().filter(|member| member.orders.borrow().comes_next) {
            let generation = &member.generation;
            if !member.comparing.is_done(self.shared.log().pool(), generation) {
                continue;
            }
            match switch(&self.shared.connect, generation.name, generation.number, Wish::Itself).await {
                Ok(Switched::Done { before, .. }) => {
                    tracing::info!(
                        projection = generation.name,
                        generation = generation.number,
                        version = generation.version,
                        position = member.at.position.0,
                        "readers now see a new generation"
                    );
                    for slot in self.slots.iter().filter(|slot| slot.generation.name == generation.name) {
                        let number = slot.generation.number;
                        slot.orders.send_modify(|orders| {
                            orders.serving = number == generation.number;
                            orders.comes_next &= number != generation.number && Some(number) != before;
                        });
                    }
                    self.tell(member);
                }
                // Not yet, or the roster is a moment old.
                Ok(Switched::Already | Switched::Behind { .. } | Switched::Older)
                | Err(SwitchError::Gone { .. } | SwitchError::NotLive { .. } | SwitchError::Never { .. }) => {}
                Err(error) => {
                    let trouble = chain(&error);
                    tracing::warn!(
                        projection = generation.name,
                        generation = generation.number,
                        error = trouble,
                        "readers could not be switched to a new generation; trying again"
                    );
                    let noted = switch::note_trouble(self.shared.log().pool(), generation, &trouble).await;
                    if let Err(error) = noted {
                        tracing::warn!(error = %error, "that could not be noted either");
                    }
                }
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
