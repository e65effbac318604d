//! Erasing a person: every step can be repeated, and the log says which are still to be done.

use domain::identity::{EMAIL_RESERVATION, INVITATION_RESERVATION, user};
use domain::privacy::subject::{CertifyErasure, ErasedKey, ErasureReason, RequestErasure, Subject};
use event_store::repository::LoadError;
use event_store::{Decisions, InternalCommand, States, Vault, VaultError};
use kernel::{Command, CommandId, Labelled, SubjectId, TenantId};
use sqlx::{PgPool, query, query_as, query_scalar};
use std::time::Duration;
use uuid::Uuid;

/// As long as any process may go on knowing a key: the vault looks once a second, and has a second for it.
const FORGETTING: Duration = Duration::from_secs(3);

/// What has been done, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is in the log which keys are to be destroyed.
    Requested,
    /// They are.
    KeysDestroyed,
    /// The account is closed, its secrets are deleted.
    AccountClosed,
    /// No process knows the keys, and no clear text is left in tables.
    TablesScrubbed,
    /// The certificate is in the log.
    Certified,
}

/// What an erasure came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Keys that were destroyed, now or before.
    pub keys: usize,
    /// Clear texts that were taken out now.
    pub texts: u64,
    /// Tables that were looked through.
    pub tables: u32,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Why an erasure is not complete. A repeat goes on.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing is kept about the subject, and nothing was erased before.
    #[error("nothing is kept about subject {0}")]
    Nobody(SubjectId),
    /// Postgres does not answer.
    #[error("reading or writing what is kept about a person")]
    Unavailable(#[from] sqlx::Error),
    /// The keys.
    #[error("destroying keys")]
    Vault(#[from] VaultError),
    /// The subject's stream.
    #[error("reading what was erased before")]
    Load(#[from] LoadError),
    /// The log does not take it.
    #[error("recording the erasure: {0}")]
    Record(String),
}

/// Erases people.
pub struct Eraser {
    pool: PgPool,
    decisions: Decisions,
}

impl Eraser {
    /// Works through `pool`, as the engine, and records through `decisions`, whose vault has the keys.
    pub const fn new(pool: PgPool, decisions: Decisions) -> Self {
        Self { pool, decisions }
    }

    /// Which keys would be destroyed: the subject's own in every tenant, or in one; with them those of the invitations that
    /// he accepted, or that wait for him at his address; the platform has one too where he was named with a new tenant.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn plan(&self, subject: SubjectId, tenant: Option<TenantId>) -> Result<Vec<ErasedKey>, EraseError> {
        let invitation = self.invitation_index(subject).await?;
        let found: Vec<(Uuid, Uuid)> = query_as(
            "with standing_for (tenant_id, subject_id) as ( \
                 select null::uuid, $1::uuid \
                 union select tenant_id, stream_id from log.events_json \
                 where category = 'identity.invitation' and type = 'accepted' and data ->> 'user_id' = $1::text \
                 union select tenant_id, stream_id from log.reservations where scope = $3 and key = $4) \
             select s.tenant_id, s.subject_id from keys.subjects s join standing_for w on w.subject_id = s.subject_id \
             and (w.tenant_id is null or s.tenant_id in (w.tenant_id, $5)) \
             where s.destroyed_at is null and ($2::uuid is null or s.tenant_id = $2) order by 1, 2",
        )
        .bind(subject.0)
        .bind(tenant.map(|tenant| tenant.0))
        .bind(INVITATION_RESERVATION)
        .bind(invitation)
        .bind(TenantId::PLATFORM.0)
        .fetch_all(&self.pool)
        .await?;
        let key = |(tenant, subject)| ErasedKey { kept_by: TenantId(tenant), subject_id: SubjectId(subject) };
        Ok(found.into_iter().map(key).collect())
    }

    /// By what invitations to the subject's address are found, where it has an account that can be read.
    async fn invitation_index(&self, subject: SubjectId) -> Result<Option<String>, EraseError> {
        let user = self.states().current::<user::User>(TenantId::PLATFORM, subject.0).await?;
        let Some(account) = user.account() else { return Ok(None) };
        let email = self.decisions.vault().reveal(TenantId::PLATFORM, &account.email).await?;
        let indexer = self.decisions.blind_indexer();
        Ok(email.map(|email| indexer.index(INVITATION_RESERVATION, email.as_str()).to_string()))
    }

    /// Erases. `go_on` hears of each step that was done, and may stop it there; a repeat then does the rest. Erasing again
    /// somebody who is erased finds nothing to do, and takes out what came back by a restore.
    ///
    /// # Errors
    /// See [`EraseError`]. A repeat goes on.
    pub async fn erase(
        &self,
        subject: SubjectId,
        tenant: Option<TenantId>,
        reason: ErasureReason,
        mut go_on: impl FnMut(Step) -> bool,
    ) -> Result<Erased, EraseError> {
        let mut erased = Erased { stopped: true, ..Erased::default() };
        let found = self.plan(subject, tenant).await?;
        if !found.is_empty() {
            self.carry_out(&RequestErasure { erased_keys: found, reason }, subject.0).await?;
        }
        let Some(keys) = self.requested(subject).await? else { return Err(EraseError::Nobody(subject)) };
        if !go_on(Step::Requested) {
            return Ok(erased);
        }
        for key in &keys {
            self.decisions.vault().destroy(key.kept_by, key.subject_id, reason.as_str()).await?;
            erased.keys += 1;
        }
        if !go_on(Step::KeysDestroyed) {
            return Ok(erased);
        }
        if keys.contains(&ErasedKey { kept_by: TenantId::PLATFORM, subject_id: subject }) {
            self.close_account(subject).await?;
        }
        self.empty_mailbox(&keys).await?;
        if !go_on(Step::AccountClosed) {
            return Ok(erased);
        }
        tokio::time::sleep(FORGETTING).await;
        (erased.texts, erased.tables) = self.scrub(&keys).await?;
        if !go_on(Step::TablesScrubbed) {
            return Ok(erased);
        }
        self.carry_out(&CertifyErasure { texts_removed: erased.texts.cast_signed() }, subject.0).await?;
        erased.stopped = !go_on(Step::Certified);
        Ok(erased)
    }

    /// Takes clear texts out of tables, and notes that there are none left.
    async fn scrub(&self, keys: &[ErasedKey]) -> Result<(u64, u32), EraseError> {
        let places: Vec<_> = keys.iter().map(|key| (key.kept_by, key.subject_id)).collect();
        let scrubbed = projector::scrub::scrub(&self.pool, &places).await?;
        let (tenants, ids): (Vec<Uuid>, Vec<Uuid>) = places.iter().map(|(tenant, id)| (tenant.0, id.0)).unzip();
        query(
            "update keys.erasures set scrubbed_at = clock_timestamp(), texts = $3 where scrubbed_at is null \
             and (tenant_id, subject_id) in (select * from unnest($1::uuid[], $2::uuid[]))",
        )
        .bind(tenants)
        .bind(ids)
        .bind(scrubbed.texts.cast_signed())
        .execute(&self.pool)
        .await?;
        Ok((scrubbed.texts, scrubbed.tables))
    }

    /// All keys that were ever to be destroyed.
    async fn requested(&self, subject: SubjectId) -> Result<Option<Vec<ErasedKey>>, EraseError> {
        let known = self.states().current::<Subject>(TenantId::PLATFORM, subject.0).await?;
        Ok(known.erasure().map(|erasure| erasure.erased_keys.clone()))
    }

    /// Nobody signs in any more, the address is free, and what the sign-in door kept is deleted.
    async fn close_account(&self, subject: SubjectId) -> Result<(), EraseError> {
        self.carry_out(&user::CloseErasedUser {}, subject.0).await?;
        query("delete from log.reservations where scope = $1 and stream_id = $2")
            .bind(EMAIL_RESERVATION)
            .bind(subject.0)
            .execute(&self.pool)
            .await?;
        for statement in [
            "delete from secrets.passwords where user_id = $1",
            "delete from secrets.second_factors where user_id = $1",
            "delete from secrets.known_places where user_id = $1",
            "delete from secrets.families where user_id = $1",
            "update secrets.access_log set network = null, user_agent = null where account = $1",
        ] {
            query(statement).bind(subject.0).execute(&self.pool).await?;
        }
        Ok(())
    }

    /// The development mailbox keeps mails as they would have gone out.
    async fn empty_mailbox(&self, keys: &[ErasedKey]) -> Result<(), EraseError> {
        if !query_scalar::<_, bool>("select exists (select from effects.mailbox)").fetch_one(&self.pool).await? {
            return Ok(());
        }
        for key in keys {
            query(
                "delete from effects.mailbox m using log.events_json e where e.tenant_id = $1 \
                 and e.category = 'notifications.email' and e.type = 'requested' and m.tenant_id = e.tenant_id \
                 and m.id = e.stream_id and position('v1:' || $2::text || ':' in e.data::text) > 0",
            )
            .bind(key.kept_by.0)
            .bind(key.subject_id.0)
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }

    pub(super) fn vault(&self) -> &Vault {
        self.decisions.vault()
    }

    pub(super) fn states(&self) -> &States {
        self.decisions.states()
    }

    pub(super) async fn carry_out<C: Command>(&self, command: &C, target: Uuid) -> Result<(), EraseError> {
        let internal = InternalCommand::new(TenantId::PLATFORM, target, CommandId(Uuid::now_v7()));
        let done = self.decisions.carry_out_internal(command, &internal).await;
        done.map(drop).map_err(|refused| EraseError::Record(format!("{refused:?}")))
    }
}
