//! The ticket number as people say it.

use kernel::ParseError;
use std::fmt;
use std::str::FromStr;

/// A ticket's number in its tenant, printed as `TKT-00042`: five digits, more from 100,000 on.
///
/// Gap-free, because the log gives it in the append that opens the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketNumber(pub i64);

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TKT-{:05}", self.0)
    }
}

/// Reads `TKT-00042`, `tkt-42` and `42`: what people type into a search field.
impl FromStr for TicketNumber {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        let digits = match text.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("TKT-") => &text[4..],
            _ => text,
        };
        let error = || ParseError::new("must be a ticket number: TKT-00042");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        digits.parse().ok().filter(|number| *number > 0).map(Self).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_at_least_five_digits() {
        assert_eq!(TicketNumber(42).to_string(), "TKT-00042");
        assert_eq!(TicketNumber(1_234_567).to_string(), "TKT-1234567");
    }

    #[test]
    fn what_people_type_is_understood() {
        for typed in ["TKT-00042", "tkt-42", " 42 "] {
            assert_eq!(typed.parse(), Ok(TicketNumber(42)), "{typed}");
        }
        for wrong in ["", "TKT-", "TKT-0", "-42", "+42", "TKT--42", "4 2", "éèà", "99999999999999999999"] {
            assert!(wrong.parse::<TicketNumber>().is_err(), "{wrong}");
        }
    }
}
