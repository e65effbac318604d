//! What a tenure owns: taken over, checked against the log, given back.

use super::{End, Slot, Tenure};
use crate::aside::{self, Aside};
use crate::control::{self, Checkpoint, Generation};
use crate::ddl::Statements;
use crate::lane::catch_up;
use crate::metrics;
use crate::runner::RunError;
use crate::status::State;
use crate::writer::Member;
use kernel::Position;
use std::sync::Arc;

impl Tenure {
    /// Takes over generations whose locks were got, and lets them catch up.
    pub(super) async fn gain(&mut self, indexes: Vec<usize>) -> Result<(), End> {
        let mut diverged = None;
        for index in indexes {
            if self.slots[index].is_dissolved {
                continue;
            }
            let Some(member) = self.take_over(index).await? else {
                // It was split, or merged, since the roster was read.
                self.slots[index].is_dissolved = true;
                self.asks.leave(index);
                continue;
            };
            let pool = self.shared.log().pool();
            let place = control::log_has(pool, member.log_id, member.at).await;
            match place {
                Ok(true) => self.send_to_lane(member),
                Ok(false) => {
                    let error = self.diverged(&member.generation, member.at.position).await;
                    // What was known to have diverged waits for an operator; it keeps nobody else from going on.
                    if self.slots[index].state == State::Diverged || self.is_of_before(&member).await? {
                        tracing::error!(error = %error, "a read model has to be built again");
                    } else {
                        diverged.get_or_insert(error);
                    }
                    self.failed.push(member);
                }
                Err(error) => {
                    self.failed.push(member);
                    return Err(End::Lost(error.to_string()));
                }
            }
        }
        diverged.map_or(Ok(()), |error| Err(End::Failed(error)))
    }

    pub(super) async fn take_over(&self, index: usize) -> Result<Option<Member>, End> {
        let Slot { generation, orders, comparing, .. } = &self.slots[index];
        let model = self
            .shared
            .models
            .iter()
            .find(|model| model.name() == generation.name && model.version() == generation.version);
        let Some(model) = model else { unreachable!("the roster lists what this process has models for") };
        let pool = self.shared.log().pool();
        let taken = control::take_over(pool, generation).await;
        let taken = taken.map_err(|error| End::Lost(error.to_string()))?;
        let Some(Checkpoint { log_id, at, owner_epoch }) = taken else { return Ok(None) };
        tracing::info!(
            projection = generation.name,
            generation = generation.number,
            version = generation.version,
            part = generation.part.number,
            parts = generation.part.of,
            position = at.position.0,
            owner_epoch,
            "folding a read model"
        );
        let mut projection = model.fresh();
        let statements = Statements::new(generation.name, generation.number, &projection.table());
        projection.open(statements, generation.part, self.shared.options.catch_up_rows, at.position == Position::ZERO);
        metrics::stopped(generation.name, false);
        let aside = self.aside(generation).await.map_err(|error| End::Lost(error.to_string()))?;
        let (generation, orders, aside) = (generation.clone(), orders.subscribe(), Arc::new(aside));
        let comparing = comparing.clone();
        Ok(Some(Member {
            projection,
            generation,
            slot: index,
            orders,
            log_id,
            at,
            owner_epoch,
            aside,
            comparing,
            live: false,
        }))
    }

    /// What the generation has set aside. Nobody but its owner adds to it, and who takes from it ends the ownership.
    pub(super) async fn aside(&self, generation: &Generation) -> Result<Aside, sqlx::Error> {
        let mut connection = self.shared.log().pool().acquire().await?;
        aside::load(&mut connection, generation.name, generation.number).await
    }

    pub(super) fn send_to_lane(&mut self, member: Member) {
        let stop = self.stop_lanes.child_token();
        self.stop_lane.insert(member.slot, stop.clone());
        self.lanes.spawn(catch_up(member, Arc::clone(&self.shared), stop));
    }

    /// Others are to fold these: what is in hand is written, what is in memory dropped. What is being built stays: the work
    /// of minutes would be lost.
    pub(super) fn give_back(&mut self, slots: &[usize]) {
        for members in [&mut self.group, &mut self.ahead, &mut self.failed, &mut self.paused] {
            for member in members.extract_if(.., |member| slots.contains(&member.slot)) {
                tracing::info!(
                    projection = member.generation.name,
                    generation = member.generation.number,
                    position = member.at.position.0,
                    "another process folds a read model from here on"
                );
                metrics::stopped(member.generation.name, false);
                self.asks.give_back(member.slot);
            }
        }
        for slot in slots.iter().filter(|slot| self.slots[**slot].state != State::Building) {
            if let Some(stop) = self.stop_lane.get(slot) {
                self.given_back.insert(*slot);
                stop.cancel();
            }
        }
    }

    /// Of members whose checkpoints were refused, those that are still owned. The others have another owner now, or an
    /// operator has ended the ownership: they are asked for again.
    pub(super) async fn still_owned(&mut self, members: Vec<Member>) -> Result<Vec<Member>, End> {
        let pool = self.shared.log().pool();
        let mut owned = Vec::with_capacity(members.len());
        for member in members {
            match control::owner_epoch(pool, &member.generation).await {
                Ok(epoch) if epoch == Some(member.owner_epoch) => owned.push(member),
                Ok(_) => {
                    metrics::fenced();
                    tracing::warn!(
                        projection = member.generation.name,
                        generation = member.generation.number,
                        "fenced: another process folds the read model, or an operator has worked on it"
                    );
                    self.asks.give_back(member.slot);
                }
                Err(error) => return Err(End::Lost(error.to_string())),
            }
        }
        Ok(owned)
    }

    /// Compares the group's place with the log as it is now.
    pub(super) async fn verify_group(&self) -> Result<(), End> {
        let Some(first) = self.group.first() else { return Ok(()) };
        let pool = self.shared.log().pool();
        let is_there = control::log_has(pool, first.log_id, first.at).await;
        if is_there.map_err(|error| End::Lost(error.to_string()))? {
            return Ok(());
        }
        let mut error = self.diverged(&first.generation, first.at.position).await;
        for member in &self.group[1..] {
            error = self.diverged(&member.generation, member.at.position).await;
        }
        Err(End::Failed(error))
    }

    /// Whether somebody has adopted the log since the member last folded: he knows that such members have to be built again.
    async fn is_of_before(&self, member: &Member) -> Result<bool, End> {
        let pool = self.shared.log().pool();
        control::is_of_before(pool, member.at).await.map_err(|error| End::Lost(error.to_string()))
    }

    /// Records, for everybody to see, that the log is not the one that was read.
    pub(super) async fn foreign(&self, reason: Arc<str>) -> End {
        let error = RunError::Foreign(reason);
        drop(control::mark_all_diverged(self.shared.log().pool(), &error.to_string()).await);
        End::Failed(error)
    }

    /// Records, for everybody to see, that the log tells another history.
    pub(super) async fn diverged(&self, generation: &Generation, position: Position) -> RunError {
        let error = RunError::Diverged { name: generation.name, generation: generation.number, position };
        let pool = self.shared.log().pool();
        drop(control::mark_diverged(pool, generation, &error.to_string(), position).await);
        error
    }
}
