//! What holds for API keys.

use super::*;
use kernel::specs::{context, given, noon};
use kernel::{ActorId, Context};
use serde_json::json;
use uuid::Uuid;

fn cx() -> Context {
    let scopes = ["identity.api_key:manage", "read:queue", "read:ticket"];
    context(ActorId(Uuid::from_u128(0x1007)), Uuid::from_u128(7), &scopes)
}

fn issue(body: serde_json::Value) -> IssueApiKey {
    serde_json::from_value(body).unwrap()
}

fn issued() -> Event {
    <Event as kernel::Event>::examples().remove(0)
}

#[test]
fn a_key_permits_no_more_than_its_issuer_may_do() {
    let command = issue(json!({
        "name": "Display in the hall", "scopes": ["read:ticket", "read:queue", "read:queue"],
        "expires_at": "2027-01-15T08:00:00Z",
    }));
    given([]).when(&command, &cx()).answers([issued()]);
    let more = issue(json!({"name": "Display", "scopes": ["read:queue", "manage:queue"]}));
    given([]).when(&more, &cx()).is_rejected(&Rejection::ScopeBeyondOwn);
}

#[test]
fn a_key_ends_in_the_future_or_never() {
    let past = issue(json!({"name": "Display", "scopes": ["read:queue"], "expires_at": noon()}));
    given([]).when(&past, &cx()).is_rejected(&Rejection::EndsInThePast);
    given([]).when(&issue(json!({"name": "Display", "scopes": ["read:queue"]})), &cx()).accepted();
}

#[test]
fn a_key_is_issued_and_revoked_once() {
    let command = issue(json!({"name": "Display", "scopes": ["read:queue"]}));
    given([issued()]).when(&command, &cx()).is_rejected(&Rejection::AlreadyIssued);
    given([issued()]).when(&RevokeApiKey {}, &cx()).answers([Event::Revoked {}]);
    given([issued(), Event::Revoked {}]).when(&RevokeApiKey {}, &cx()).changes_nothing();
    given([]).when(&RevokeApiKey {}, &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn what_has_not_the_form_of_a_scope_is_refused() {
    for scopes in [json!([]), json!(["Read"]), json!(["a b"]), json!(["x".repeat(101)]), json!("read:queue")] {
        let body = json!({"name": "Display", "scopes": scopes});
        assert!(serde_json::from_value::<IssueApiKey>(body.clone()).is_err(), "{body}");
    }
}
