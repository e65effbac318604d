//! The month as it is told: a pure function of seed, size and last day. The same month is the same requests.

use super::articles::{ARTICLES, article};
use super::chance::Chance;
use super::hours::{Days, awake};
use super::people::{AGENTS, Who};
use super::ticket::Teller;
use super::{english, french};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::support::business_calendar::BusinessCalendar;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const TICKETS: &str = "/v1/support/tickets";
const POLICIES: &str = "/v1/support/sla-policies";
const ARTICLE: &str = "/v1/support/articles";
/// The article that is never finished.
const DRAFT: usize = 6;

/// Which month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) seed: u64,
    pub(super) tickets: u16,
    /// The last day of it on which anybody writes for the first time; what is not over by then goes on.
    pub(super) until: NaiveDate,
}

/// Somebody does something at some time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Deed {
    pub(super) at: DateTime<Utc>,
    #[serde(skip)]
    pub(super) by: Who,
    /// What follows the thing's own address: `replies`; empty where the thing is made.
    pub(super) act: &'static str,
    pub(super) body: Value,
    /// The place in the month of the thing whose id is to stand in the body as `into`.
    pub(super) into: Option<usize>,
}

/// A ticket, an article or a promise, and what becomes of it, in order; the first deed makes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Thing {
    pub(super) collection: &'static str,
    pub(super) deeds: Vec<Deed>,
}

/// Everything that happens. The place of a thing in it is part of its keys.
pub(super) fn month(wanted: &Wanted) -> Vec<Thing> {
    let (chance, days) = (Chance::new(wanted.seed), Days::ending(wanted.until));
    let promise = promise();
    let calendar = serde_json::from_value::<BusinessCalendar>(promise["calendar"].clone()).unwrap_or_default();
    let made = Deed { at: days.morning(0), by: Who::Admin, act: "", body: promise, into: None };
    let mut things = vec![Thing { collection: POLICIES, deeds: vec![made] }];
    things.extend((0..ARTICLES.len()).map(|index| told_article(index, chance.of(900_000 + index), &days, &calendar)));
    let first = things.len();
    let moments = days.moments(&mut chance.of(1), wanted.tickets.into());
    things.extend(
        moments
            .into_iter()
            .enumerate()
            .map(|(number, at)| Teller::new(chance.of(1_000 + number), &calendar, at, days.is_of_incident(at)).told()),
    );
    let twice = written_twice(&things, first, chance.of(2));
    things.extend(twice);
    things
}

/// What the desk promises: office hours in Paris.
fn promise() -> Value {
    let day = json!([{ "from": "09:00", "to": "18:00" }]);
    json!({
        "targets": {
            "urgent": { "first_response": "1h", "resolution": "9h" },
            "high": { "first_response": "2h", "resolution": "18h" },
            "medium": { "first_response": "4h", "resolution": "36h" },
            "low": { "first_response": "9h" },
        },
        "calendar": {
            "time_zone": "Europe/Paris",
            "hours": {
                "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day,
                "saturday": [{ "from": "10:00", "to": "13:00" }],
            },
        },
        "timers": { "resolve_waiting_after_days": 14, "close_resolved_after_days": 14 },
    })
}

/// Some customers write twice about the same thing: the second ticket goes on in the first, where that is open still.
fn written_twice(things: &[Thing], first: usize, mut chance: Chance) -> Vec<Thing> {
    let mut second = Vec::new();
    for (place, Thing { deeds, .. }) in things.iter().enumerate().skip(first) {
        let Some(taken_up) = deeds.iter().find(|deed| deed.act == "assign") else { continue };
        let (opened, is_chosen) = (&deeds[0], chance.percent(10));
        let at = opened.at + (taken_up.at - opened.at) / 2;
        let merged_at = taken_up.at + TimeDelta::seconds(8 + chance.below(40));
        let is_over = deeds.iter().any(|deed| deed.act == "status" && deed.at <= merged_at);
        if !is_chosen || is_over || taken_up.at - opened.at < TimeDelta::minutes(20) || awake(at, &mut chance) != at {
            continue;
        }
        let phrases = if opened.by.is_french() { &french::PHRASES } else { &english::PHRASES };
        let mut body = opened.body.clone();
        body["description"] = json!(chance.one(phrases.twice));
        let merged = Deed { at: merged_at, by: taken_up.by, act: "merge", body: json!({}), into: Some(place) };
        second.push(Thing { collection: TICKETS, deeds: vec![Deed { at, body, ..opened.clone() }, merged] });
    }
    second
}

fn told_article(index: usize, mut chance: Chance, days: &Days, calendar: &BusinessCalendar) -> Thing {
    let after = |at, minutes| calendar.after(at, TimeDelta::minutes(minutes));
    let deed = |at, by, act, body| Deed { at, by, act, body, into: None };
    let author = Who::Agent(index % AGENTS);
    let drafted = after(days.morning(chance.below(9)), 30 + chance.below(300));
    let mut deeds = vec![deed(drafted, author, "", article(index, false))];
    if index == DRAFT {
        return Thing { collection: ARTICLE, deeds };
    }
    let published = after(drafted, 40 + chance.below(50));
    let mut later = vec![deed(published, Who::Admin, "publish", json!({}))];
    if chance.percent(40) {
        let revised = after(published + TimeDelta::days(6), 60 + chance.below(120));
        later.push(deed(revised, author, "revise", article(index, true)));
        later.push(deed(after(revised, 45), Who::Admin, "publish", json!({})));
    }
    if index.is_multiple_of(6) {
        later.push(deed(after(published, 10), Who::Admin, "feature", json!({})));
    }
    let votes = 2 + chance.place(8);
    for reader in Who::readers(ARTICLES[index].0 == "fr", chance.place(60), votes) {
        let at = awake(published + TimeDelta::minutes(180 + chance.below(20 * 24 * 60)), &mut chance);
        later.push(deed(at, reader, "rate", json!({ "helpful": chance.percent(78) })));
    }
    later.sort_by_key(|deed| deed.at);
    deeds.extend(later);
    Thing { collection: ARTICLE, deeds }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Datelike as _;
    use std::collections::{HashMap, HashSet};

    fn wanted(seed: u64) -> Wanted {
        Wanted { seed, tickets: 400, until: NaiveDate::from_ymd_opt(2026, 6, 30).unwrap() }
    }

    fn tickets(things: &[Thing]) -> impl Iterator<Item = &Thing> {
        things.iter().filter(|thing| thing.collection == TICKETS)
    }

    /// Whoever changes what is told raises `EDITION`: its keys must not meet those of another telling.
    #[test]
    fn the_same_seed_is_the_same_month_to_the_letter() {
        let told = |seed| serde_json::to_string(&month(&wanted(seed))).unwrap();
        assert_eq!(told(7), told(7));
        assert_ne!(told(7), told(8));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, told(7).as_bytes());
        assert_eq!((super::super::EDITION, &digest.as_ref()[..4]), (1, &[188, 48, 39, 214][..]));
    }

    #[test]
    fn workdays_have_more_and_no_workday_has_nothing() {
        for seed in 0..5 {
            let mut days: HashMap<NaiveDate, usize> = HashMap::new();
            for thing in tickets(&month(&wanted(seed))) {
                *days.entry(thing.deeds[0].at.date_naive()).or_default() += 1;
            }
            let on = |day: u32| days.get(&NaiveDate::from_ymd_opt(2026, 6, day).unwrap()).copied().unwrap_or_default();
            let (mondays, sundays) = (on(8) + on(15) + on(22), on(7) + on(14) + on(21));
            assert!(mondays > 2 * sundays, "{mondays} {sundays}");
            let workdays = (1..=30)
                .filter(|day| NaiveDate::from_ymd_opt(2026, 6, *day).unwrap().weekday().num_days_from_monday() < 5);
            assert!(workdays.clone().all(|day| on(day) > 0), "{days:?}");
        }
    }

    #[test]
    fn what_happens_to_a_thing_happens_in_order_and_by_its_people() {
        for seed in 0..5 {
            for thing in month(&wanted(seed)) {
                assert!(thing.deeds[0].act.is_empty(), "the first deed makes it");
                assert!(thing.deeds.is_sorted_by_key(|deed| deed.at), "{thing:#?}");
                assert!(thing.deeds.iter().skip(1).all(|deed| !deed.act.is_empty()));
                let asks: HashSet<Who> =
                    thing.deeds.iter().map(|deed| deed.by).filter(|who| matches!(who, Who::Customer(_))).collect();
                assert!(thing.collection != TICKETS || asks.len() == 1, "{thing:#?}");
            }
        }
    }

    #[test]
    fn the_month_has_something_of_everything() {
        let things = month(&wanted(1));
        let deeds = || things.iter().flat_map(|thing| &thing.deeds);
        let acts: HashSet<&str> = deeds().map(|deed| deed.act).collect();
        for act in [
            "", "replies", "notes", "assign", "status", "priority", "category", "tag", "csat", "merge", "publish",
            "revise", "feature", "rate",
        ] {
            assert!(acts.contains(act), "{act}");
        }
        let texts: HashSet<&Value> = tickets(&things).map(|thing| &thing.deeds[0].body["description"]).collect();
        assert!(texts.len() > 200, "{} different questions", texts.len());
        assert!(deeds().filter(|deed| deed.body["reopen"] == true).count() > 5);
        assert!(!deeds().any(|deed| deed.body.to_string().contains("{a}") || deed.body.to_string().contains("{b}")));
        let agents: HashSet<Who> = deeds().map(|deed| deed.by).filter(|who| matches!(who, Who::Agent(_))).collect();
        assert_eq!(agents.len(), AGENTS);
        let french = tickets(&things).filter(|thing| thing.deeds[0].by.is_french()).count();
        assert!((200..300).contains(&french), "{french} of {} in French", tickets(&things).count());
    }
}
