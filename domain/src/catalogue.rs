//! Every aggregate's events, one line each: for those who read them all, whatever they are about.

use crate::{field_sales, files, identity, messaging, notifications, operations, privacy, support};
use kernel::Category;

/// The events of every aggregate of every context, by category.
pub const fn categories() -> &'static [Category] {
    const ALL: &[Category] = &[
        Category::of::<field_sales::building::Event>(),
        Category::of::<field_sales::contract::Event>(),
        Category::of::<field_sales::door::Event>(),
        Category::of::<field_sales::zone::Event>(),
        Category::of::<field_sales::zone_assignment::Event>(),
        Category::of::<files::stored_file::Event>(),
        Category::of::<identity::administrators::Event>(),
        Category::of::<identity::api_key::Event>(),
        Category::of::<identity::invitation::Event>(),
        Category::of::<identity::membership::Event>(),
        Category::of::<identity::session::Event>(),
        Category::of::<identity::tenant::Event>(),
        Category::of::<identity::user::Event>(),
        Category::of::<messaging::conversation::Event>(),
        Category::of::<notifications::email::Event>(),
        Category::of::<notifications::feed::Event>(),
        Category::of::<notifications::webhook::Event>(),
        Category::of::<operations::projection::Event>(),
        Category::of::<privacy::subject::Event>(),
        Category::of::<support::article::Event>(),
        Category::of::<support::article_slug::Event>(),
        Category::of::<support::import::Event>(),
        Category::of::<support::sla_policy::Event>(),
        Category::of::<support::ticket::Event>(),
    ];
    ALL
}
