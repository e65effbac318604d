//! The domain says no.

/// How a caller should take a rejection; the HTTP face follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    /// The request itself is wrong in this business, whatever the state (422).
    Invalid,
    /// The thing is not there, or not for this actor: the two cannot be told apart (404).
    NotFound,
    /// The actor may not do this here (403).
    Forbidden,
    /// The state does not allow it now (409).
    Conflict,
}

/// Why a command was refused. One enum per aggregate; every variant has a code that never changes.
pub trait Rejection: std::fmt::Debug + std::fmt::Display + Send + Sync + 'static {
    /// Stable, machine-readable: `support.ticket_closed`.
    fn code(&self) -> &'static str;

    /// How a caller should take it.
    fn kind(&self) -> RejectionKind;

    /// What the caller can do about it, in one sentence.
    fn remedy(&self) -> &'static str;
}
