//! How much one caller may ask for: per address before anything else, per tenant and per user once the token has told.
//!
//! A budget refills steadily: who has spent it may ask again after a fraction of the minute. Each process counts for
//! itself.

use super::Network;
use crate::auth::Identity;
use crate::problem::Problem;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use kernel::{ActorId, TenantId};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10.
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The window of every budget.
const WINDOW: Duration = Duration::from_mins(1);
/// After so many looks, those who have their whole budget again are forgotten.
const FORGET_EVERY: u64 = 8_192;

/// Requests a minute that a process answers, per …; 0 means any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of all users of one tenant together.
    pub tenant: u32,
    /// Of one user, service or API key in one tenant.
    pub user: u32,
    /// From one network address, with a token or without one.
    pub address: u32,
}

/// Where a caller stands with the tightest of his budgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    name: &'static str,
    quota: u32,
    remaining: u32,
}

impl Standing {
    /// Of two, the one with the smaller share left.
    pub(crate) fn tighter(self, other: Self) -> Self {
        let share = |one: Self, of: Self| u64::from(one.remaining) * u64::from(of.quota);
        if share(other, self) < share(self, other) { other } else { self }
    }

    /// `"user";q=600;w=60` and `"user";r=599;t=1`: what there is a minute, what is left, and when it is whole again.
    pub(crate) fn fields(self) -> [(HeaderName, Option<HeaderValue>); 2] {
        let Self { name, quota, remaining } = self;
        let window = WINDOW.as_secs();
        let whole_again = (u64::from(quota - remaining.min(quota)) * window).div_ceil(u64::from(quota));
        [
            (RATE_LIMIT_POLICY, HeaderValue::from_str(&format!("\"{name}\";q={quota};w={window}")).ok()),
            (RATE_LIMIT, HeaderValue::from_str(&format!("\"{name}\";r={remaining};t={whole_again}")).ok()),
        ]
    }
}

/// The budgets of one server.
#[derive(Debug)]
pub(crate) struct Budgets {
    tenants: Option<Budget<TenantId>>,
    users: Option<Budget<(TenantId, ActorId)>>,
    addresses: Option<Budget<Network>>,
}

impl Budgets {
    /// None where nothing is limited.
    pub(crate) fn new(rates: Rates) -> Option<Self> {
        let Rates { tenant, user, address } = rates;
        (rates != Rates::default()).then(|| Self {
            tenants: Budget::new("tenant", tenant),
            users: Budget::new("user", user),
            addresses: Budget::new("address", address),
        })
    }

    /// One request from this address.
    pub(crate) fn address(&self, network: Network) -> Result<Option<Standing>, Problem> {
        self.addresses.as_ref().map(|budget| budget.spend(&network)).transpose()
    }

    /// One request of this caller. The user's budget comes first: who has spent his own takes nothing from the others.
    pub(crate) fn caller(&self, identity: &Identity) -> Result<Option<Standing>, Problem> {
        let user = (identity.tenant_id, identity.actor.id);
        let user = self.users.as_ref().map(|budget| budget.spend(&user)).transpose()?;
        let tenant = self.tenants.as_ref().map(|budget| budget.spend(&identity.tenant_id)).transpose()?;
        Ok(match (user, tenant) {
            (Some(user), Some(tenant)) => Some(user.tighter(tenant)),
            (one, other) => one.or(other),
        })
    }
}

struct Budget<K: Hash + Eq + Clone> {
    name: &'static str,
    quota: NonZeroU32,
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
    looks: AtomicU64,
}

impl<K: Hash + Eq + Clone> std::fmt::Debug for Budget<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} a minute per {}", self.quota, self.name)
    }
}

impl<K: Hash + Eq + Clone> Budget<K> {
    fn new(name: &'static str, a_minute: u32) -> Option<Self> {
        let quota = NonZeroU32::new(a_minute)?;
        let refilling = Quota::with_period(WINDOW / a_minute)?.allow_burst(quota);
        let limiter = RateLimiter::dashmap(refilling).with_middleware::<StateInformationMiddleware>();
        Some(Self { name, quota, limiter, looks: AtomicU64::new(0) })
    }

    fn spend(&self, key: &K) -> Result<Standing, Problem> {
        if self.looks.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        let (name, quota) = (self.name, self.quota.get());
        match self.limiter.check_key(key) {
            Ok(state) => Ok(Standing { name, quota, remaining: state.remaining_burst_capacity() }),
            Err(not_until) => {
                let wait = not_until.wait_time_from(DefaultClock::default().now());
                Err(self.spent(u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX)))
            }
        }
    }

    fn spent(&self, wait_s: u32) -> Problem {
        let standing = Standing { name: self.name, quota: self.quota.get(), remaining: 0 };
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests")
            .detail(format!("this {} may ask {} times a minute", self.name, self.quota))
            .remedy("Wait for Retry-After, then repeat with the same Idempotency-Key; spread requests out.")
            .retry_after(wait_s);
        standing.fields().into_iter().fold(problem, |problem, (name, value)| match value {
            Some(value) => problem.header(name, value),
            None => problem,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_a_budget_of_its_own() {
        let budget = Budget::new("user", 3).unwrap();
        for left in [2, 1, 0] {
            assert_eq!(budget.spend(&1).unwrap(), Standing { name: "user", quota: 3, remaining: left });
        }
        let problem = budget.spend(&1).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (429, "rate_limited"));
        assert!(budget.spend(&2).is_ok());
        assert!(Budget::<u8>::new("user", 0).is_none());
        assert!(Budgets::new(Rates::default()).is_none());
    }

    #[test]
    fn a_budget_refills_while_it_is_not_spent() {
        let budget = Budget::new("user", 60_000).unwrap();
        while budget.spend(&()).is_ok() {}
        std::thread::sleep(Duration::from_millis(5));
        assert!(budget.spend(&()).is_ok(), "a thousand a second come back");
    }

    #[test]
    fn strangers_are_forgotten() {
        // Whole again after a thousandth of a second.
        let budget = Budget::new("address", 60_000).unwrap();
        for stranger in 0..FORGET_EVERY * 4 {
            budget.spend(&stranger).unwrap();
            if stranger % 1_000 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        assert!(budget.limiter.len() < 20_000, "{} are kept", budget.limiter.len());
    }

    #[test]
    fn the_tightest_is_told() {
        let user = Standing { name: "user", quota: 600, remaining: 599 };
        let tenant = Standing { name: "tenant", quota: 6_000, remaining: 3_000 };
        assert_eq!(user.tighter(tenant), tenant);
        assert_eq!(tenant.tighter(user), tenant);
        let told: Vec<_> = tenant.fields().into_iter().map(|(name, value)| (name, value.unwrap())).collect();
        assert_eq!(told[0].1, "\"tenant\";q=6000;w=60");
        assert_eq!(told[1].1, "\"tenant\";r=3000;t=30");
    }
}
