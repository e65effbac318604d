//! The roles of one member.

use super::Role;
use kernel::{Context, ParseError};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::{ArrayBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// One role at least, each once, in the order of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct RoleSet(Vec<Role>);

impl RoleSet {
    /// Sorts, and drops what comes twice.
    ///
    /// # Errors
    /// There is none.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Result<Self, ParseError> {
        let mut roles: Vec<Role> = roles.into_iter().collect();
        roles.sort_unstable();
        roles.dedup();
        if roles.is_empty() { Err(ParseError::new("must name one role at least")) } else { Ok(Self(roles)) }
    }

    /// The roles, in order.
    pub fn as_slice(&self) -> &[Role] {
        &self.0
    }

    /// Whether one of them administers members.
    pub fn administers(&self) -> bool {
        self.0.iter().any(|role| role.administers())
    }

    /// Where they stand in a team: as high as the highest.
    pub fn rank(&self) -> u8 {
        self.0.iter().map(|role| role.rank()).max().unwrap_or_default()
    }

    /// Whether the actor may give or take each of them.
    pub fn may_be_granted_by(&self, cx: &Context) -> bool {
        self.0.iter().all(|role| role.may_be_granted_by(cx))
    }

    /// The roles that only one of the two has: what a change gives or takes.
    pub(super) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Role> + 'a {
        let only = |one: &'a Self, two: &'a Self| one.0.iter().copied().filter(|role| !two.0.contains(role));
        only(self, other).chain(only(other, self))
    }
}

impl<'de> Deserialize<'de> for RoleSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<Role>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for RoleSet {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Role::schema()).min_items(Some(1)).into()
    }
}

impl ToSchema for RoleSet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_one_role_at_least_and_each_once() {
        let roles: RoleSet = serde_json::from_str(r#"["sales_manager", "COMMERCIAL", "sales_rep"]"#).unwrap();
        assert_eq!(roles.as_slice(), [Role::SalesRep, Role::SalesManager]);
        assert!(serde_json::from_str::<RoleSet>("[]").is_err());
        let other = RoleSet::new([Role::SalesRep, Role::SalesAdmin]).unwrap();
        assert_eq!(roles.differing(&other).collect::<Vec<_>>(), [Role::SalesManager, Role::SalesAdmin]);
    }
}
