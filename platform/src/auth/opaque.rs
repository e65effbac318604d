//! Tokens that say nothing themselves: somebody has to look up whose they are.

use super::{AuthError, Identity};
use std::pin::Pin;
use std::sync::Arc;

/// Who a token belongs to, once it was looked up.
pub type Proving<'a> = Pin<Box<dyn Future<Output = Result<Arc<Identity>, AuthError>> + Send + 'a>>;

/// Knows tokens of a sort of its own. How they stand with what was taken back is asked by the verifier, each time.
pub trait OpaqueTokens: Send + Sync {
    /// Whether the text can be such a token at all.
    fn fits(&self, token: &str) -> bool;

    /// Whose it is. The identity's `sid` is by what it is taken back.
    fn prove<'a>(&'a self, token: &'a str) -> Proving<'a>;
}
