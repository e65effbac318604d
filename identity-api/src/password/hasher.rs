//! Argon2id on a bounded pool: as many at a time as there are cores, a few more waiting, the rest turned away. Its threads
//! give way to everything else, so that a flood of sign-ins costs commands nothing but idle time.

use super::threads::Threads;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, oneshot};

/// How passwords are hashed. What is stored carries its own parameters, so these can rise at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashingOptions {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Threads of one hash.
    pub lanes: u32,
    /// Hashes at a time.
    pub at_a_time: usize,
    /// Hashes that may wait for their turn; more are refused.
    pub waiting: usize,
}

impl Default for HashingOptions {
    /// What OWASP asks for at least; as many at a time as there are cores.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory_kib: 19_456, passes: 2, lanes: 1, at_a_time: cores, waiting: cores * 32 }
    }
}

/// Why there is no hash.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HashingError {
    /// More wait than may wait: later is better than now.
    #[error("too many passwords are being checked")]
    Overloaded,
    /// The stored hash cannot be read, or the parameters are impossible.
    #[error("hashing a password: {0}")]
    Broken(String),
}

/// Whether a password was the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not, or there is none.
    Wrong,
    /// It was.
    Right,
    /// It was, and the stored hash is weaker than hashes are made now.
    RightButWeak,
}

/// Hashes and checks passwords. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Hasher(Arc<Pool>);

struct Pool {
    options: HashingOptions,
    argon2: Argon2<'static>,
    threads: Threads,
    turns: Semaphore,
    waiting: AtomicUsize,
    /// Checked where there is nothing to check, so that it takes as long.
    dummy: String,
}

impl Hasher {
    /// A pool with these options.
    ///
    /// # Errors
    /// The parameters are impossible, or there are no threads to be had.
    pub fn new(options: HashingOptions) -> Result<Self, HashingError> {
        let params = Params::new(options.memory_kib, options.passes, options.lanes, None).map_err(broken)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = argon2.hash_password(b"nobody's password").map_err(broken)?.to_string();
        let turns = Semaphore::new(options.at_a_time);
        let threads = Threads::start(options.at_a_time).map_err(broken)?;
        Ok(Self(Arc::new(Pool { options, argon2, threads, turns, waiting: AtomicUsize::new(0), dummy })))
    }

    /// The PHC string of a password, with a fresh salt.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn hash(&self, password: &str) -> Result<String, HashingError> {
        let password = password.to_owned();
        self.run(move |pool| Ok(pool.argon2.hash_password(password.as_bytes()).map_err(broken)?.to_string())).await
    }

    /// Whether `password` is the one of `stored`. Where nothing is stored it takes as long and is wrong.
    ///
    /// # Errors
    /// [`HashingError`].
    pub async fn check(&self, password: &str, stored: Option<&str>) -> Result<Verdict, HashingError> {
        let (password, stored) = (password.to_owned(), stored.map(str::to_owned));
        self.run(move |pool| {
            let hash = PasswordHash::new(stored.as_deref().unwrap_or(&pool.dummy)).map_err(broken)?;
            let right = pool.argon2.verify_password(password.as_bytes(), &hash).is_ok();
            Ok(match (right && stored.is_some(), pool.is_weak(&hash)) {
                (false, _) => Verdict::Wrong,
                (true, false) => Verdict::Right,
                (true, true) => Verdict::RightButWeak,
            })
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pool) -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let place = Place::take(&self.0).ok_or(HashingError::Overloaded)?;
        let pool = Arc::clone(&self.0);
        let turn = pool.turns.acquire().await.map_err(broken)?;
        drop(place);
        let working = Arc::clone(&self.0);
        // The turn is given back when the hash is done, also when nobody waits for it any more.
        turn.forget();
        let (answer, answered) = oneshot::channel();
        pool.threads.run(move || {
            let turn = Turn(&working.turns);
            let done = work(&working);
            drop(turn);
            answer.send(done).ok();
        });
        answered.await.map_err(broken)?
    }
}

impl Pool {
    fn is_weak(&self, stored: &PasswordHash) -> bool {
        let Ok(params) = Params::try_from(stored) else { return true };
        let options = &self.options;
        stored.algorithm.as_str() != "argon2id"
            || params.m_cost() < options.memory_kib
            || params.t_cost() < options.passes
            || params.p_cost() < options.lanes
    }
}

struct Turn<'a>(&'a Semaphore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(pool: &'a Pool) -> Option<Self> {
        // Whoever is served at once waits for a moment too.
        let most = pool.options.waiting + pool.options.at_a_time;
        let place = Self(&pool.waiting);
        if pool.waiting.fetch_add(1, Ordering::Relaxed) < most { Some(place) } else { None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn broken(error: impl std::fmt::Display) -> HashingError {
    HashingError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> HashingOptions {
        HashingOptions { memory_kib: 256, passes: 1, lanes: 1, at_a_time: 2, waiting: 4 }
    }

    #[tokio::test]
    async fn a_password_is_checked_against_its_hash() {
        let hasher = Hasher::new(HashingOptions::default()).unwrap();
        let stored = hasher.hash("correct horse battery staple").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(stored, hasher.hash("correct horse battery staple").await.unwrap());
        let check = async |password: &str| hasher.check(password, Some(&stored)).await.unwrap();
        assert_eq!(check("correct horse battery staple").await, Verdict::Right);
        assert_eq!(check("correct horse battery stapl").await, Verdict::Wrong);
        assert_eq!(check("correct horse battery staple ").await, Verdict::Wrong);
        assert_eq!(hasher.check("nobody's password", None).await.unwrap(), Verdict::Wrong);
        assert!(hasher.check("x", Some("nonsense")).await.is_err());
    }

    #[tokio::test]
    async fn every_character_of_a_long_password_counts() {
        let hasher = Hasher::new(quick()).unwrap();
        let long = "é".repeat(500);
        let stored = hasher.hash(&long).await.unwrap();
        assert_eq!(hasher.check(&long, Some(&stored)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.check(&long[2..], Some(&stored)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_that_is_weaker_than_todays_is_told() {
        let stored = Hasher::new(quick()).unwrap().hash("gulmohar-trellis").await.unwrap();
        for (options, verdict) in [
            (quick(), Verdict::Right),
            (HashingOptions { memory_kib: 128, ..quick() }, Verdict::Right),
            (HashingOptions { memory_kib: 512, ..quick() }, Verdict::RightButWeak),
            (HashingOptions { passes: 2, ..quick() }, Verdict::RightButWeak),
        ] {
            let hasher = Hasher::new(options).unwrap();
            assert_eq!(hasher.check("gulmohar-trellis", Some(&stored)).await.unwrap(), verdict);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_flood_is_turned_away_and_leaves_no_trace() {
        let options = HashingOptions { memory_kib: 8_192, passes: 4, ..quick() };
        let hasher = Hasher::new(options).unwrap();
        let flood: Vec<_> = (0..40)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.check("x", None).await })
            })
            .collect();
        let (mut served, mut refused) = (0, 0);
        for one in flood {
            match one.await.unwrap() {
                Ok(_) => served += 1,
                Err(HashingError::Overloaded) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(served >= 6 && refused > 0, "{served} served, {refused} refused");
        assert_eq!((hasher.0.waiting.load(Ordering::Relaxed), hasher.0.turns.available_permits()), (0, 2));
        // Callers who hang up give their turns back too.
        for _ in 0..20 {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.check("x", None).await }).abort();
        }
        for _ in 0..1_000 {
            if hasher.0.turns.available_permits() == 2 && hasher.0.waiting.load(Ordering::Relaxed) == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("a turn was lost");
    }
}
