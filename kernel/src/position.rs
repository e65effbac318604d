//! Places: in the log, in a stream, and in the life of a log.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

macro_rules! place {
    ($($(#[$meta:meta])* $name:ident($inner:ty);)+) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Before everything: nothing has been recorded yet.
            pub const ZERO: Self = Self(0);

            /// The place right after this one.
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

place! {
    /// Place of an event in the log: 1, 2, 3, … without a gap and in commit order. 0 is "before the first".
    Position(i64);
    /// Place of an event in its stream: 1, 2, 3, … 0 is "the stream does not exist".
    Version(i32);
    /// Which life of the log a position belongs to; raised when a promoted or restored database may
    /// hand out positions again that an earlier one had used.
    Epoch(i32);
}
