//! What operators do for a person whom data is kept about, and with the keys of that data.

mod erase;
mod export;

pub use erase::{EraseError, Erased, Eraser, Step};
pub use export::{ExportPersonError, Given, GivenFile, PersonExporter};

use crate::arguments::{Erase, ExportPerson, Rotate};
use crate::failure::Failure;
use crate::files::FileSettings;
use crate::operator::{Opened, open};
use crate::process::appender;
use crate::root_key::sign_in_keys;
use crate::terminal::{Meter, print};
use chrono::{TimeDelta, Utc};
use domain::privacy::subject::ErasureReason;
use event_store::{Decisions, Log, Role, States, Vault};
use identity_api::families::Lifetimes;
use identity_api::keys::{KeyStore, LEAD};
use kernel::{Labelled, Position, SubjectId, TenantId};
use sqlx::PgPool;
use std::time::Duration;

pub(crate) async fn run(wanted: &Erase) -> Result<(), Failure> {
    let reason = ErasureReason::ALL.iter().find(|reason| reason.as_str() == wanted.reason);
    let reason = *reason.ok_or_else(|| Failure::usage("--reason is asked, expired or ordered"))?;
    let opened = open(&wanted.on).await?;
    let outcome = Box::pin(erase(wanted, reason, &opened)).await;
    opened.close().await;
    outcome
}

async fn erase(wanted: &Erase, reason: ErasureReason, opened: &Opened) -> Result<(), Failure> {
    let vault = opened.vault(&wanted.on).await?;
    let pool = pool(opened);
    let eraser = eraser(opened, &pool, vault)?;
    let (subject, tenant) = (SubjectId(wanted.subject), wanted.tenant.map(TenantId));
    let failed =
        |error| Failure::failed("the erasure is not complete").because(error).remedy("Run it again: it goes on.");
    if wanted.dry_run {
        let keys = eraser.plan(subject, tenant).await.map_err(failed)?;
        for key in &keys {
            print(&format!("would destroy the key of {} in tenant {}", key.subject_id, key.kept_by));
        }
        print(&format!("{} keys; nothing was changed", keys.len()));
        return Ok(());
    }
    let certified = eraser.erase(subject, tenant, reason, |_| true).await.map_err(failed)?;
    print(&format!(
        "{subject} is erased: {} keys destroyed, {} clear texts taken out of {} tables. The certificate is the event \
         erasure_completed of privacy.subject {subject}.\n\
         Backups of the schema `keys` from before still open it: delete them. Freed pages of Postgres keep old bytes until \
         they are written over: `vacuum full` of the tables of schema `read` and of keys.subjects does it now.",
        certified.keys, certified.texts, certified.tables
    ));
    Ok(())
}

fn pool(opened: &Opened) -> PgPool {
    opened.database.pool("sillage-privacy", Role::Engine, 4, Duration::from_secs(5))
}

fn eraser(opened: &Opened, pool: &PgPool, vault: Vault) -> Result<Eraser, Failure> {
    let log = Log::new(pool.clone());
    let appender = appender(&opened.database.url, pool.clone())?;
    Ok(Eraser::new(pool.clone(), Decisions::new(appender, States::new(log.clone(), 10), log, vault)))
}

pub(crate) async fn export_person(wanted: &ExportPerson) -> Result<(), Failure> {
    let opened = open(&wanted.on).await?;
    let outcome = Box::pin(export(wanted, &opened)).await;
    opened.close().await;
    outcome
}

async fn export(wanted: &ExportPerson, opened: &Opened) -> Result<(), Failure> {
    let vault = opened.vault(&wanted.on).await?;
    let store = FileSettings::of(&wanted.files, &wanted.on.folder.data_dir)?.open(&vault)?;
    let pool = pool(opened);
    let exporter = PersonExporter::new(eraser(opened, &pool, vault)?, pool, opened.log(), store);
    let (subject, tenant) = (SubjectId(wanted.subject), wanted.tenant.map(TenantId));
    let meter = Meter::told("looking through the log", wanted.on.quiet);
    let looked = |at: Position, of: Position| meter.tell(at.0, of.0, "events looked at");
    let given = exporter.export(subject, tenant, &wanted.out, looked).await.map_err(|error| {
        let remedy = match &error {
            ExportPersonError::Nobody(_) => {
                "Is it the id of a user or customer? Whoever was erased left nothing to read."
            }
            ExportPersonError::Exists(_) => "Name another folder with --out.",
            ExportPersonError::File(..) => "See SILLAGE_FILES_DIR and SILLAGE_S3_BUCKET, then run it again.",
            _ => "Run it again: it begins anew.",
        };
        Failure::failed("nothing was exported").because(error).remedy(remedy)
    })?;
    let kept = given.files.iter().filter(|file| file.path.is_some()).count();
    print(&format!(
        "{}: {} events, {} sign-ins, {kept} files about {subject}. It is clear text: hand it over safely, then delete it. That it \
         was read is the event export_requested of privacy.subject {subject}.",
        wanted.out.display(),
        given.events,
        given.sign_ins,
    ));
    Ok(())
}

pub(crate) async fn rotate(wanted: &Rotate) -> Result<(), Failure> {
    let opened = open(&wanted.on).await?;
    let outcome = async {
        if wanted.signing {
            return rotate_signing(wanted, &opened).await;
        }
        let vault = opened.vault(&wanted.on).await?;
        let rotated = match wanted.tenant {
            Some(tenant) => vault.rotate_tenant(TenantId(tenant)).await,
            None => vault.rotate_root().await,
        };
        let rotated = rotated.map_err(|error| {
            Failure::failed("the rotation is not complete").because(error).remedy("Run it again: it goes on.")
        })?;
        print(&format!("{} keys were wrapped anew", rotated.keys));
        Ok(())
    }
    .await;
    opened.close().await;
    outcome
}

/// A new key for access tokens. Every process of the sign-in door looks for keys once a second.
async fn rotate_signing(wanted: &Rotate, opened: &Opened) -> Result<(), Failure> {
    let failed = |error| {
        Failure::failed("there is no new signing key")
            .because(error)
            .remedy("Run it again: a key too many harms nobody.")
    };
    let seal = sign_in_keys(&opened.vault(&wanted.on).await?)?.seal;
    let pool = opened.database.pool("sillage-signing-keys", Role::Engine, 1, Duration::from_secs(5));
    let keys = KeyStore::new(pool, seal);
    if wanted.leaked {
        let kid = keys.rotate(TimeDelta::zero(), TimeDelta::zero()).await.map_err(failed)?;
        let ended = keys.revoke_old().await.map_err(failed)?;
        print(&format!("{kid} signs from now on; tokens of {ended} earlier keys are refused within five seconds."));
        return Ok(());
    }
    let kid = keys.rotate(LEAD, Lifetimes::default().access).await.map_err(failed)?;
    let from = (Utc::now() + LEAD).format("%H:%M:%S");
    print(&format!(
        "{kid} is published now and signs from {from} UTC on. Tokens of the key before are good until they end, ten minutes \
         later at most."
    ));
    Ok(())
}
