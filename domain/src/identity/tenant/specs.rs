//! What holds for tenants.

use super::*;
use crate::identity::MANAGE_TENANTS;
use kernel::specs::{given, state_of};
use kernel::{ActorId, Command, SubjectId, TenantId};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const ROOT: ActorId = ActorId(Uuid::from_u128(0x1007));

fn cx() -> Context {
    let cx = kernel::specs::context(ROOT, Uuid::from_u128(7), &[MANAGE_TENANTS.as_str()]);
    Context { tenant_id: TenantId::PLATFORM, ..cx }
}

/// An administrator of a company whose token somehow has the scope.
fn elsewhere() -> Context {
    kernel::specs::context(ROOT, Uuid::from_u128(7), &[MANAGE_TENANTS.as_str()])
}

fn create() -> CreateTenant {
    let body = json!({"slug": "encre-noire", "name": "Encre Noire", "plan": "starter", "locale": "fr"});
    serde_json::from_value(body).unwrap()
}

fn created() -> Event {
    examples().swap_remove(0)
}

fn suspend() -> SuspendTenant {
    SuspendTenant { reason: Reason::parse("The invoice of March is not paid.").unwrap().into() }
}

#[test]
fn a_tenant_is_created_under_a_slug_of_its_own() {
    let decided = given([]).when(&create(), &cx()).accepted();
    assert_eq!(decided.events, [created()]);
    assert_eq!(decided.reserve[0].key, "encre-noire");
}

#[test]
fn its_first_administrator_may_be_named_with_it() {
    let ada = EmailAddress::parse("ada@example.com").unwrap();
    let named = CreateTenant { administrator_email: Some(ada.clone().into()), ..create() };
    let decided = given([]).when(&named, &cx()).accepted();
    let [first, Event::AdministratorNamed { invitation_id, to }] = &decided.events[..] else { panic!("{decided:?}") };
    assert_eq!((first, to.locale, to.email.fresh()), (&created(), Locale::Fr, Some(&ada)));
    assert_eq!(to.email.subject(), Some(SubjectId(invitation_id.0)), "erased with the invitation");
    let before = state_of::<Tenant>([created()]);
    assert_eq!(state_of::<Tenant>(decided.events), before);
}

#[test]
fn only_the_platforms_own_tenant_makes_tenants() {
    given([]).when(&create(), &elsewhere()).is_rejected(&Rejection::PlatformOnly);
    given([])
        .when(&create(), &Context { scopes: [""; 0].into_iter().collect(), ..cx() })
        .is_rejected(&Rejection::PlatformOnly);
    given([created()]).when(&create(), &cx()).is_rejected(&Rejection::AlreadyCreated);
}

#[test]
fn from_another_tenant_no_tenant_is_there() {
    given([created()]).when(&suspend(), &elsewhere()).is_rejected(&Rejection::NotFound);
    given([created()]).when(&ResumeTenant {}, &elsewhere()).is_rejected(&Rejection::NotFound);
    given([created()]).when(&ChangeTenant::default(), &elsewhere()).is_rejected(&Rejection::NotFound);
    given([]).when(&suspend(), &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn what_is_left_out_stays() {
    let change = ChangeTenant { plan: Some(Plan::Enterprise), ..ChangeTenant::default() };
    let changed = Event::Changed {
        name: TenantName::parse("Encre Noire").unwrap(),
        plan: Plan::Enterprise,
        locale: Locale::Fr,
        time_zone: TimeZone::default(),
    };
    given([created()]).when(&change, &cx()).answers([changed.clone()]);
    given([created(), changed]).when(&change, &cx()).changes_nothing();
    given([created()]).when(&ChangeTenant::default(), &cx()).changes_nothing();
}

#[test]
fn suspended_and_resumed_in_turn() {
    let suspended = Event::Suspended { reason: suspend().reason.about(cx().target) };
    given([created()]).when(&suspend(), &cx()).answers([suspended.clone()]);
    given([created(), suspended.clone()]).when(&suspend(), &cx()).changes_nothing();
    given([created(), suspended]).when(&ResumeTenant {}, &cx()).answers([Event::Resumed {}]);
    given([created()]).when(&ResumeTenant {}, &cx()).changes_nothing();
}

proptest! {
    #[test]
    fn every_second_step_of_suspending_and_resuming_is_the_other(steps in prop::collection::vec(any::<bool>(), 1..40)) {
        let mut tenant: Tenant = state_of([created()]);
        for suspending in steps {
            let before = tenant.profile().unwrap().suspended;
            let events = if suspending { suspend().decide(&tenant, &cx()) } else { ResumeTenant {}.decide(&tenant, &cx()) };
            let events = events.unwrap().events;
            prop_assert_eq!(events.len(), usize::from(before != suspending));
            tenant = events.iter().fold(tenant, Aggregate::evolve);
            prop_assert_eq!(tenant.profile().unwrap().suspended, suspending);
        }
    }
}
