//! The keys that sign access tokens: made here, sealed at rest, rotated without a cut.
//!
//! A new key is published before it signs, so that everybody who verifies has heard of it; an old one is believed until
//! the last token that it signed has ended. Several processes share the keys through Postgres.

use crate::families::interval;
use crate::seal::{Seal, SealError};
use chrono::{DateTime, TimeDelta, Utc};
use platform::auth::{Signer, SignerError};
use serde_json::{Value, json};
use sqlx::{PgPool, Row};
use std::sync::{Arc, PoisonError, RwLock};

/// How long a key is published before it signs: longer than others keep a copy of the key set.
pub const LEAD: TimeDelta = TimeDelta::seconds(120);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database is away.
    #[error("reading the signing keys")]
    Unavailable(#[from] sqlx::Error),
    /// A private key cannot be sealed or opened.
    #[error("the signing key {kid}")]
    Sealed {
        /// Which key.
        kid: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A key cannot be made or read.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// No key signs now.
    #[error("no key signs now: run `sillage keys rotate --signing`")]
    None,
}

/// Makes and rotates keys.
#[derive(Clone)]
pub struct KeyStore {
    pool: PgPool,
    seal: Arc<Seal>,
}

impl KeyStore {
    /// Keys in this database, sealed under this seal.
    pub const fn new(pool: PgPool, seal: Arc<Seal>) -> Self {
        Self { pool, seal }
    }

    /// Makes the first key where there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn ensure(&self) -> Result<(), KeyError> {
        let there: bool =
            sqlx::query_scalar("select exists (select from secrets.signing_keys where believed_until is null)")
                .fetch_one(&self.pool)
                .await?;
        // Two processes that start at once may both make one: then there are two, which harms nobody.
        if there { Ok(()) } else { self.rotate(TimeDelta::zero(), TimeDelta::zero()).await.map(drop) }
    }

    /// Makes a key that signs after `lead`. Those of before are believed for as long as a token that they sign until
    /// then may live. Gives the new key's id.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotate(&self, lead: TimeDelta, token_life: TimeDelta) -> Result<String, KeyError> {
        let signer = Signer::generate()?;
        let kid = signer.key_id().to_owned();
        let sealed = self
            .seal
            .seal(kid.as_bytes(), signer.to_private_pem().as_bytes())
            .map_err(|source| KeyError::Sealed { kid: kid.clone(), source })?;
        // Processes look once a second and tolerate five seconds without an answer.
        let overlap = lead + token_life + TimeDelta::seconds(2 * platform::auth::LEEWAY_S);
        sqlx::query(
            "with old as (update secrets.signing_keys set believed_until = clock_timestamp() + $5 \
             where believed_until is null) \
             insert into secrets.signing_keys (kid, public_jwk, sealed_private_key, signs_from) \
             values ($1, $2, $3, clock_timestamp() + $4)",
        )
        .bind(&kid)
        .bind(signer.jwks()["keys"][0].to_string())
        .bind(sealed)
        .bind(interval(lead))
        .bind(interval(overlap))
        .execute(&self.pool)
        .await?;
        Ok(kid)
    }

    /// Stops believing every key but the newest at once: their tokens end, and people refresh. For a key that leaked.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn revoke_old(&self) -> Result<u64, KeyError> {
        let done = sqlx::query(
            "update secrets.signing_keys set believed_until = clock_timestamp() where believed_until > clock_timestamp()",
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

/// The keys that a process signs with and publishes; renewed while it runs.
pub struct Keyring {
    store: KeyStore,
    ring: RwLock<Arc<Ring>>,
}

struct Ring {
    /// Which keys these are, to see that nothing has changed.
    kids: Vec<String>,
    signers: Vec<(DateTime<Utc>, Arc<Signer>)>,
    jwks: Value,
}

impl Keyring {
    /// The keys that there are now; the first is made where there is none.
    ///
    /// # Errors
    /// [`KeyError`]; most likely another root key.
    pub async fn open(store: KeyStore) -> Result<Self, KeyError> {
        store.ensure().await?;
        let empty = Ring { kids: Vec::new(), signers: Vec::new(), jwks: Value::Null };
        let keyring = Self { store, ring: RwLock::new(Arc::new(empty)) };
        keyring.renew().await?;
        Ok(keyring)
    }

    /// Looks again.
    ///
    /// # Errors
    /// [`KeyError`]; what was known stays known.
    pub async fn renew(&self) -> Result<(), KeyError> {
        let rows = sqlx::query(
            "select kid, public_jwk, sealed_private_key, signs_from from secrets.signing_keys \
             where believed_until is null or believed_until > clock_timestamp() order by signs_from, kid",
        )
        .fetch_all(&self.store.pool)
        .await?;
        let known = self.ring();
        let kids: Vec<String> = rows.iter().map(|row| row.get("kid")).collect();
        if kids == known.kids {
            return Ok(());
        }
        let mut signers = Vec::with_capacity(rows.len());
        let mut published = Vec::with_capacity(rows.len());
        for row in &rows {
            let kid: String = row.get("kid");
            let sealed = |source| KeyError::Sealed { kid: kid.clone(), source };
            let pem = self.store.seal.open(kid.as_bytes(), row.get("sealed_private_key")).map_err(sealed)?;
            let pem = String::from_utf8(pem).map_err(|_| sealed(SealError::Opening))?;
            signers.push((row.get("signs_from"), Arc::new(Signer::parse(&pem)?)));
            published.push(serde_json::from_str::<Value>(row.get("public_jwk")).unwrap_or_default());
        }
        let ring = Ring { kids, signers, jwks: json!({ "keys": published }) };
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// The key that signs at this moment: the newest whose time has come.
    ///
    /// # Errors
    /// [`KeyError::None`].
    pub fn signer(&self, now: DateTime<Utc>) -> Result<Arc<Signer>, KeyError> {
        let ring = self.ring();
        let signs = ring.signers.iter().rev().find(|(from, _)| *from <= now).or(ring.signers.first());
        signs.map(|(_, signer)| Arc::clone(signer)).ok_or(KeyError::None)
    }

    /// The public keys, those that will sign soon and those that have signed among them (RFC 7517).
    pub fn jwks(&self) -> Value {
        self.ring().jwks.clone()
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}
