//! Hearing of destroyed keys.

use super::{Inner, VaultError, store};
use kernel::{SubjectId, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{Row, query};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Between two looks. A look is one row by its primary key.
const PERIOD: Duration = Duration::from_secs(1);
/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Looks until the vault is dropped.
pub(super) fn start(inner: &Arc<Inner>) {
    let weak: Weak<Inner> = Arc::downgrade(inner);
    tokio::spawn(async move {
        let mut well = true;
        loop {
            tokio::time::sleep(PERIOD).await;
            let Some(inner) = weak.upgrade() else { return };
            let looked = tokio::time::timeout(PATIENCE, inner.refresh()).await;
            let is_well = matches!(looked, Ok(Ok(_)));
            if !is_well {
                // Whoever cannot hear of erasures has to ask for every key.
                inner.drop_all();
                if well {
                    tracing::warn!("it cannot be heard which keys of personal data were destroyed: none is cached");
                }
            }
            well = is_well;
        }
    });
}

impl Inner {
    pub(super) async fn refresh(&self) -> Result<i64, VaultError> {
        let seen = self.seen.load(Ordering::Acquire);
        let head = match store::head(&self.pool).await {
            Ok(head) => head,
            Err(error) => {
                self.drop_all();
                return Err(error);
            }
        };
        if head < seen {
            // `keys` was restored from a backup.
            self.drop_all();
            self.seen.store(head, Ordering::Release);
        } else if head > seen {
            let rows = query("select tenant_id, subject_id from keys.erasures where seq > $1 and seq <= $2")
                .bind(seen)
                .bind(head)
                .fetch_all(&self.pool)
                .await
                .inspect_err(|_| self.drop_all())?;
            let place = |row: &PgRow| Ok((TenantId(row.try_get(0)?), SubjectId(row.try_get(1)?)));
            self.drop_these(&rows.iter().map(place).collect::<Result<Vec<_>, sqlx::Error>>()?);
            self.seen.fetch_max(head, Ordering::AcqRel);
        }
        Ok(head)
    }

    pub(super) fn drop_these(&self, places: &[(TenantId, SubjectId)]) {
        self.drops.fetch_add(1, Ordering::AcqRel);
        self.invalidate(places);
    }

    /// Drops these without a word to whoever reads just now, and the tenants' keys, which are few.
    pub(super) fn invalidate<'a>(&self, places: impl IntoIterator<Item = &'a (TenantId, SubjectId)>) {
        for place in places {
            self.subjects.remove(place);
        }
        self.forget_tenants();
    }

    pub(super) fn drop_all(&self) {
        self.drops.fetch_add(1, Ordering::AcqRel);
        self.subjects.clear();
        self.forget_tenants();
    }

    pub(super) fn forget_tenants(&self) {
        self.latest.clear();
        self.tenants.clear();
    }
}
