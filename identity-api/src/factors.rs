//! Second factors: codes of an authenticator app (RFC 6238), and recovery codes for the day it is lost. No code is good
//! twice.

use crate::seal::{Seal, SealError};
use crate::secret::{self, NoRandomness};
use sqlx::{PgPool, Row};
use std::sync::Arc;
use totp_rs::{Builder, Secret, Totp, TotpError};
use uuid::Uuid;

/// Recovery codes that a user gets.
pub const RECOVERY_CODES: usize = 10;
/// Thirty-two of them, so that each stands for five bits; without what people mistake for another (0, 1, l, o).
const CODE_LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Keeps second factors.
#[derive(Clone)]
pub struct Factors {
    pool: PgPool,
    seal: Arc<Seal>,
    issuer: String,
}

/// A factor that was set up and not proven yet.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The secret in base32, for people who type it.
    pub secret: String,
    /// The same as a link that apps read from a QR code.
    pub url: String,
}

/// What a user shows.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// Six digits of the app.
    Code(&'a str),
    /// One of the recovery codes.
    Recovery(&'a str),
}

/// Why a factor cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The database is away.
    #[error("reading a second factor")]
    Unavailable(#[from] sqlx::Error),
    /// It was sealed under another root key.
    #[error("a second factor")]
    Sealed(#[from] SealError),
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The secret is none.
    #[error("a second factor: {0}")]
    Broken(String),
}

impl From<TotpError> for FactorError {
    fn from(error: TotpError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Factors {
    /// Keeps them in this database, sealed; apps show `issuer` beside the account.
    pub const fn new(pool: PgPool, seal: Arc<Seal>, issuer: String) -> Self {
        Self { pool, seal, issuer }
    }

    /// Whether signing in asks for one.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn is_on(&self, user_id: Uuid) -> Result<bool, FactorError> {
        let on = "select exists (select from secrets.second_factors where user_id = $1 and confirmed_at is not null)";
        Ok(sqlx::query_scalar(on).bind(user_id).fetch_one(&self.pool).await?)
    }

    /// Sets one up; it counts when it is confirmed. One that was set up before and not confirmed is replaced. `None`
    /// where one is on already.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn enrol(&self, user_id: Uuid, account: &str) -> Result<Option<Enrolment>, FactorError> {
        let raw = secret::random::<20>()?;
        let sealed = self.seal.seal(user_id.as_bytes(), &raw)?;
        let done = sqlx::query(
            "insert into secrets.second_factors as f (user_id, sealed_secret) values ($1, $2) \
             on conflict (user_id) do update set sealed_secret = excluded.sealed_secret, last_step = 0 \
             where f.confirmed_at is null",
        )
        .bind(user_id)
        .bind(sealed)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        // Apps take what stands before a colon for the issuer.
        let totp = self.totp(&raw, &account.replace(':', " "))?;
        Ok(Some(Enrolment { secret: Secret::from(raw.as_slice()).to_base32(), url: totp.to_url()? }))
    }

    /// Turns a factor on that was set up, if the code shows that the app has it. Gives the recovery codes, which are
    /// shown once. `None` where the code is wrong or nothing was set up.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn confirm(&self, user_id: Uuid, code: &str, now_s: u64) -> Result<Option<Vec<String>>, FactorError> {
        let Some((raw, last_step)) = self.secret_of(user_id, false).await? else { return Ok(None) };
        let Some(step) = self.step(&raw, code, now_s, last_step)? else { return Ok(None) };
        let codes = recovery_codes()?;
        let hashes: Vec<Vec<u8>> = codes.iter().map(|code| hash(code)).collect();
        let done = sqlx::query(
            "update secrets.second_factors set confirmed_at = clock_timestamp(), last_step = $2, recovery_hashes = $3 \
             where user_id = $1 and confirmed_at is null and last_step < $2",
        )
        .bind(user_id)
        .bind(step)
        .bind(hashes)
        .execute(&self.pool)
        .await?;
        Ok((done.rows_affected() > 0).then_some(codes))
    }

    /// Whether what is shown proves the factor. It cannot be shown again.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn check(&self, user_id: Uuid, shown: Shown<'_>, now_s: u64) -> Result<bool, FactorError> {
        let spent = match shown {
            Shown::Code(code) => {
                let Some((raw, last_step)) = self.secret_of(user_id, true).await? else { return Ok(false) };
                let Some(step) = self.step(&raw, code, now_s, last_step)? else { return Ok(false) };
                // Of two at once with the same code one is later, and finds the step taken.
                sqlx::query("update secrets.second_factors set last_step = $2 where user_id = $1 and last_step < $2")
                    .bind(user_id)
                    .bind(step)
                    .execute(&self.pool)
                    .await?
            }
            Shown::Recovery(code) => {
                sqlx::query(
                    "update secrets.second_factors set recovery_hashes = array_remove(recovery_hashes, $2) \
                     where user_id = $1 and confirmed_at is not null and $2 = any(recovery_hashes)",
                )
                .bind(user_id)
                .bind(hash(code))
                .execute(&self.pool)
                .await?
            }
        };
        Ok(spent.rows_affected() > 0)
    }

    /// Forgets the factor.
    ///
    /// # Errors
    /// [`FactorError`].
    pub async fn remove(&self, user_id: Uuid) -> Result<(), FactorError> {
        sqlx::query("delete from secrets.second_factors where user_id = $1").bind(user_id).execute(&self.pool).await?;
        Ok(())
    }

    async fn secret_of(&self, user_id: Uuid, confirmed: bool) -> Result<Option<(Vec<u8>, i64)>, FactorError> {
        let row = sqlx::query(
            "select sealed_secret, last_step from secrets.second_factors \
             where user_id = $1 and (confirmed_at is not null) = $2",
        )
        .bind(user_id)
        .bind(confirmed)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some((self.seal.open(user_id.as_bytes(), row.get(0))?, row.get(1))))
    }

    /// The time step of a code, if it is one of the three around now and later than the last that was accepted.
    fn step(&self, raw: &[u8], code: &str, now_s: u64, last_step: i64) -> Result<Option<i64>, FactorError> {
        let step = self.totp(raw, "")?.check(code, now_s).and_then(|step| i64::try_from(step).ok());
        Ok(step.filter(|step| *step > last_step))
    }

    /// Six digits, thirty seconds, SHA-1: what every app can do.
    fn totp(&self, raw: &[u8], account: &str) -> Result<Totp, FactorError> {
        let builder = Builder::new().with_secret(raw).with_issuer(Some(self.issuer.as_str()));
        Ok(builder.with_account_name(account).build()?)
    }
}

fn recovery_codes() -> Result<Vec<String>, NoRandomness> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let letters: Vec<char> =
                secret::random::<16>()?.iter().map(|byte| char::from(CODE_LETTERS[usize::from(byte & 31)])).collect();
            let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
            Ok(groups.join("-"))
        })
        .collect()
}

/// Of a recovery code, however it is typed. It has 80 bits: there is nothing to guess.
fn hash(code: &str) -> Vec<u8> {
    let plain: String = code.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    secret::hash(&plain)
}
