//! What the verifiers of a process know: which keys may sign, and what was taken back before its time.
//!
//! Somebody reads both from where they are kept and renews them here, about once a second; verifying a token only
//! looks. Where nobody has renewed them for [`MAX_AGE`], no token is accepted: a process that cannot hear of
//! revocations must not go on as if there were none.

use super::{Identity, KeySet, LEEWAY_S, LogPlace};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{ActorId, TenantId};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How old the knowledge may be. The bound of how long a revoked token is still accepted anywhere.
pub const MAX_AGE: Duration = Duration::from_secs(5);

/// What was taken back. Entries are needed until the last token that they are about has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Families of tokens (`sid`) that were ended.
    pub families: HashSet<Uuid>,
    /// Single tokens (`jti`).
    pub tokens: HashSet<Box<str>>,
    /// Actors whose tokens from before this are refused, in every tenant.
    pub actors: HashMap<ActorId, Since>,
    /// Actors whose tokens for one tenant from before this are refused: what they may do there has changed.
    pub members: HashMap<(TenantId, ActorId), Since>,
    /// Tenants that may read and change nothing.
    pub suspended: HashSet<TenantId>,
}

/// From where on tokens say what is so: the event that changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// Its place in the log.
    pub place: LogPlace,
    /// When it was recorded: for tokens that do not say as of which place they are.
    pub at: DateTime<Utc>,
}

/// How old a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issued {
    /// It says what was so at this place of the log.
    AsOf(LogPlace),
    /// It says only when it was issued, by the clock of whoever did.
    At(DateTime<Utc>),
    /// It says nothing itself: it was looked up just now.
    Now,
}

impl Issued {
    /// Whether the token says what was so before. The issuer's clock may be ahead by as much as clocks may be apart.
    fn is_before(self, since: &Since) -> bool {
        match self {
            Self::AsOf(place) => place < since.place,
            Self::At(moment) => moment <= since.at + TimeDelta::seconds(LEEWAY_S),
            Self::Now => false,
        }
    }
}

impl Revoked {
    /// Whether the token of `identity` was taken back.
    fn includes(&self, identity: &Identity, issued: Issued) -> bool {
        let is_older = |since: Option<&Since>| since.is_some_and(|since| issued.is_before(since));
        identity.sid.is_some_and(|sid| self.families.contains(&sid))
            || self.tokens.contains(&identity.token_id)
            || is_older(self.actors.get(&identity.actor.id))
            || is_older(self.members.get(&(identity.tenant_id, identity.actor.id)))
    }
}

#[derive(Debug)]
struct State {
    keys: KeySet,
    revoked: Revoked,
    renewed: Option<Instant>,
}

/// Shared by all verifiers of a process.
#[derive(Debug)]
pub struct LiveTrust {
    state: RwLock<Arc<State>>,
    /// Accepted whatever the live keys are.
    fixed: KeySet,
    is_live: bool,
}

/// How a token stands with what is known now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    UnknownKey,
    Revoked,
    Stale,
}

impl LiveTrust {
    /// These keys and no other, nothing revoked, for ever.
    pub fn fixed(keys: KeySet) -> Self {
        Self { state: RwLock::new(Arc::new(State::empty())), fixed: keys, is_live: false }
    }

    /// Nothing is known yet, so every token is refused until the first [`LiveTrust::renew`]. `fixed` keys are accepted
    /// beside those that come and go; what is revoked is revoked for their tokens too.
    pub fn live(fixed: KeySet) -> Self {
        Self { state: RwLock::new(Arc::new(State::empty())), fixed, is_live: true }
    }

    /// What is so now. Whatever was known before is forgotten.
    pub fn renew(&self, keys: KeySet, revoked: Revoked) {
        self.set(State { keys, revoked, renewed: Some(Instant::now()) });
    }

    /// Takes a family of tokens back at once, in this process; the others hear of it where it is kept.
    pub fn revoke_family(&self, sid: Uuid) {
        let state = self.state();
        let mut revoked = state.revoked.clone();
        revoked.families.insert(sid);
        self.set(State { keys: state.keys.clone(), revoked, renewed: state.renewed });
    }

    /// Whether the tenant may change nothing now.
    pub fn is_suspended(&self, tenant_id: TenantId) -> bool {
        self.state().revoked.suspended.contains(&tenant_id)
    }

    /// Whether tokens can be judged at all.
    pub fn is_current(&self) -> bool {
        !self.is_live || self.state().renewed.is_some_and(|at| at.elapsed() <= MAX_AGE)
    }

    pub(super) fn key(&self, kid: &str) -> Option<jsonwebtoken::DecodingKey> {
        self.fixed.find(kid).cloned().or_else(|| self.state().keys.find(kid).cloned())
    }

    pub(super) fn standing(&self, kid: &str, identity: &Identity, issued: Issued) -> Standing {
        let state = self.state();
        if !self.is_live {
            return if self.fixed.find(kid).is_some() { Standing::Good } else { Standing::UnknownKey };
        }
        if state.renewed.is_none_or(|at| at.elapsed() > MAX_AGE) {
            Standing::Stale
        } else if self.fixed.find(kid).is_none() && state.keys.find(kid).is_none() {
            Standing::UnknownKey
        } else if state.revoked.includes(identity, issued) {
            Standing::Revoked
        } else {
            Standing::Good
        }
    }

    /// How a token stands that no key has signed.
    pub(super) fn standing_of(&self, identity: &Identity) -> Standing {
        let state = self.state();
        if !self.is_current() {
            Standing::Stale
        } else if state.revoked.includes(identity, Issued::Now) {
            Standing::Revoked
        } else {
            Standing::Good
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}

impl State {
    fn empty() -> Self {
        Self { keys: KeySet::none(), revoked: Revoked::default(), renewed: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AuthError, Signer, Verifier, attacks::Forge};

    #[test]
    fn who_has_not_heard_of_revocations_for_too_long_accepts_nobody() {
        let signer = Signer::generate().unwrap();
        let token = Forge::new(&signer, "i", "a").unwrap().good();
        let keys = KeySet::parse(&signer.jwks().to_string()).unwrap();
        for fixed in [KeySet::none(), keys.clone()] {
            let trust = Arc::new(LiveTrust::live(fixed));
            let verifier = Verifier::live(Arc::clone(&trust), "i", "a");
            let heard = |ago: Duration| {
                let renewed = Instant::now().checked_sub(ago);
                trust.set(State { keys: keys.clone(), revoked: Revoked::default(), renewed });
                verifier.verify(&token).map(drop)
            };
            assert_eq!(heard(Duration::from_secs(1)), Ok(()));
            assert_eq!(heard(MAX_AGE + Duration::from_millis(1)), Err(AuthError::Unknowable));
            assert!(!trust.is_current());
            assert_eq!(heard(Duration::ZERO), Ok(()), "it heals by itself");
        }
    }
}
