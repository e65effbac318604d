//! W3C trace context: one id from the caller's request to the read model that shows its effect.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::text::ParseError;

/// A `traceparent` of version 00: trace id, span id, flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceParent {
    /// A trace parent of its parts; `None` where an id is zero, which the specification forbids.
    pub const fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        if trace_id == 0 || span_id == 0 { None } else { Some(Self { trace_id, span_id, flags }) }
    }

    /// The id of the whole story, 32 hexadecimal digits when printed.
    pub const fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// The same trace with another span as the parent.
    #[must_use]
    pub const fn with_span(self, span_id: u64) -> Self {
        Self { span_id, ..self }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceParent {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("must be a traceparent: 00-<32 hex>-<16 hex>-<2 hex>");
        let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error());
        };
        let well_formed = trace.len() == 32 && span.len() == 16 && flags.len() == 2;
        if !well_formed || ![trace, span, flags].iter().all(|part| part.chars().all(lower_hex)) {
            return Err(error());
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| error())?;
        let span = u64::from_str_radix(span, 16).map_err(|_| error())?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| error())?;
        Self::new(trace, span, flags).ok_or_else(error)
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.to_string()
    }
}

impl TryFrom<String> for TraceParent {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_refuses_the_rest() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
        for wrong in
            ["", "00", &text[..54], &text.to_uppercase(), &text.replace("00f067aa0ba902b7", "0000000000000000")]
        {
            assert!(wrong.parse::<TraceParent>().is_err(), "{wrong}");
        }
    }
}
