//! What a door says when it says no.

use crate::failure::Failure;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write as _;

/// There is no good answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The door said no.
    Refused(Box<Refused>),
    /// Nobody answered.
    Failed(Failure),
}

/// A refusal, as `application/problem+json` tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refused {
    status: u16,
    /// What it is, for machines.
    pub(crate) code: String,
    title: String,
    detail: Option<String>,
    remedy: Option<String>,
    errors: Vec<Wrong>,
    trace_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wrong {
    pointer: String,
    detail: String,
}

impl Refused {
    /// Reads a refusal; what is none of ours is told by its status.
    pub(super) fn read(status: StatusCode, json: &Value, url: &str) -> Self {
        let read: Self = serde_json::from_value(json.clone()).unwrap_or_default();
        if read.code.is_empty() {
            let title = format!("{url} answered {status}");
            let remedy = Some("Is this the address of Sillage's command API or query API?".to_owned());
            return Self { status: status.as_u16(), title, remedy, ..Self::default() };
        }
        Self { status: status.as_u16(), ..read }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        if refused.status == 401 && refused.code == "unauthenticated" {
            return Self::failed("the access token is not good, or not any more").remedy(
                "Tokens end after ten minutes: get another one by `sillage token`, and set SILLAGE_TOKEN to it.",
            );
        }
        let mut sentence = match (&refused.detail, refused.errors.is_empty()) {
            (Some(detail), true) => detail.clone(),
            _ => refused.title.clone(),
        };
        for wrong in &refused.errors {
            let field = wrong.pointer.trim_start_matches('/');
            let _ = write!(sentence, "; {}{}{}", field, if field.is_empty() { "" } else { " " }, wrong.detail);
        }
        if !refused.code.is_empty() {
            let _ = write!(sentence, " ({})", refused.code);
        }
        if let Some(trace_id) = &refused.trace_id {
            let _ = write!(sentence, ", trace {trace_id}");
        }
        let failure = Self::failed(sentence);
        match refused.remedy {
            Some(remedy) => failure.remedy(remedy),
            None => failure,
        }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Refused(refused) => (*refused).into(),
            Unanswered::Failed(failure) => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(status: u16, json: &Value) -> String {
        Failure::from(Refused::read(StatusCode::from_u16(status).unwrap(), json, "http://h/v1/x")).to_string()
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_what_to_do() {
        let taken = json!({ "code": "name_taken", "title": "The name is taken", "remedy": "Choose another one." });
        assert_eq!(told(409, &taken), "The name is taken (name_taken)\n  Choose another one.");
        let wrong = json!({
            "code": "validation_failed", "title": "The body is not valid", "detail": "one field is wrong",
            "errors": [{ "pointer": "/slug", "detail": "must have 3 to 63 letters" }],
        });
        assert_eq!(told(422, &wrong), "The body is not valid; slug must have 3 to 63 letters (validation_failed)");
        let ended = json!({ "code": "unauthenticated", "title": "A valid access token is needed" });
        assert!(told(401, &ended).contains("sillage token"));
        assert!(told(502, &Value::Null).contains("http://h/v1/x answered 502"));
    }
}
