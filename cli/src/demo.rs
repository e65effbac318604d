//! A small demo tenant: a wedding photographer's studio with a support desk and a door-to-door team, in French and English.
//!
//! Everything goes through the commands, as real users would send them, each with a key of its own: loading again after a
//! crash half way only adds what is missing.

mod people;
mod story;

pub use people::{AGENT, CUSTOMER, MANAGER, PEOPLE, Person, SALES_REP, SECOND_CUSTOMER, TENANT, named};
pub use story::DemoIds;

use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::node::Node;
use crate::process::{appender, command_router};
use crate::run_file::write_privately;
use crate::tokens::Audience;
use event_store::Log;
use kernel::LogId;
use platform::auth::Verifier;
use platform::auth::standing::Unranked;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use story::Story;

/// What the data folder remembers of the demo tenant.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// The log that it was loaded into.
    log_id: LogId,
    /// The day on which loading began: the visits and appointments hang on it, and a repeat must say the same.
    day: chrono::NaiveDate,
    /// The ids, once everything is loaded.
    ids: Option<DemoIds>,
}

/// Loads the demo tenant unless it is there, and gives its ids. `None` where the log is somebody's real one: a log that
/// has events and that this folder knows nothing of, on a Postgres that was given (`is_private` false).
///
/// # Errors
/// A command of the story is refused, or the log cannot be read.
pub async fn load(node: &Node, key: &LocalKey, folder: &Path, is_private: bool) -> Result<Option<DemoIds>, Failure> {
    let path = folder.join("demo.json");
    let unreadable = |error| Failure::failed("the log cannot be read").because(error);
    let pool = node.database().probe().clone();
    let head = Log::new(pool.clone()).head().await.map_err(unreadable)?;
    let remembered = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Remembered>(&text).ok());
    let day = match remembered.filter(|remembered| remembered.log_id == head.log_id) {
        Some(Remembered { ids: Some(ids), .. }) => return Ok(Some(ids)),
        Some(Remembered { day, .. }) => day,
        None if head.position.0 == 0 || is_private => chrono::Utc::now().date_naive(),
        None => return Ok(None),
    };
    let remember = |ids: Option<DemoIds>| {
        let text = serde_json::to_vec_pretty(&Remembered { log_id: head.log_id, day, ids }).unwrap_or_default();
        write_privately(&path, &text)
    };
    remember(None)?;
    // A router of its own, which trusts the local key whatever the real one trusts.
    let audience = Audience::default();
    let verifier = Verifier::new(key.key_set()?, &audience.issuer, &audience.audience);
    let (appender, log) = (appender(&node.database().url, pool.clone())?, Log::new(pool));
    let router = command_router(verifier, &appender, &log, node.vault().clone(), Arc::new(Unranked))?;
    let ids = Story::new(router, key, &audience, day)?.tell().await?;
    remember(Some(ids.clone()))?;
    Ok(Some(ids))
}
