//! A zone.

use crate::detail::Detail;
use domain::field_sales::zone;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::field_sales::zones::{ZoneRow, Zones};
use uuid::Uuid;

pub(crate) struct GetZone;

impl Detail for GetZone {
    type Model = Zones;
    const NAME: &'static str = "field_sales.get_zone";
    const SCOPE: Scope = Scope::new("field_sales.zone:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("field_sales.zone:read");

    fn streams(_row: &ZoneRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(zone::Event::CATEGORY, id)]
    }

    fn version(row: &ZoneRow) -> Option<Version> {
        Some(row.version)
    }
}
