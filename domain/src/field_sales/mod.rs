//! Door-to-door field sales: zones, who works them, buildings, doors, visits and contracts.
//!
//! Choices made where the product page is silent:
//! - An assignment is one stream per user and user type, so "one current zone per user" needs no look-up.
//! - A building that is created without a zone gets the zone that its sales rep holds at that moment.
//! - A door takes every visit in the order in which it is recorded: the last one recorded gives the status,
//!   whatever its `visited_at`; only the time of the last visit goes by `visited_at`.
//! - A visit with the outcome `contract_signed` counts one contract unless it says how many.
//! - Appointments have a date and a wall-clock time at the door, without a time zone.

pub mod building;
pub mod contract;
pub mod door;
mod geography;
mod when;
mod whole;
pub mod zone;
pub mod zone_assignment;

pub use geography::{Coordinates, Degrees, Latitude, Longitude};
pub use when::{CLOCK_SKEW, EARLIEST_YEAR};
pub use whole::Whole;

/// Leads everybody in the field organisation, and sees what is theirs: for its administrators. Everybody else sees his
/// own, and that of those below him.
pub const LEAD_ALL: kernel::Scope = kernel::Scope::new("field_sales.team:lead_all");

kernel::typed_id! {
    /// A person, over all tenants: the `sub` of an access token.
    pub struct UserId;
    /// A zone: a circle on the map that people work in.
    pub struct ZoneId;
    /// One period in which one user held one zone.
    pub struct AssignmentId;
    /// A building.
    pub struct BuildingId;
    /// A door of a building; follows from the building and the number, see [`building::door_id`].
    pub struct DoorId;
    /// A contract.
    pub struct ContractId;
}

impl From<UserId> for kernel::ActorId {
    fn from(user_id: UserId) -> Self {
        Self(user_id.0)
    }
}

kernel::labelled! {
    /// In which role a user works a zone.
    pub enum UserType("field_sales.user_type") {
        /// Knocks on doors.
        SalesRep: "sales_rep" | "COMMERCIAL", "Sales rep", "Commercial";
        /// Leads sales reps.
        Manager: "manager" | "MANAGER", "Manager", "Manager";
        /// Leads managers.
        Director: "director" | "DIRECTEUR", "Director", "Directeur";
    }
}
