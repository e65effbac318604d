//! Hearing at once of what operators did: a build begins when it is asked for, not at the next look.
//!
//! A hint and no more: the look at the roster once a second finds everything, also while nothing can be heard.

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{PgConnection, query};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Where acts are announced. Who commits one takes a lock of the whole database for a moment: good for acts of operators,
/// and for nothing that happens often.
const CHANNEL: &str = "projection_acts";
/// Between two tries to hear again.
const PAUSE: Duration = Duration::from_secs(1);

/// Announces an act, as soon as the transaction that does it is committed.
pub(crate) async fn announce(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    query("select pg_notify($1, '')").bind(CHANNEL).execute(connection).await.map(drop)
}

/// Listens until it is dropped.
pub(crate) struct Hearing {
    heard: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Hearing {
    pub(crate) fn start(session: PgConnectOptions) -> Self {
        let heard = Arc::new(Notify::new());
        let ring = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            loop {
                // Postgres is away, which others notice and tell of.
                let _ = listen(session.clone(), &ring).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { heard, task }
    }

    /// Rings when something was done since it rang last.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        Arc::clone(&self.heard)
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Rings for every act, until the connection ends.
async fn listen(session: PgConnectOptions, ring: &Notify) -> Result<(), sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(session).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // What was done before it listened is found by the next look.
        listener.recv().await?;
        ring.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acts::{self, Act, By};
    use sqlx::{PgPool, query_scalar};

    async fn listens(pool: &PgPool) {
        let listening =
            "select count(*) from pg_stat_activity where query ilike 'listen%' and datname = current_database()";
        while query_scalar::<_, i64>(listening).fetch_one(pool).await.unwrap() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn an_act_is_heard_when_it_is_committed_also_after_the_connection_was_lost() {
        let (_, pool) = test_support::database().await;
        let hearing = Hearing::start((*pool.connect_options()).clone());
        let bell = hearing.bell();
        for _ in 0..2 {
            tokio::time::timeout(Duration::from_secs(30), listens(&pool)).await.unwrap();
            let mut transaction = pool.begin().await.unwrap();
            acts::note(&mut transaction, "notes", 1, None, Act::Paused, &By::itself("a test")).await.unwrap();
            let early = tokio::time::timeout(Duration::from_millis(50), bell.notified()).await;
            assert!(early.is_err(), "nothing is heard of what may never have been");
            transaction.commit().await.unwrap();
            tokio::time::timeout(Duration::from_secs(30), bell.notified()).await.unwrap();
            let lost = "select pg_terminate_backend(pid, 10000) from pg_stat_activity \
                        where query ilike 'listen%' and datname = current_database()";
            query(lost).execute(&pool).await.unwrap();
        }
    }
}
