//! Which parked stream an operator means, and by which code its events are folded: for the command line and for HTTP.

use crate::aside::{ParkedStream, parked_streams};
use crate::parking::ParkingError;
use crate::projection::Projection;
use sqlx::PgPool;
use uuid::Uuid;

/// A parked stream, as an operator names it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The read model.
    pub name: String,
    /// The stream's id.
    pub stream_id: Uuid,
    /// The generation; where several have parked the stream, the one that readers are shown.
    pub generation: Option<i32>,
    /// The tenant, where two have a stream of that id.
    pub tenant_id: Option<Uuid>,
}

impl Wanted {
    fn is(&self, one: &ParkedStream) -> bool {
        one.name == self.name
            && one.stream.stream_id == self.stream_id
            && self.generation.is_none_or(|generation| one.generation == generation)
            && self.tenant_id.is_none_or(|tenant| one.stream.tenant_id.0 == tenant)
    }
}

/// The one parked stream that is meant.
///
/// # Errors
/// There is none, or there are several; or Postgres does not answer.
pub async fn find(pool: &PgPool, wanted: &Wanted) -> Result<ParkedStream, ParkingError> {
    let all = parked_streams(pool).await?;
    let mut found: Vec<ParkedStream> = all.into_iter().filter(|one| wanted.is(one)).collect();
    if found.len() > 1 && wanted.generation.is_none() && found.iter().any(|one| one.serving) {
        found.retain(|one| one.serving);
    }
    let (name, stream_id) = (wanted.name.clone(), wanted.stream_id);
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(ParkingError::Several { name, stream_id }),
        (None, _) => Err(ParkingError::Unknown { name, stream_id }),
    }
}

/// The read model by which the events of a parked stream are folded: rows are folded by the code of their version only.
///
/// # Errors
/// None of these is it.
pub fn folded_by(models: Vec<Box<dyn Projection>>, parked: &ParkedStream) -> Result<Box<dyn Projection>, ParkingError> {
    let mut known: Vec<Box<dyn Projection>> = models.into_iter().filter(|model| model.name() == parked.name).collect();
    if let Some(at) = known.iter().position(|model| model.version() == parked.version) {
        return Ok(known.swap_remove(at));
    }
    let (name, generation, version) = (parked.name.clone(), parked.generation, parked.version);
    Err(ParkingError::OtherVersion { name, generation, version })
}
