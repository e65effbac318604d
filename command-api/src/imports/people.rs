//! Who is meant by what a file says of customers: an address, or an id. Members of the tenant, also those who have left.

use crate::execute::{Services, load_problem};
use domain::identity::membership::{Membership, membership_id};
use domain::identity::{EMAIL_RESERVATION, EmailAddress, UserId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kernel::{ActorId, Source as _, TenantId};
use platform::Problem;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Memberships that are looked at together.
const AT_ONCE: usize = 8;

/// Whom the names mean; those who are not there mean nobody.
pub(super) async fn customers(
    services: &Services,
    tenant_id: TenantId,
    named: &BTreeSet<&str>,
) -> Result<HashMap<String, ActorId>, Problem> {
    let index = |email: &EmailAddress| services.blind().index(EMAIL_RESERVATION, email.as_str()).to_string();
    let by_address: HashMap<&str, String> =
        named.iter().filter_map(|named| EmailAddress::parse(named).ok().map(|email| (*named, index(&email)))).collect();
    let indexes: Vec<String> = by_address.values().cloned().collect();
    let accounts = services.holders(TenantId::PLATFORM, EMAIL_RESERVATION, &indexes).await?;
    let user = |named: &str| {
        let by_address = by_address.get(named).and_then(|index| accounts.get(index)).copied();
        by_address.or_else(|| named.parse::<Uuid>().ok())
    };
    let mut members = Vec::new();
    for named in named {
        if let Some(user_id) = user(named) {
            members.push(member(services, tenant_id, (*named).to_owned(), user_id));
        }
    }
    let members: Vec<Option<(String, ActorId)>> = stream::iter(members).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(members.into_iter().flatten().collect())
}

/// The user by his name in the file, where he is or was a member.
async fn member(
    services: &Services,
    tenant_id: TenantId,
    named: String,
    user_id: Uuid,
) -> Result<Option<(String, ActorId)>, Problem> {
    let id = membership_id(tenant_id, UserId(user_id)).0;
    let source = services.decisions().states().of(tenant_id, None);
    let membership = source.load::<Membership>(id).await.map_err(|error| load_problem(&error))?;
    Ok(membership.state.member().map(|_| (named, ActorId(user_id))))
}
