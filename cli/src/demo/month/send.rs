//! Telling a month: one request per deed, in the order in which they happened.

use super::people::Who;
use super::plan::{Deed, Thing};
use crate::demo::TENANT;
use crate::demo::voice::{Said, Voice};
use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::node::Node;
use crate::tokens::{Audience, Grant, Ttl, issue};
use chrono::{DateTime, Utc};
use domain::identity::roles;
use domain::support::TELL_LATE;
use futures_util::future::try_join_all;
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// Deeds that are told at the same time, at most.
const AT_ONCE: usize = 12;

/// Whoever tells it, as everybody in it.
pub(super) struct Sender {
    voice: Voice,
    tokens: HashMap<Who, String>,
    prefix: String,
}

/// A deed and where it belongs: the place of its thing in the month, and its own among what becomes of that.
type Placed<'a> = (usize, usize, &'a Thing, &'a Deed);

impl Sender {
    /// Tells it under keys that begin so.
    pub(super) fn new(node: &Node, key: &LocalKey, prefix: String) -> Result<Self, Failure> {
        let audience = Audience::default();
        let token = |who: Who| {
            // They tell what they did then; in everyday life only administrators may.
            let scopes = roles::scopes_of(&[who.role()], TENANT);
            let scopes = scopes.names().chain([TELL_LATE.as_str()]).collect();
            let grant = Grant { tenant_id: TENANT, actor_id: who.id(), scopes, ttl: Ttl::minutes(60) };
            Ok((who, issue(key, &audience, &grant)?))
        };
        let tokens = Who::newcomers().chain([Who::Admin]).map(token).collect::<Result<_, Failure>>()?;
        Ok(Self { voice: Voice::new(node, key, &audience)?, tokens, prefix })
    }

    /// Tells what had happened by `now`. What was told before is known by its key and happens once.
    pub(super) async fn tell(
        &self,
        things: &[Thing],
        now: DateTime<Utc>,
        progress: impl Fn(usize),
    ) -> Result<(), Failure> {
        let placed = things.iter().enumerate().flat_map(|(place, thing)| {
            thing.deeds.iter().enumerate().map(move |(step, deed)| (place, step, thing, deed))
        });
        let mut deeds: Vec<Placed<'_>> = placed.filter(|(.., deed)| deed.at <= now).collect();
        deeds.sort_by_key(|(place, step, _, deed)| (deed.at, *place, *step));
        let mut made: HashMap<usize, Uuid> = HashMap::new();
        let mut done = 0;
        while done < deeds.len() {
            let next = together(&deeds[done..]);
            let ids = try_join_all(next.iter().map(|deed| self.one(*deed, &made))).await?;
            done += next.len();
            made.extend(ids);
            progress(done);
        }
        Ok(())
    }

    /// Tells one deed; gives the id of what it is about.
    async fn one(
        &self,
        (place, step, thing, deed): Placed<'_>,
        made: &HashMap<usize, Uuid>,
    ) -> Result<(usize, Uuid), Failure> {
        let mut body = deed.body.clone();
        if let Some(into) = deed.into.and_then(|into| made.get(&into)) {
            body["into"] = json!(into);
        }
        let path = match made.get(&place) {
            Some(id) if !deed.act.is_empty() => format!("{}/{id}/{}", thing.collection, deed.act),
            _ => thing.collection.to_owned(),
        };
        let key = format!("{}-{place}-{step}", self.prefix);
        let token = self.tokens.get(&deed.by).map(String::as_str).unwrap_or_default();
        let said = Said { token, path: &path, key: &key, at: Some(deed.at), body: &body };
        Ok((place, self.voice.say(&said).await?))
    }
}

/// The next deeds that may be told at the same time: about different things, at most one of them new so that numbers are in
/// order, and what is about two things by itself.
fn together<'a, 'b>(deeds: &'b [Placed<'a>]) -> &'b [Placed<'a>] {
    let (mut count, mut is_making) = (0, false);
    for (at, (place, _, _, deed)) in deeds.iter().enumerate().take(AT_ONCE) {
        let is_of_another = deeds[..at].iter().all(|(other, ..)| other != place);
        let (makes, is_alone) = (deed.act.is_empty(), deed.into.is_some());
        if at > 0 && (!is_of_another || (makes && is_making) || is_alone) {
            break;
        }
        is_making |= makes;
        count = at + 1;
        if is_alone {
            break;
        }
    }
    &deeds[..count]
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Wanted, month};
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn nothing_is_told_before_what_it_rests_on() {
        let things = month(&Wanted { seed: 1, tickets: 400, until: "2026-06-30".parse().unwrap() });
        let mut deeds: Vec<Placed<'_>> = Vec::new();
        for (place, thing) in things.iter().enumerate() {
            deeds.extend(thing.deeds.iter().enumerate().map(|(step, deed)| (place, step, thing, deed)));
        }
        deeds.sort_by_key(|(place, step, _, deed)| (deed.at, *place, *step));
        let (mut left, mut made, mut turns) = (&deeds[..], HashSet::new(), 0);
        while !left.is_empty() {
            let next = together(left);
            let places: HashSet<usize> = next.iter().map(|(place, ..)| *place).collect();
            assert_eq!(places.len(), next.len(), "one at a time of each");
            assert!(next.iter().filter(|(.., deed)| deed.act.is_empty()).count() <= 1, "numbers are in order");
            for (place, _, _, deed) in next {
                assert!(deed.act.is_empty() || made.contains(place), "{deed:?}");
                assert!(deed.into.is_none_or(|into| made.contains(&into) && next.len() == 1), "{deed:?}");
            }
            made.extend(places);
            (left, turns) = (&left[next.len()..], turns + 1);
        }
        assert!(deeds.len() > 3 * turns, "{turns} turns for {} deeds", deeds.len());
    }
}
