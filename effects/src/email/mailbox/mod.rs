//! The development mailbox: keeps mails instead of sending them, and shows them.
//!
//! It shows everybody's mails with working links to anybody who asks, so it exists only inside `sillage up`, only without
//! a mail server, and only on a loopback address.

mod page;

use super::compose::Outgoing;
use super::transport::{SendError, Transport};
use chrono::{DateTime, Utc};
use kernel::TenantId;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row, query};
use uuid::Uuid;

/// Mails that are kept; the oldest go first.
const KEPT: i64 = 1_000;

/// Keeps mails in a table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailbox {
    pool: PgPool,
}

/// A mail that was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// The effect.
    pub id: Uuid,
    /// In whose data.
    pub tenant_id: Uuid,
    /// When it would have been sent.
    pub received_at: DateTime<Utc>,
    /// From whom.
    pub sender: String,
    /// To whom.
    pub recipient: String,
    /// What stands in the list of mails.
    pub subject: String,
    /// The text form.
    pub plain: String,
    /// The HTML form.
    pub html: String,
    /// Links in it, in order.
    pub links: Vec<String>,
}

impl Mailbox {
    /// A mailbox in the database of `pool`, which works as [`event_store::Role::Engine`].
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Up to `most` mails, the latest first; those to one address, where one is given.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn list(&self, to: Option<&str>, most: i64) -> Result<Vec<Kept>, sqlx::Error> {
        let rows = query(
            "select id, tenant_id, received_at, sender, recipient, subject, plain, html from effects.mailbox \
             where $1::text is null or recipient = lower($1) order by received_at desc, id limit $2",
        )
        .bind(to)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(kept).collect()
    }

    /// One mail.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn get(&self, id: Uuid) -> Result<Option<Kept>, sqlx::Error> {
        let row = query(
            "select id, tenant_id, received_at, sender, recipient, subject, plain, html from effects.mailbox where id = $1",
        );
        row.bind(id).fetch_optional(&self.pool).await?.as_ref().map(kept).transpose()
    }

    /// The bytes of one mail, as they would have gone out.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn raw(&self, id: Uuid) -> Result<Option<Vec<u8>>, sqlx::Error> {
        sqlx::query_scalar("select raw from effects.mailbox where id = $1").bind(id).fetch_optional(&self.pool).await
    }

    /// Throws all mails away.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn clear(&self) -> Result<u64, sqlx::Error> {
        query("delete from effects.mailbox").execute(&self.pool).await.map(|done| done.rows_affected())
    }

    async fn keep(&self, tenant_id: TenantId, effect_id: Uuid, mail: &Outgoing) -> Result<(), sqlx::Error> {
        let sender = mail.message.headers().get_raw("From").unwrap_or_default();
        query(
            "insert into effects.mailbox (tenant_id, id, sender, recipient, subject, plain, html, raw) \
             values ($1, $2, $3, lower($4), $5, $6, $7, $8) on conflict (tenant_id, id) do update \
             set received_at = clock_timestamp()",
        )
        .bind(tenant_id.0)
        .bind(effect_id)
        .bind(sender)
        .bind(&mail.recipient)
        .bind(&mail.subject)
        .bind(&mail.plain)
        .bind(&mail.html)
        .bind(mail.message.formatted())
        .execute(&self.pool)
        .await?;
        query(
            "delete from effects.mailbox where received_at < \
             (select received_at from effects.mailbox order by received_at desc offset $1 limit 1)",
        )
        .bind(KEPT)
        .execute(&self.pool)
        .await
        .map(drop)
    }
}

impl Transport for Mailbox {
    async fn send(&self, tenant_id: TenantId, effect_id: Uuid, mail: &Outgoing) -> Result<(), SendError> {
        self.keep(tenant_id, effect_id, mail).await.map_err(|error| SendError::Away(error.to_string()))
    }
}

fn kept(row: &PgRow) -> Result<Kept, sqlx::Error> {
    let plain: String = row.try_get(6)?;
    let words = plain.split_whitespace().filter(|word| word.starts_with("http://") || word.starts_with("https://"));
    let links = words.map(str::to_owned).collect();
    Ok(Kept {
        id: row.try_get(0)?,
        tenant_id: row.try_get(1)?,
        received_at: row.try_get(2)?,
        sender: row.try_get(3)?,
        recipient: row.try_get(4)?,
        subject: row.try_get(5)?,
        plain,
        html: row.try_get(7)?,
        links,
    })
}
