//! What holds for invitations.

use super::*;
use crate::identity::administrators::{self, Administrators};
use crate::identity::membership::{self, Membership, Person};
use crate::identity::roles::{Role, scopes_of};
use crate::identity::{INVITATION_RESERVATION, PersonName};
use kernel::specs::{TENANT, Then, context, given, noon, state_of};
use kernel::{ActorId, Command, CommandId, Context};
use serde_json::json;
use uuid::Uuid;

const ADA: UserId = UserId(Uuid::from_u128(0xada));
const BOB: UserId = UserId(Uuid::from_u128(0xb0b));

fn cx(role: Role) -> Context {
    let cx = context(ActorId(Uuid::from_u128(0x1007)), Uuid::from_u128(7), &[]);
    Context { scopes: scopes_of(&[role], TENANT), ..cx }
}

fn later(delta: TimeDelta) -> Context {
    Context { now: noon() + delta, command_id: CommandId(Uuid::from_u128(0xc1)), ..cx(Role::SupportAdmin) }
}

fn invite(role: &str) -> InviteMember {
    serde_json::from_value(json!({"email": "Ada@example.com", "roles": [role], "locale": "en"})).unwrap()
}

fn invited() -> Event {
    given([]).when(&invite("support_agent"), &cx(Role::SupportAdmin)).accepted().events.remove(0)
}

fn request_of(event: &Event) -> RequestId {
    let (Event::Invited { request_id, .. } | Event::Resent { request_id, .. }) = event else {
        panic!("{event:?} sends no link")
    };
    *request_id
}

fn person() -> Person {
    let name = |text: &str| PersonName::parse(text).unwrap();
    Person {
        given_name: name("Ada").into(),
        family_name: name("Byron").into(),
        email: EmailAddress::parse("ada@home.example").unwrap().into(),
    }
}

fn accept(events: &[Event], user_id: UserId) -> AcceptInvitation {
    AcceptInvitation { request_id: request_of(events.last().unwrap()), user_id, person: person() }
}

fn accepted(events: &[Event], membership: &Membership, by: &AcceptInvitation, cx: &Context) -> Then<AcceptInvitation> {
    let invitation: Invitation = state_of(events.iter().cloned());
    Then::of(by.decide((&invitation, membership, &Administrators::default()), cx))
}

#[test]
fn an_address_is_invited_once_at_a_time() {
    let decided = given([]).when(&invite("support_agent"), &cx(Role::SupportAdmin)).accepted();
    let [Event::Invited { to, email_index, expires_at, .. }] = &decided.events[..] else {
        panic!("{:?}", decided.events);
    };
    assert_eq!(
        (to.email.fresh().unwrap().as_str(), to.locale, *expires_at),
        ("ada@example.com", Locale::En, noon() + LIFETIME)
    );
    assert_eq!(decided.reserve[0].scope, INVITATION_RESERVATION);
    assert_eq!(decided.reserve[0].key, email_index.to_string());
    given([invited()]).when(&invite("support_agent"), &cx(Role::SupportAdmin)).is_rejected(&Rejection::AlreadyInvited);
}

#[test]
fn nobody_invites_to_more_than_he_may_do() {
    let beyond = Rejection::Membership(membership::Rejection::RoleBeyondOwn);
    given([]).when(&invite("tenant_admin"), &cx(Role::SupportAdmin)).is_rejected(&beyond);
    given([]).when(&invite("platform_admin"), &cx(Role::TenantAdmin)).is_rejected(&beyond);
    given([invited()]).when(&ResendInvitation {}, &cx(Role::SalesAdmin)).is_rejected(&beyond);
    given([]).when(&invite("sales_rep"), &cx(Role::TenantAdmin)).accepted();
}

#[test]
fn accepting_opens_the_membership_in_the_same_append() {
    let events = [invited()];
    let decided = accepted(&events, &Membership::default(), &accept(&events, ADA), &later(LIFETIME)).accepted();
    let (answered, joined, appointed) = decided.events;
    assert_eq!(answered, [Event::Accepted { user_id: ADA }]);
    let [membership::Event::Granted { user_id, person: who, supervisor_id: None, invitation_id: Some(_), .. }] =
        &joined[..]
    else {
        panic!("{joined:?}");
    };
    assert_eq!((*user_id, who), (ADA, &person().about(ADA)));
    assert_eq!(appointed, []);
    assert_eq!(decided.release[0].scope, INVITATION_RESERVATION);
}

#[test]
fn an_invited_administrator_is_listed() {
    let events = given([]).when(&invite("support_admin"), &cx(Role::TenantAdmin)).accepted().events;
    let (_, _, appointed) =
        accepted(&events, &Membership::default(), &accept(&events, ADA), &cx(Role::Employee)).accepted().events;
    assert_eq!(appointed, [administrators::Event::Appointed { user_id: ADA }]);
}

#[test]
fn a_link_is_good_once_in_time_and_until_the_next_one() {
    let events = vec![invited()];
    let first = accept(&events, ADA);
    let nobody = Membership::default();
    accepted(&events, &nobody, &first, &later(LIFETIME + TimeDelta::seconds(1))).is_rejected(&Rejection::Expired);
    let again = given(events.clone()).when(&ResendInvitation {}, &later(TimeDelta::days(1))).accepted().events;
    let resent: Vec<Event> = events.iter().chain(&again).cloned().collect();
    accepted(&resent, &nobody, &first, &later(TimeDelta::days(1))).is_rejected(&Rejection::LinkReplaced);
    let second = accept(&resent, ADA);
    accepted(&resent, &nobody, &second, &later(LIFETIME + TimeDelta::hours(23))).accepted();
    let used: Vec<Event> = resent.iter().cloned().chain([Event::Accepted { user_id: ADA }]).collect();
    let repeat = accepted(&used, &nobody, &second, &cx(Role::Employee)).accepted().events;
    assert_eq!(repeat, (vec![], vec![], vec![]), "the same user again");
    let other = AcceptInvitation { user_id: BOB, ..second };
    accepted(&used, &nobody, &other, &cx(Role::Employee)).is_rejected(&Rejection::Accepted);
}

#[test]
fn an_active_member_with_other_roles_keeps_them() {
    let events = [invited()];
    let joined = membership::Event::Granted {
        user_id: ADA,
        person: person().about(ADA),
        roles: RoleSet::new([Role::SalesRep]).unwrap(),
        supervisor_id: None,
        invitation_id: None,
    };
    let command = accept(&events, ADA);
    let active: Membership = state_of([joined.clone()]);
    accepted(&events, &active, &command, &cx(Role::Employee)).is_rejected(&membership::Rejection::AlreadyMember.into());
    let left: Membership = state_of([joined, membership::Event::Deactivated { user_id: ADA, reason: None }]);
    let (_, back, _) = accepted(&events, &left, &command, &cx(Role::Employee)).accepted().events;
    let [membership::Event::Reactivated { .. }, membership::Event::RolesChanged { .. }, told] = &back[..] else {
        panic!("{back:?}");
    };
    assert!(matches!(told, membership::Event::PersonChanged { .. }), "what is sealed may have changed meanwhile");
}

#[test]
fn taken_back_and_expired_give_the_address_free() {
    let by = cx(Role::SupportAdmin);
    let revoked = given([invited()]).when(&RevokeInvitation {}, &by).accepted();
    assert_eq!((revoked.events, revoked.release.len()), (vec![Event::Revoked {}], 1));
    given([invited(), Event::Revoked {}]).when(&RevokeInvitation {}, &by).changes_nothing();
    given([invited(), Event::Accepted { user_id: ADA }])
        .when(&RevokeInvitation {}, &by)
        .is_rejected(&Rejection::Accepted);
    given([invited()]).when(&ExpireInvitation {}, &later(LIFETIME)).is_rejected(&Rejection::NotOver);
    let expired = given([invited()]).when(&ExpireInvitation {}, &later(LIFETIME + TimeDelta::seconds(1))).accepted();
    assert_eq!((expired.events, expired.release.len()), (vec![Event::Expired {}], 1));
    given([invited(), Event::Expired {}]).when(&ExpireInvitation {}, &by).changes_nothing();
    given([invited(), Event::Expired {}]).when(&ResendInvitation {}, &by).is_rejected(&Rejection::Expired);
    let revoked = [invited(), Event::Revoked {}];
    let command = AcceptInvitation { request_id: request_of(&revoked[0]), user_id: ADA, person: person() };
    accepted(&revoked, &Membership::default(), &command, &by).is_rejected(&Rejection::Revoked);
    given([]).when(&RevokeInvitation {}, &by).is_rejected(&Rejection::NotFound);
}

#[test]
fn the_first_administrator_is_invited_once() {
    let command =
        InviteAdministrator { email: EmailAddress::parse("ada@example.com").unwrap().into(), locale: Locale::En };
    let cx = context(ActorId(Uuid::nil()), Uuid::from_u128(7), &[InviteAdministrator::SCOPE.as_str()]);
    let decided = given([]).when(&command, &cx).accepted();
    let [Event::Invited { to, roles, .. }] = &decided.events[..] else { panic!("{decided:?}") };
    assert_eq!((to.email.fresh().unwrap().as_str(), roles.as_slice()), ("ada@example.com", &[Role::TenantAdmin][..]));
    given(decided.events).when(&command, &cx).is_rejected(&Rejection::AlreadyInvited);
}
