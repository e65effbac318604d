//! Running the installation: what operators do to it, for the record.
//!
//! The engine does it and notes it in the same transaction; here it is only told, in the platform's tenant.

pub mod projection;

use kernel::Text;

/// Why an operator acted, in his words.
pub type Reason = Text<1, 500>;
/// The account on the command line of whoever held the database's password.
pub type OperatorName = Text<1, 200>;
/// A read model, as the engine knows it.
pub type ReadModelName = Text<1, 100>;
/// A category of streams, as the engine knows it.
pub type CategoryName = Text<1, 100>;
