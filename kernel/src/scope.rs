//! What a token permits.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A permission, `context.resource:verb`. A constant on every command and every query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(&'static str);

impl Scope {
    /// Names a scope.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name as it stands in tokens.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The scopes that an actor holds. Cheap to clone; a look-up is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(Arc<[Box<str>]>);

impl Scopes {
    /// Whether `scope` is among them.
    pub fn contains(&self, scope: Scope) -> bool {
        self.contains_name(scope.as_str())
    }

    /// Whether the scope with this name is among them.
    pub fn contains_name(&self, name: &str) -> bool {
        self.0.binary_search_by(|held| (**held).cmp(name)).is_ok()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl<S: Into<String>> FromIterator<S> for Scopes {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(|name| name.into().into_boxed_str()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }
}

impl From<Vec<String>> for Scopes {
    fn from(names: Vec<String>) -> Self {
        names.into_iter().collect()
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0.iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_scope_is_found_whatever_the_order() {
        let scopes: Scopes = ["b:read", "a:read", "c:write", "a:read"].into_iter().collect();
        assert!(scopes.contains(Scope::new("a:read")) && scopes.contains(Scope::new("c:write")));
        assert!(!scopes.contains(Scope::new("a:write")));
    }
}
