//! A small demo tenant: a wedding photographer's studio with a support desk and a door-to-door team, in French and English.
//!
//! Everything goes through the commands, as real users would send them, each with a key of its own: loading again after a
//! crash half way only adds what is missing.

mod month;
mod people;
mod story;
pub mod users;
mod voice;

use month::Month;
pub use month::Wish;
pub use people::{AGENT, CUSTOMER, MANAGER, PEOPLE, Person, SALES_REP, SECOND_CUSTOMER, TENANT, named};
pub use story::DemoIds;
pub use users::{Credentials, USERS};

use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::node::Node;
use crate::run_file::write_privately;
use crate::tokens::Audience;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use event_store::Log;
use kernel::LogId;
use serde::{Deserialize, Serialize};
use std::path::Path;
use story::Story;
use voice::Voice;

/// What the data folder remembers of the demo tenant.
#[derive(Serialize, Deserialize)]
struct Remembered {
    /// The log that it was loaded into.
    log_id: LogId,
    /// The day on which loading began: the visits and appointments hang on it, and a repeat must say the same.
    day: chrono::NaiveDate,
    /// The ids, once everything is loaded.
    ids: Option<DemoIds>,
    /// The people, once they can sign in.
    #[serde(default)]
    people: Option<Settled>,
    /// The month at the support desk, once it is being told.
    #[serde(default)]
    month: Option<Month>,
}

/// The people of the demo, as they were last made.
#[derive(Clone, Serialize, Deserialize)]
struct Settled {
    edition: u32,
    password: String,
}

/// The demo tenant, loaded.
pub struct Demo {
    /// What examples need.
    pub ids: DemoIds,
    /// By what everybody in it signs in.
    pub password: String,
}

/// Where the demo tenant is loaded, and by whom it can be reached.
pub struct Place<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// Whether Postgres is the folder's own.
    pub is_private: bool,
    /// Whether nobody but this machine can come in.
    pub is_loopback: bool,
    /// Which month at the support desk is told besides.
    pub month: Option<Wish>,
}

/// Loads the demo tenant unless it is there. `None` where the log is somebody's real one: a log that has events and that
/// this folder knows nothing of, on a Postgres that was given.
///
/// # Errors
/// A command of the story is refused, or the log cannot be read.
pub async fn load(node: &Node, key: &LocalKey, place: &Place<'_>) -> Result<Option<Demo>, Failure> {
    let path = place.folder.join("demo.json");
    let unreadable = |error| Failure::failed("the log cannot be read").because(error);
    let head = Log::new(node.database().probe().clone()).head().await.map_err(unreadable)?;
    let remembered = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Remembered>(&text).ok());
    let remembered = remembered.filter(|remembered| remembered.log_id == head.log_id);
    if remembered.is_none() && head.position.0 != 0 && !place.is_private {
        return Ok(None);
    }
    let day = chrono::Utc::now().date_naive();
    let mut now = remembered.unwrap_or(Remembered { log_id: head.log_id, day, ids: None, people: None, month: None });
    let remember = |now: &Remembered| write_privately(&path, &serde_json::to_vec_pretty(now).unwrap_or_default());
    if now.ids.is_none() {
        remember(&now)?;
    }
    // The people come first: only members of a tenant are responsible for anything in it.
    let password = password(now.people.as_ref(), place)?;
    if now.people.as_ref().is_none_or(|known| known.edition != users::EDITION || known.password != password) {
        let door = node.door().ok_or_else(|| Failure::failed("there is no sign-in door"))?;
        users::settle(door, &password).await?;
        now.people = Some(Settled { edition: users::EDITION, password: password.clone() });
        remember(&now)?;
    }
    // The past comes before the story, so that the older tickets have the lower numbers.
    if let Some(wish) = &place.month {
        let mut month = now.month.filter(|month| month.is_what(wish)).unwrap_or_else(|| Month::of(wish));
        if !month.told {
            now.month = Some(month);
            remember(&now)?;
            match month.tell(node, key, &password, wish).await {
                Ok(()) => month.told = true,
                // What is missing is told at the next start; the rest of the demo does without.
                Err(failure) => tracing::warn!("{failure}"),
            }
            now.month = Some(month);
            remember(&now)?;
        }
    }
    let ids = if let Some(ids) = &now.ids {
        ids.clone()
    } else {
        let ids = tell(node, key, now.day).await?;
        now.ids = Some(ids.clone());
        remember(&now)?;
        ids
    };
    Ok(Some(Demo { ids, password }))
}

/// What is known to everybody is good only where nobody else comes in.
fn password(known: Option<&Settled>, place: &Place<'_>) -> Result<String, Failure> {
    if place.is_private && place.is_loopback {
        return Ok(users::PASSWORD.to_owned());
    }
    if let Some(known) = known.filter(|known| known.password != users::PASSWORD) {
        return Ok(known.password.clone());
    }
    let random = identity_api::secret::random::<12>();
    let random = random.map_err(|error| Failure::failed("no password can be made up").because(error))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Tells the story, which trusts the local key whatever the node trusts.
async fn tell(node: &Node, key: &LocalKey, day: chrono::NaiveDate) -> Result<DemoIds, Failure> {
    let audience = Audience::default();
    Story::new(Voice::new(node, key, &audience)?, key, &audience, day)?.tell().await
}
