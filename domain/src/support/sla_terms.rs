//! What the desk promises: in which time a ticket of each priority is first answered and resolved, and in whose hours.

use super::business_calendar::BusinessCalendar;
use super::response_targets::ResponseTime;
use super::ticket::TicketPriority;
use chrono::{DateTime, Utc};
use kernel::labelled;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

labelled! {
    /// What is promised of a ticket.
    pub enum SlaGoal("support.sla_goal") {
        /// A public answer of an agent.
        FirstResponse: "first_response", "First response", "Première réponse";
        /// That it is resolved.
        Resolution: "resolution", "Resolution", "Résolution";
    }
}

/// The targets of one priority, in business time; without one, whenever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlaTarget {
    /// Until an agent first answers.
    #[serde(default)]
    pub first_response: Option<ResponseTime>,
    /// Until it is resolved.
    #[serde(default)]
    pub resolution: Option<ResponseTime>,
}

impl SlaTarget {
    /// The target of a goal.
    pub const fn of(&self, goal: SlaGoal) -> Option<ResponseTime> {
        match goal {
            SlaGoal::FirstResponse => self.first_response,
            SlaGoal::Resolution => self.resolution,
        }
    }
}

/// The targets of every priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlaTargets {
    /// Of urgent tickets.
    #[serde(default)]
    pub urgent: SlaTarget,
    /// Of those with high priority.
    #[serde(default)]
    pub high: SlaTarget,
    /// Of usual ones.
    #[serde(default)]
    pub medium: SlaTarget,
    /// Of those that can wait.
    #[serde(default)]
    pub low: SlaTarget,
}

impl SlaTargets {
    /// The targets of a priority.
    pub const fn of(&self, priority: TicketPriority) -> &SlaTarget {
        match priority {
            TicketPriority::Urgent => &self.urgent,
            TicketPriority::High => &self.high,
            TicketPriority::Medium => &self.medium,
            TicketPriority::Low => &self.low,
        }
    }

    /// All of them.
    pub const fn all(&self) -> [&SlaTarget; 4] {
        [&self.urgent, &self.high, &self.medium, &self.low]
    }
}

/// Targets, and the calendar by which they are measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlaTerms {
    /// In which time.
    pub targets: SlaTargets,
    /// When time counts.
    pub calendar: BusinessCalendar,
}

/// When one goal is to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoalDue {
    /// When four fifths of its time are over.
    pub warn_at: DateTime<Utc>,
    /// When its time is over.
    pub due_at: DateTime<Utc>,
}

/// When the goals of a ticket are to be reached, if its clock is not paused before. Absent where there is no target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlaDue {
    /// The first answer.
    pub first_response: Option<GoalDue>,
    /// The resolution.
    pub resolution: Option<GoalDue>,
}

impl SlaDue {
    /// When a goal is to be reached.
    pub const fn of(&self, goal: SlaGoal) -> Option<GoalDue> {
        match goal {
            SlaGoal::FirstResponse => self.first_response,
            SlaGoal::Resolution => self.resolution,
        }
    }

    /// The first moment at which anything is to be told.
    pub fn first(&self) -> Option<DateTime<Utc>> {
        self.first_response.into_iter().chain(self.resolution).map(|due| due.warn_at).min()
    }
}
