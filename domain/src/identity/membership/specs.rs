//! What holds for memberships, and for the administrators of a tenant.

use super::*;
use crate::identity::administrators::{self, Administrators};
use crate::identity::roles::{Role, scopes_of};
use kernel::specs::{TENANT, Then, context, given, state_of};
use kernel::{ActorId, Command, Context};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const ADA: UserId = UserId(Uuid::from_u128(0xada));
const BOB: UserId = UserId(Uuid::from_u128(0xb0b));

fn roles(roles: &[Role]) -> RoleSet {
    RoleSet::new(roles.iter().copied()).unwrap()
}

/// An actor with this role, about the membership of a user.
fn cx(role: Role, of: UserId) -> Context {
    let cx = context(ActorId(Uuid::from_u128(0x1007)), membership_id(TENANT, of).0, &[]);
    Context { scopes: scopes_of(&[role], TENANT), ..cx }
}

fn grant(user_id: UserId, role: &[Role]) -> GrantMembership {
    let person = person::example("Ada", "Byron", "ada@example.com");
    GrantMembership { user_id, person, roles: roles(role), supervisor_id: None }
}

fn granted(user_id: UserId, role: &[Role]) -> Membership {
    let person = person::example("Ada", "Byron", "ada@example.com").about(user_id);
    let (roles, supervisor_id, invitation_id) = (roles(role), None, None);
    state_of([Event::Granted { user_id, person, roles, supervisor_id, invitation_id }])
}

fn administered_by(users: &[UserId]) -> Administrators {
    state_of(users.iter().map(|user_id| administrators::Event::Appointed { user_id: *user_id }))
}

fn change(to: &[Role]) -> ChangeRoles {
    ChangeRoles { roles: roles(to) }
}

#[test]
fn an_id_follows_from_tenant_and_user() {
    let other = kernel::TenantId(Uuid::from_u128(9));
    assert_ne!(membership_id(TENANT, ADA), membership_id(TENANT, BOB));
    assert_ne!(membership_id(TENANT, ADA), membership_id(other, ADA));
    assert_eq!(membership_id(TENANT, ADA), membership_id(TENANT, ADA));
}

#[test]
fn who_is_granted_an_administrators_role_is_listed_in_the_same_append() {
    let command = grant(ADA, &[Role::TenantAdmin]);
    let state = (&Membership::default(), &Administrators::default());
    let (joined, listed) =
        Then::<GrantMembership>::of(command.decide(state, &cx(Role::TenantAdmin, ADA))).accepted().events;
    assert!(matches!(joined[..], [Event::Granted { .. }]));
    assert_eq!(listed, [administrators::Event::Appointed { user_id: ADA }]);
    let again = (&granted(ADA, &[Role::TenantAdmin]), &administered_by(&[ADA]));
    let nothing = Then::<GrantMembership>::of(command.decide(again, &cx(Role::TenantAdmin, ADA))).accepted().events;
    assert_eq!(nothing, (vec![], vec![]));
    let other = grant(ADA, &[Role::SalesRep]);
    Then::<GrantMembership>::of(
        other.decide((&granted(ADA, &[Role::SalesManager]), &administered_by(&[BOB])), &cx(Role::TenantAdmin, ADA)),
    )
    .is_rejected(&Rejection::AlreadyMember);
}

#[test]
fn roles_change_and_the_same_roles_change_nothing() {
    let state = (&granted(ADA, &[Role::SupportAgent]), &administered_by(&[BOB]));
    let decide = |to: &[Role], by| Then::<ChangeRoles>::of(change(to).decide(state, &cx(by, ADA)));
    let (events, listed) = decide(&[Role::SupportAdmin], Role::TenantAdmin).accepted().events;
    let (new, previous) = (roles(&[Role::SupportAdmin]), roles(&[Role::SupportAgent]));
    assert_eq!(events, [Event::RolesChanged { user_id: ADA, roles: new, previous }]);
    assert_eq!(listed, [administrators::Event::Appointed { user_id: ADA }]);
    assert_eq!(decide(&[Role::SupportAgent], Role::SupportAdmin).accepted().events, (vec![], vec![]));
    decide(&[Role::SalesRep], Role::SupportAdmin).is_rejected(&Rejection::RoleBeyondOwn);
    decide(&[Role::SupportAgent, Role::TenantAdmin], Role::SupportAdmin).is_rejected(&Rejection::RoleBeyondOwn);
}

#[test]
fn nobody_takes_a_role_that_he_could_not_give() {
    let state = (&granted(ADA, &[Role::TenantAdmin]), &administered_by(&[ADA, BOB]));
    let by = cx(Role::SupportAdmin, ADA);
    Then::<ChangeRoles>::of(change(&[Role::SupportCustomer]).decide(state, &by)).is_rejected(&Rejection::RoleBeyondOwn);
    let deactivate = DeactivateMember { reason: None };
    Then::<DeactivateMember>::of(deactivate.decide(state, &by)).is_rejected(&Rejection::RoleBeyondOwn);
}

#[test]
fn the_last_administrator_stays() {
    let (ada, alone) = (granted(ADA, &[Role::TenantAdmin]), administered_by(&[ADA]));
    let by = cx(Role::TenantAdmin, ADA);
    let demote = change(&[Role::SupportAgent]);
    Then::<ChangeRoles>::of(demote.decide((&ada, &alone), &by)).is_rejected(&Rejection::LastAdministrator);
    let deactivate = DeactivateMember { reason: None };
    Then::<DeactivateMember>::of(deactivate.decide((&ada, &alone), &by)).is_rejected(&Rejection::LastAdministrator);
    let both = administered_by(&[ADA, BOB]);
    let (_, listed) = Then::<ChangeRoles>::of(demote.decide((&ada, &both), &by)).accepted().events;
    assert_eq!(listed, [administrators::Event::Dismissed { user_id: ADA }]);
    let (_, listed) =
        Then::<ChangeRoles>::of(change(&[Role::SupportAdmin]).decide((&ada, &alone), &by)).accepted().events;
    assert_eq!(listed, [], "another administrator's role will do");
}

#[test]
fn a_deactivated_member_comes_back_as_he_was() {
    let by = cx(Role::TenantAdmin, ADA);
    let gone: Membership = state_of(examples().into_iter().take(5));
    assert!(!gone.member().unwrap().active);
    let administrators = administered_by(&[BOB]);
    Then::<ChangeRoles>::of(change(&[Role::SalesRep]).decide((&gone, &administrators), &by))
        .is_rejected(&Rejection::Inactive);
    let user_id = gone.member().unwrap().user_id;
    let (events, _) =
        Then::<ReactivateMember>::of(ReactivateMember {}.decide((&gone, &administrators), &by)).accepted().events;
    assert_eq!(events, [Event::Reactivated { user_id }]);
    let deactivate = DeactivateMember { reason: None };
    let nothing = Then::<DeactivateMember>::of(deactivate.decide((&gone, &administrators), &by)).accepted().events;
    assert_eq!(nothing, (vec![], vec![]));
}

#[test]
fn a_supervisor_is_an_active_member_who_stands_above() {
    let rep = granted(ADA, &[Role::SalesRep]);
    let by = cx(Role::SalesAdmin, ADA);
    let set = SetSupervisor { supervisor_id: BOB };
    let decide = |supervisor: &Membership| Then::<SetSupervisor>::of(set.decide((&rep, supervisor), &by));
    let (events, other) = decide(&granted(BOB, &[Role::SalesManager])).accepted().events;
    assert_eq!(events, [Event::SupervisorChanged { user_id: ADA, supervisor_id: Some(BOB), previous: None }]);
    assert_eq!(other, []);
    decide(&granted(BOB, &[Role::SalesRep])).is_rejected(&Rejection::SupervisorNotAbove);
    decide(&Membership::default()).is_rejected(&Rejection::SupervisorNotFound);
    decide(&state_of(examples().into_iter().take(5))).is_rejected(&Rejection::SupervisorNotFound);
    given([]).when(&RemoveSupervisor {}, &by).is_rejected(&Rejection::NotFound);
    given(examples().into_iter().take(1)).when(&RemoveSupervisor {}, &by).accepted();
}

#[test]
fn the_copy_of_a_persons_names_follows_the_account() {
    let person = person::example("Ada", "Lovelace", "ada@example.com");
    let record = RecordMemberPerson { person: person.clone() };
    let Some(Event::Granted { user_id, .. }) = examples().into_iter().next() else { panic!("the first joins") };
    let joined: Vec<Event> = examples().into_iter().take(1).collect();
    let changed = Event::PersonChanged { user_id, person: person.about(user_id) };
    given(joined).when(&record, &cx(Role::TenantAdmin, ADA)).answers([changed]);
}

#[derive(Clone, Debug)]
enum Deed {
    Grant(usize),
    Change(usize),
    Deactivate,
    Reactivate,
}

const SETS: [&[Role]; 5] = [
    &[Role::TenantAdmin],
    &[Role::SupportAdmin],
    &[Role::SupportAgent],
    &[Role::SalesRep, Role::SupportCustomer],
    &[Role::SalesAdmin, Role::QueueAgent],
];

fn deeds() -> impl Strategy<Value = Vec<(u8, Deed)>> {
    let deed = prop_oneof![
        (0..SETS.len()).prop_map(Deed::Grant),
        (0..SETS.len()).prop_map(Deed::Change),
        Just(Deed::Deactivate),
        Just(Deed::Reactivate),
    ];
    prop::collection::vec((0..4u8, deed), 1..80)
}

proptest! {
    /// A tenant that ever had an administrator always has one, and the list says exactly who they are.
    #[test]
    fn a_tenant_never_loses_its_last_administrator(deeds in deeds()) {
        let mut members: BTreeMap<UserId, Membership> = BTreeMap::new();
        let mut administrators = Administrators::default();
        let mut had_one = false;
        for (user, deed) in deeds {
            let user_id = UserId(Uuid::from_u128(u128::from(user) + 1));
            let (by, member) = (cx(Role::TenantAdmin, user_id), members.remove(&user_id).unwrap_or_default());
            let state = (&member, &administrators);
            let decision = match &deed {
                Deed::Grant(set) => grant(user_id, SETS[*set]).decide(state, &by),
                Deed::Change(set) => change(SETS[*set]).decide(state, &by),
                Deed::Deactivate => DeactivateMember { reason: None }.decide(state, &by),
                Deed::Reactivate => ReactivateMember {}.decide(state, &by),
            };
            let (joined, listed) = decision.map(|decided| decided.events).unwrap_or_default();
            administrators = listed.iter().fold(administrators, Aggregate::evolve);
            members.insert(user_id, joined.iter().fold(member, Aggregate::evolve));
            let really: Vec<UserId> = members
                .values()
                .filter_map(Membership::member)
                .filter(|member| member.active && member.roles.administers())
                .map(|member| member.user_id)
                .collect();
            prop_assert_eq!(administrators.users().iter().copied().collect::<Vec<_>>(), really.clone());
            had_one |= !really.is_empty();
            prop_assert!(!had_one || !really.is_empty());
        }
    }
}
