//! Equality without the value: a keyed hash by which a private text is found again and told from others.

use crate::ids::derived;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

crate::typed_id! {
    /// What a private text is known by where the text itself must not stand: the same text has the same index, and
    /// nobody without the key can compute it or guess the text from it.
    pub struct BlindIndex;
}

type Keyed = dyn Fn(&str, &str) -> Uuid + Send + Sync;

/// Computes blind indexes. Holds the key; whoever decides does not see it.
#[derive(Clone)]
pub struct BlindIndexer(Arc<Keyed>);

impl BlindIndexer {
    /// Computes them with `keyed`: a pseudorandom function of scope and text, both of any length.
    pub fn new(keyed: impl Fn(&str, &str) -> Uuid + Send + Sync + 'static) -> Self {
        Self(Arc::new(keyed))
    }

    /// For specs: everybody can compute these, so they hide nothing.
    pub fn unkeyed() -> Self {
        Self::new(|scope, text| derived(derived(Uuid::nil(), scope), text))
    }

    /// The index of `text` among the texts of `scope`. The text must be normalised already.
    pub fn index(&self, scope: &str, text: &str) -> BlindIndex {
        BlindIndex((self.0)(scope, text))
    }
}

impl fmt::Debug for BlindIndexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindIndexer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_has_another_index_in_another_scope() {
        let indexer = BlindIndexer::unkeyed();
        assert_eq!(indexer.index("a", "x"), indexer.index("a", "x"));
        assert_ne!(indexer.index("a", "x"), indexer.index("b", "x"));
        assert_ne!(indexer.index("a", "x"), indexer.index("a", "y"));
    }
}
