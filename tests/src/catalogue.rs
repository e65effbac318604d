//! Every aggregate, one line each, so that tests can go through all of them.

use domain::{field_sales, files, identity, messaging, notifications, operations, privacy, support};
use kernel::{Aggregate, Category, DecodeError, Event, EventData, EventType, codec};

/// An aggregate with its type forgotten.
pub struct Entry {
    /// `support.ticket`; also its folder in `domain/src`, with a slash.
    pub category: &'static str,
    /// One example of every event type, as it is stored today.
    pub examples: Vec<EventData>,
    /// The event types that the code knows, with their fields.
    pub types: Vec<EventType>,
    /// Reads a stored event of any version and folds it into an empty state: both must always work.
    pub read: fn(&EventData) -> Result<(), DecodeError>,
}

/// Every aggregate of every context, by category.
pub fn aggregates() -> Vec<Entry> {
    vec![
        entry::<field_sales::building::Building>(),
        entry::<field_sales::contract::Contract>(),
        entry::<field_sales::door::Door>(),
        entry::<field_sales::zone::Zone>(),
        entry::<field_sales::zone_assignment::ZoneAssignment>(),
        entry::<files::stored_file::StoredFile>(),
        entry::<identity::administrators::Administrators>(),
        entry::<identity::api_key::ApiKey>(),
        entry::<identity::invitation::Invitation>(),
        entry::<identity::membership::Membership>(),
        entry::<identity::session::Session>(),
        entry::<identity::tenant::Tenant>(),
        entry::<identity::user::User>(),
        entry::<messaging::conversation::Conversation>(),
        entry::<notifications::email::Email>(),
        entry::<notifications::feed::Feed>(),
        entry::<notifications::webhook::Webhook>(),
        entry::<operations::projection::Projection>(),
        entry::<privacy::subject::Subject>(),
        entry::<support::article::Article>(),
        entry::<support::article_slug::Slugs>(),
        entry::<support::import::Import>(),
        entry::<support::sla_policy::SlaPolicy>(),
        entry::<support::ticket::Ticket>(),
    ]
}

fn entry<A: Aggregate>() -> Entry {
    let category = Category::of::<A::Event>();
    Entry {
        category: A::CATEGORY,
        examples: category.examples(),
        types: category.event_types(),
        read: |stored| {
            let event: A::Event = codec::decode(A::CATEGORY, A::Event::UPCASTERS, stored)?;
            let _ = A::default().evolve(&event);
            Ok(())
        },
    }
}
