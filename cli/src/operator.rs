//! Operator commands on the database: migrate.

use crate::arguments::OnDatabase;
use crate::attach::{self, Attached};
use crate::failure::Failure;
use crate::postgres::{Connections, Database};
use crate::root_key;
use crate::terminal::{Progress, print};
use event_store::{Log, Role, Vault};

/// A database and what must be let go afterwards.
pub(crate) struct Opened {
    attached: Attached,
    pub(crate) database: Database,
    pub(crate) progress: Progress,
}

/// Reaches the database that is meant, starting the folder's private one where nothing runs.
pub(crate) async fn open(on: &OnDatabase) -> Result<Opened, Failure> {
    crate::separate::refuse(&on.database.check())?;
    let progress = Progress::new(on.quiet);
    let given = on.database.database_url.as_ref().map(platform::config::Secret::expose);
    let attached = attach::to_any(given, &on.folder.data_dir, on.folder.programs(), &progress).await?;
    let allow_unsafe = on.start.allow_unsafe_postgres;
    match Database::open(&attached.database_url, on.start.patience(), allow_unsafe, &progress).await {
        Ok(database) => Ok(Opened { attached, database, progress }),
        Err(failure) => {
            attached.detach().await;
            Err(failure)
        }
    }
}

impl Opened {
    /// The log, for reading and folding.
    pub(crate) fn log(&self) -> Log {
        Log::new(self.database.pool("sillage-operator", Role::Engine, 4, Connections::default().wait))
    }

    /// NATS of the `sillage up` that runs the database, if one does.
    pub(crate) fn nats_url(&self) -> Option<String> {
        self.attached.nats_url.clone()
    }

    /// The same for those who write rows or compare them: they open personal data.
    ///
    /// # Errors
    /// There is no root key, or it is another one.
    pub(crate) async fn log_with_vault(&self, on: &OnDatabase) -> Result<Log, Failure> {
        Ok(self.log().with_vault(self.vault(on).await?))
    }

    /// The vault.
    ///
    /// # Errors
    /// There is no root key, or it is another one.
    pub(crate) async fn vault(&self, on: &OnDatabase) -> Result<Vault, Failure> {
        let root_keys = root_key::find(&on.root_key, &on.folder)?;
        let pool = self.database.pool("sillage-operator-keys", Role::Engine, 2, Connections::default().wait);
        Vault::open(pool, root_keys)
            .await
            .map_err(|error| Failure::failed("the keys of personal data cannot be used").because(error))
    }

    /// Lets everything go.
    pub(crate) async fn close(self) {
        self.database.probe().close().await;
        self.attached.detach().await;
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(on: &OnDatabase) -> Result<(), Failure> {
    let opened = open(on).await?;
    let migrated = opened.database.migrate().await;
    opened.close().await;
    migrated?;
    print("The database is up to date.");
    Ok(())
}

/// The log does not answer.
pub(crate) fn unreadable(error: event_store::ReadError) -> Failure {
    let remedy = match &error {
        event_store::ReadError::Archived(_) => {
            "Ask for what came later, read the Parquet files that the manifest lists, or bring them back: \
             `sillage log archive restore --from <position>`."
        }
        event_store::ReadError::Database(_) | event_store::ReadError::Damaged(_) => {
            "`sillage migrate` makes the schema where it is missing."
        }
    };
    Failure::failed("the log cannot be read").because(error).remedy(remedy)
}
