//! What holds for sessions.

use super::*;
use crate::identity::REVOKE_SESSIONS;
use kernel::specs::{TENANT, context, given};
use kernel::{ActorId, Context};
use uuid::Uuid;

const ADA: UserId = UserId(Uuid::from_u128(0xada));

fn cx() -> Context {
    Context { tenant_id: TenantId::PLATFORM, ..context(ADA.into(), Uuid::from_u128(7), &[]) }
}

fn start() -> StartSession {
    StartSession {
        user_id: ADA,
        signed_in_to: Some(TENANT),
        client: ClientKind::App,
        second_factor: false,
        client_address: ClientAddress::parse("192.0.2.1").ok().map(Into::into),
        user_agent: None,
    }
}

fn started() -> Event {
    given([]).when(&start(), &cx()).accepted().events.remove(0)
}

fn ended(reason: EndReason) -> Event {
    Event::Ended { user_id: ADA, reason }
}

#[test]
fn a_session_begins_once() {
    given([started()]).when(&start(), &cx()).is_rejected(&Rejection::AlreadyStarted);
}

#[test]
fn a_token_that_comes_twice_ends_the_family() {
    let reuse = [Event::ReuseDetected { user_id: ADA }, ended(EndReason::TokenReused)];
    given([started()]).when(&ReportTokenReuse {}, &cx()).answers(reuse.clone());
    given([started()].into_iter().chain(reuse)).when(&ReportTokenReuse {}, &cx()).changes_nothing();
    given([]).when(&ReportTokenReuse {}, &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn what_is_over_stays_over_with_its_first_reason() {
    let end = |reason| EndSession { reason };
    given([started()]).when(&end(EndReason::SignedOut), &cx()).answers([ended(EndReason::SignedOut)]);
    let over = [started(), ended(EndReason::SignedOut)];
    given(over.clone()).when(&end(EndReason::Revoked), &cx()).changes_nothing();
    given(over.clone()).when(&ReportTokenReuse {}, &cx()).changes_nothing();
    given(over).when(&SwitchTenant { switched_to: TENANT }, &cx()).is_rejected(&Rejection::Over);
}

#[test]
fn a_session_goes_on_in_another_tenant() {
    let other = TenantId(Uuid::from_u128(9));
    let switched = Event::TenantSwitched { user_id: ADA, switched_to: other };
    given([started()]).when(&SwitchTenant { switched_to: other }, &cx()).answers([switched.clone()]);
    given([started(), switched]).when(&SwitchTenant { switched_to: other }, &cx()).changes_nothing();
    given([started()]).when(&SwitchTenant { switched_to: TENANT }, &cx()).changes_nothing();
}

#[test]
fn sessions_of_others_are_ended_from_the_platform() {
    let root = context(ActorId(Uuid::from_u128(0x1007)), Uuid::from_u128(7), &[REVOKE_SESSIONS.as_str()]);
    given([started()]).when(&RevokeSession {}, &root).is_rejected(&Rejection::NotFound);
    let root = Context { tenant_id: TenantId::PLATFORM, ..root };
    given([started()]).when(&RevokeSession {}, &root).answers([ended(EndReason::Revoked)]);
    given([started(), ended(EndReason::SignedOut)]).when(&RevokeSession {}, &root).changes_nothing();
}
