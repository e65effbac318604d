//! The list of all read models: what a projector of this build folds.

use projector::{Projection, projection};
use read_models::field_sales::{Buildings, Contracts, CurrentZones, DoorVisits, Doors, ZoneAssignments, Zones};
use read_models::files::StoredFiles;
use read_models::identity::{ApiKeys, AuditEntries, Invitations, Members, Sessions, Tenants, UserMemberships, Users};
use read_models::messaging::{Conversations, Messages};
use read_models::notifications::{Feeds, Notifications, Webhooks};
use read_models::operations::ProjectionActs;
use read_models::support::{
    ArticleRevisions, ArticleSlugs, Articles, CustomerTickets, ImportRows, Imports, PublishedArticles, SlaPolicies,
    TicketActivities, TicketAttachments, TicketMessages, TicketNotes, Tickets,
};

/// A fresh projection of every read model. One line per read model.
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![
        projection::<Tickets>(),
        projection::<CustomerTickets>(),
        projection::<TicketActivities>(),
        projection::<TicketMessages>(),
        projection::<TicketNotes>(),
        projection::<SlaPolicies>(),
        projection::<TicketAttachments>(),
        projection::<Imports>(),
        projection::<ImportRows>(),
        projection::<Articles>(),
        projection::<PublishedArticles>(),
        projection::<ArticleSlugs>(),
        projection::<ArticleRevisions>(),
        projection::<Conversations>(),
        projection::<Messages>(),
        projection::<Notifications>(),
        projection::<Feeds>(),
        projection::<StoredFiles>(),
        projection::<Zones>(),
        projection::<ZoneAssignments>(),
        projection::<CurrentZones>(),
        projection::<Buildings>(),
        projection::<Doors>(),
        projection::<DoorVisits>(),
        projection::<Contracts>(),
        projection::<Tenants>(),
        projection::<Users>(),
        projection::<Members>(),
        projection::<UserMemberships>(),
        projection::<Invitations>(),
        projection::<ApiKeys>(),
        projection::<Sessions>(),
        projection::<AuditEntries>(),
        projection::<ProjectionActs>(),
        projection::<Webhooks>(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    #[test]
    fn every_read_model_is_listed_once() {
        let names: Vec<&str> = projections().iter().map(|model| model.name()).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
        let written = read_models_in(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../read-models/src")));
        assert_eq!(names.len(), written, "a read model is written and not listed, or the reverse: {names:?}");
    }

    /// How many read models the sources declare.
    fn read_models_in(folder: &Path) -> usize {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let counts = entries.map(|path| {
            if path.is_dir() {
                return read_models_in(&path);
            }
            let source = std::fs::read_to_string(path).unwrap();
            source.lines().filter(|line| line.starts_with("impl ReadModel for ")).count()
        });
        counts.sum()
    }
}
