//! What becomes of one ticket, from the question to the end.

use super::chance::Chance;
use super::hours::awake;
use super::people::{AGENTS, CUSTOMERS, Who};
use super::plan::{Deed, TICKETS, Thing};
use super::topics::{Phrases, Topic};
use super::{english, french};
use chrono::{DateTime, TimeDelta, Utc};
use domain::support::business_calendar::BusinessCalendar;
use serde_json::{Value, json};

/// Tells one ticket.
pub(super) struct Teller<'a> {
    chance: Chance,
    calendar: &'a BusinessCalendar,
    customer: Who,
    agent: Who,
    topic: &'static Topic,
    phrases: &'static Phrases,
    slots: [&'static str; 2],
    priority: &'static str,
    /// How long the desk takes, in percent of what is usual.
    pace: i64,
    at: DateTime<Utc>,
    deeds: Vec<Deed>,
}

impl<'a> Teller<'a> {
    /// Somebody writes about something; `is_busy` where many do.
    pub(super) fn new(mut chance: Chance, calendar: &'a BusinessCalendar, at: DateTime<Utc>, is_busy: bool) -> Self {
        // Some write often, most once or twice.
        let often = chance.percent(35);
        let customer = Who::Customer(if often { chance.place(CUSTOMERS / 5) * 5 } else { chance.place(CUSTOMERS) });
        let (topics, phrases) = if customer.is_french() {
            (french::TOPICS, &french::PHRASES)
        } else {
            (english::TOPICS, &english::PHRASES)
        };
        let weights: Vec<(usize, usize)> = topics.iter().enumerate().map(|(at, topic)| (at, topic.weight)).collect();
        let topic = &topics[*chance.weighed(&weights)];
        let [low, medium, high, urgent] = topic.priorities;
        let priority = *chance.weighed(&[("low", low), ("medium", medium), ("high", high), ("urgent", urgent)]);
        let slots = topic.slots.map(|slots| *chance.one(slots));
        let agent = Who::Agent(*chance.weighed(&[(0, 30), (1, 26), (2, 20), (3, 15), (4, 9)]) % AGENTS);
        // Now and then something is overlooked.
        let pace = *chance.weighed(&[(100, 94), (600, 6)]) * if is_busy { 3 } else { 1 };
        Self { chance, calendar, customer, agent, topic, phrases, slots, priority, pace, at, deeds: Vec::new() }
    }

    /// All of it.
    pub(super) fn told(mut self) -> Thing {
        self.opens();
        if self.chance.percent(4) {
            self.after_a_while(45);
            let reason = self.said(self.phrases.cancelled);
            self.does(self.customer, "status", json!({ "status": "cancelled", "reason": reason }));
        } else {
            self.is_taken_up();
            self.is_talked_about();
            self.ends();
        }
        Thing { collection: TICKETS, deeds: self.deeds }
    }

    /// One of these, with what it is about in its place.
    fn said(&mut self, of: &'static [&'static str]) -> String {
        let text = self.chance.one(of).replace("{a}", self.slots[0]).replace("{b}", self.slots[1]);
        let text = text.replace("{name}", self.customer.given_name());
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    fn does(&mut self, by: Who, act: &'static str, body: Value) {
        self.deeds.push(Deed { at: self.at, by, act, body, into: None });
    }

    /// About so many minutes later, when customers are awake.
    fn after_a_while(&mut self, minutes: i64) {
        let span = TimeDelta::seconds(self.chance.around(minutes) * 60 + self.chance.below(60));
        self.at = awake(self.at + span, &mut self.chance);
    }

    /// About so many minutes of the desk's time later.
    fn after_work(&mut self, minutes: i64) {
        let span = TimeDelta::seconds(self.chance.around(minutes) * 60 * self.pace / 100 + self.chance.below(60));
        self.at = self.calendar.after(self.at, span);
    }

    fn a_moment_later(&mut self) {
        self.at += TimeDelta::seconds(12 + self.chance.below(70));
    }

    fn opens(&mut self) {
        let subject = self.said(self.topic.subjects);
        let parts = [self.said(self.phrases.hello), self.said(self.topic.questions), self.said(self.phrases.bye)];
        let description = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n\n");
        let body = json!({
            "subject": subject, "description": description, "priority": self.priority, "category": self.topic.category,
            "tags": self.topic.tags,
        });
        self.does(self.customer, "", body);
    }

    fn is_taken_up(&mut self) {
        let minutes = match self.priority {
            "urgent" => 24,
            "high" => 50,
            "medium" => 110,
            _ => 200,
        };
        self.after_work(minutes / 2);
        if self.chance.percent(6) {
            let raised = if self.priority == "low" { "medium" } else { "high" };
            self.does(self.agent, "priority", json!({ "priority": raised }));
            self.a_moment_later();
        }
        if self.chance.percent(5) {
            let category = if self.topic.category == "technical" { "bug" } else { "technical" };
            self.does(self.agent, "category", json!({ "category": category }));
            self.a_moment_later();
        }
        self.does(self.agent, "assign", json!({ "assignee_id": self.agent.id() }));
        if self.chance.percent(30) {
            self.a_moment_later();
            let note = self.said(self.topic.notes);
            self.does(self.agent, "notes", json!({ "content": note }));
        }
        if self.chance.percent(12) {
            self.a_moment_later();
            self.does(self.agent, "tag", json!({ "tags": ["vip"] }));
        }
        let taken_up = self.at;
        self.after_work(minutes / 2);
        let asked_again = taken_up + (self.at - taken_up) / 2;
        if self.chance.percent(9) && awake(asked_again, &mut self.chance) == asked_again {
            let (at, by, content) = (asked_again, self.customer, self.said(self.phrases.twice));
            self.deeds.push(Deed { at, by, act: "replies", body: json!({ "content": content }), into: None });
        }
    }

    fn answers(&mut self, by: &'static [&'static str]) {
        let parts = [self.said(self.phrases.greet), self.said(by), self.said(self.phrases.sign)];
        self.does(self.agent, "replies", json!({ "content": parts.join("\n\n") }));
    }

    fn is_talked_about(&mut self) {
        for _ in 0..*self.chance.weighed(&[(0, 45), (1, 40), (2, 15)]) {
            self.answers(self.topic.asks);
            self.a_moment_later();
            self.does(self.agent, "status", json!({ "status": "waiting_customer" }));
            if self.chance.percent(9) {
                // The customer is not heard of again.
                self.at += TimeDelta::days(4);
                self.after_work(60);
                return;
            }
            self.after_a_while(400);
            let told = self.said(self.topic.tells);
            self.does(self.customer, "replies", json!({ "content": told }));
            self.after_work(90);
        }
        self.answers(self.topic.solutions);
        self.after_work(40);
    }

    fn ends(&mut self) {
        let is_answered = self.deeds.last().is_some_and(|last| last.act != "status");
        let reason = self.said(if is_answered { self.phrases.resolved } else { self.phrases.no_answer });
        self.does(self.agent, "status", json!({ "status": "resolved", "reason": reason }));
        if is_answered && self.chance.percent(8) {
            self.after_a_while(900);
            let content = self.said(self.phrases.again);
            self.does(self.customer, "replies", json!({ "content": content, "reopen": true }));
            self.after_work(80);
            self.answers(self.phrases.sorry);
            self.after_work(25);
            let reason = self.said(self.phrases.resolved);
            self.does(self.agent, "status", json!({ "status": "resolved", "reason": reason }));
        }
        if is_answered && self.chance.percent(55) {
            self.after_a_while(300);
            self.is_rated();
        }
        self.at += TimeDelta::days(2 + self.chance.below(4));
        self.after_work(30);
        let by = if self.chance.percent(20) { self.customer } else { self.agent };
        self.does(by, "status", json!({ "status": "closed" }));
    }

    fn is_rated(&mut self) {
        // Who had to wait is less pleased.
        let often = if self.pace > 100 { [14, 22, 28, 20, 16] } else { [48, 29, 13, 6, 4] };
        let score = *self.chance.weighed(&[(5, often[0]), (4, often[1]), (3, often[2]), (2, often[3]), (1, often[4])]);
        let comment = self.said(match score {
            4 | 5 => self.phrases.pleased,
            3 => self.phrases.content,
            _ => self.phrases.displeased,
        });
        let comment = if self.chance.percent(60) { json!(comment) } else { Value::Null };
        self.does(self.customer, "csat", json!({ "score": score, "comment": comment }));
    }
}
