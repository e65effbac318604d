//! How often somebody may try: guesses are slowed down, the owner of an account is not.
//!
//! Every try is counted before the password is looked at, for what its caller can show:
//!
//! - from a **device** that has signed in to this account before (its cookie): for account and device;
//! - from a **network** from which the account was signed in to before: for account and network;
//! - from anywhere else: for account and network, *and* for the account over all strangers together, *and* for the
//!   network over all accounts.
//!
//! So whoever guesses can use up the tries of strangers and not those of the owner. Each count lets a few tries pass,
//! then makes each wait twice as long as the one before, and never lets more than ten pass in 15 minutes. Accounts that
//! do not exist are counted alike. The counts are in Postgres, so that all processes share them.

use crate::place::{Place, Places};
use platform::http::Network;
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// Most tries that reach a password within 15 minutes, per count.
pub const MOST_TRIES: i32 = 10;
/// Tries that need not wait.
const FREE_TRIES: i32 = 5;
/// The same for a network over all accounts: offices share an address.
const MOST_TRIES_OF_A_NETWORK: i32 = 100;

/// Counts tries.
#[derive(Clone)]
pub struct Throttle {
    pool: PgPool,
    places: Places,
}

/// What is to be tried.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// The account; where there is none, what the address that was given is known by.
    pub account: Uuid,
    /// Where from.
    pub network: Network,
    /// The device that the caller shows.
    pub device: Option<&'a Place>,
}

/// A try that may go on.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// By what the caller is known to the account; empty for a stranger.
    own: Vec<u8>,
    /// How many tries came without a success, this one included.
    pub streak: i32,
}

/// Why a try may not go on.
#[derive(Debug, thiserror::Error)]
pub enum ThrottleError {
    /// Too many came before.
    #[error("too many tries; wait {wait_s} s")]
    Wait {
        /// Seconds until the next one may come.
        wait_s: u32,
    },
    /// The counts cannot be read.
    #[error("counting tries")]
    Unavailable(#[source] sqlx::Error),
}

impl Throttle {
    /// Counts in this database.
    pub const fn new(pool: PgPool, places: Places) -> Self {
        Self { pool, places }
    }

    /// Counts a try, or says how long it has to wait. What was counted is counted, whatever becomes of it.
    ///
    /// # Errors
    /// [`ThrottleError`].
    pub async fn admit(&self, wanted: &Try<'_>) -> Result<Admitted, ThrottleError> {
        let network = self.places.network(wanted.network);
        let known = self.known(wanted, &network).await.map_err(ThrottleError::Unavailable)?;
        let bucket = |sort: &str, parts: &[&[u8]]| self.places.bucket(sort, parts);
        let account = wanted.account.as_bytes().as_slice();
        let buckets = match known {
            Some(place) => vec![(bucket("own", &[account, place.as_bytes()]), MOST_TRIES)],
            None => vec![
                (bucket("stranger", &[account, network.as_bytes()]), MOST_TRIES),
                (bucket("strangers", &[account]), MOST_TRIES),
                (bucket("network", &[network.as_bytes()]), MOST_TRIES_OF_A_NETWORK),
            ],
        };
        let own = buckets[0].0.clone();
        let streak = self.count(buckets).await?;
        Ok(Admitted { own, streak })
    }

    /// Counts something that is not a password: mails asked for from one network.
    ///
    /// # Errors
    /// [`ThrottleError`].
    pub async fn admit_request(&self, what: &str, network: Network, most: i32) -> Result<(), ThrottleError> {
        let network = self.places.network(network);
        let bucket = self.places.bucket(what, &[network.as_bytes()]);
        self.count(vec![(bucket, most)]).await.map(drop)
    }

    /// Whether another mail may go to this account; the caller is told nothing about it.
    ///
    /// # Errors
    /// The counts cannot be read.
    pub async fn admit_mail(&self, account: Uuid, most: i32) -> Result<bool, sqlx::Error> {
        let bucket = self.places.bucket("mail", &[account.as_bytes()]);
        match self.count(vec![(bucket, most)]).await {
            Ok(_) => Ok(true),
            Err(ThrottleError::Wait { .. }) => Ok(false),
            Err(ThrottleError::Unavailable(error)) => Err(error),
        }
    }

    /// The try was right: what is counted for its caller begins anew.
    ///
    /// # Errors
    /// The database is away.
    pub async fn succeeded(&self, admitted: &Admitted) -> Result<(), sqlx::Error> {
        let forget = sqlx::query("delete from secrets.attempts where bucket = $1");
        forget.bind(&admitted.own).execute(&self.pool).await.map(drop)
    }

    /// The owner of the account was here: device and network are known from now on.
    ///
    /// # Errors
    /// The database is away.
    pub async fn remember(&self, user_id: Uuid, network: Network, device: Option<&Place>) -> Result<(), sqlx::Error> {
        let network = self.places.network(network);
        let places: Vec<&[u8]> = device.into_iter().chain([&network]).map(Place::as_bytes).collect();
        sqlx::query(
            "insert into secrets.known_places (user_id, place) select $1, unnest($2::bytea[]) \
             on conflict (user_id, place) do update set last_at = clock_timestamp()",
        )
        .bind(user_id)
        .bind(places)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// By which of its places the account knows the caller, the device before the network.
    async fn known(&self, wanted: &Try<'_>, network: &Place) -> Result<Option<Place>, sqlx::Error> {
        let candidates: Vec<&Place> = wanted.device.into_iter().chain([network]).collect();
        let bytes: Vec<&[u8]> = candidates.iter().map(|place| place.as_bytes()).collect();
        let known: Vec<Vec<u8>> =
            sqlx::query_scalar("select place from secrets.known_places where user_id = $1 and place = any($2)")
                .bind(wanted.account)
                .bind(bytes)
                .fetch_all(&self.pool)
                .await?;
        Ok(candidates.into_iter().find(|place| known.iter().any(|known| known == place.as_bytes())).cloned())
    }

    async fn count(&self, buckets: Vec<(Vec<u8>, i32)>) -> Result<i32, ThrottleError> {
        let (buckets, most): (Vec<Vec<u8>>, Vec<i32>) = buckets.into_iter().unzip();
        let free: Vec<i32> = most.iter().map(|most| if *most > MOST_TRIES { *most } else { FREE_TRIES }).collect();
        let row = sqlx::query("select wait_s, streak from secrets.admit($1, $2, $3, clock_timestamp())")
            .bind(buckets)
            .bind(free)
            .bind(most)
            .fetch_one(&self.pool)
            .await
            .map_err(ThrottleError::Unavailable)?;
        let wait_s: f64 = row.get(0);
        if wait_s > 0.0 {
            return Err(ThrottleError::Wait { wait_s: whole_seconds(wait_s) });
        }
        Ok(row.get(1))
    }
}

/// Rounded up; 15 minutes at most.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole_seconds(seconds: f64) -> u32 {
    seconds.ceil().clamp(1.0, 900.0) as u32
}
