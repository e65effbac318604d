//! Where a reader of the log has got to, as he keeps it: opaque, and good for one history and one reader only.

use crate::log::Head;
use kernel::{Epoch, LogId, Position};
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use uuid::Uuid;

/// A place in one life of one log. As text: hexadecimal, so that it needs no escaping in a header or a URL.
///
/// It says up to where everything was given, not which event was last: a filter may have left out what is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which log.
    pub log_id: LogId,
    /// Which life of it: after a failover the same position may mean another event.
    pub epoch: Epoch,
    /// The last position that was looked at.
    pub position: Position,
}

/// Not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a cursor of the log")]
pub struct CursorError;

impl Cursor {
    /// The cursor for a position of this life of the log.
    pub const fn at(head: &Head, position: Position) -> Self {
        Self { log_id: head.log_id, epoch: head.epoch, position }
    }

    /// Whether it belongs to this life of the log.
    pub fn belongs_to(&self, head: &Head) -> bool {
        self.log_id == head.log_id && self.epoch == head.epoch
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:08x}{:016x}", self.log_id.0.simple(), self.epoch.0, self.position.0)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() != 56 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CursorError);
        }
        let log_id = Uuid::try_parse(&text[..32]).map_err(|_| CursorError)?;
        let epoch = i32::from_str_radix(&text[32..40], 16).map_err(|_| CursorError)?;
        let position = i64::from_str_radix(&text[40..], 16).map_err(|_| CursorError)?;
        let cursor = Self { log_id: LogId(log_id), epoch: Epoch(epoch), position: Position(position) };
        // One spelling only, so that two cursors are equal exactly where their texts are.
        let mut spelt = String::with_capacity(56);
        let _ = write!(spelt, "{cursor}");
        if spelt == text { Ok(cursor) } else { Err(CursorError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_a_made_up_one_does_not() {
        let cursor = Cursor { log_id: LogId(Uuid::from_u128(7)), epoch: Epoch(3), position: Position(1_234_567) };
        let text = cursor.to_string();
        assert_eq!(text.parse(), Ok(cursor));
        let upper = text.to_uppercase().replace(char::is_numeric, "A");
        for wrong in ["", "7b", &text[1..], &format!("{text}0"), &upper, &"é".repeat(28), &"f".repeat(56)] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }
}
