//! What holds for users.

use super::*;
use crate::identity::{EMAIL_RESERVATION, MANAGE_USERS};
use kernel::specs::{context, given, noon, state_of};
use kernel::{ActorId, Command, CommandId, Personal, TenantId};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const ADA: Uuid = Uuid::from_u128(0xada);
const ROOT: ActorId = ActorId(Uuid::from_u128(0x1007));

/// The sign-in door, or Ada herself.
fn cx() -> Context {
    Context { tenant_id: TenantId::PLATFORM, ..context(ActorId(ADA), ADA, &[]) }
}

fn later(delta: TimeDelta) -> Context {
    Context { now: noon() + delta, command_id: CommandId(Uuid::from_u128(0xc1)), ..cx() }
}

fn administrator() -> Context {
    Context { tenant_id: TenantId::PLATFORM, ..context(ROOT, ADA, &[MANAGE_USERS.as_str()]) }
}

/// An address that a spec can read.
fn text(email: &Personal<EmailAddress>) -> &str {
    email.fresh().unwrap().as_str()
}

fn register() -> RegisterUser {
    let body = json!({"email": "Ada@Example.com", "given_name": "Ada", "family_name": "Byron", "locale": "en"});
    serde_json::from_value(body).unwrap()
}

fn history() -> Vec<Event> {
    given([]).when(&register(), &cx()).accepted().events
}

fn after_all(more: impl IntoIterator<Item = Event>) -> Vec<Event> {
    history().into_iter().chain(more).collect()
}

fn link(events: &[Event]) -> RequestId {
    sent_by(events.last().unwrap()).expect("it sends a link").1
}

/// The sort of the link that the event sends, what it answers to, and its end.
fn sent_by(event: &Event) -> Option<(&'static str, RequestId, DateTime<Utc>)> {
    if let Event::EmailVerificationRequested { request_id, expires_at, .. } = event {
        Some(("verify", *request_id, *expires_at))
    } else if let Event::PasswordResetRequested { request_id, expires_at, .. } = event {
        Some(("reset", *request_id, *expires_at))
    } else if let Event::EmailChangeRequested { request_id, expires_at, .. } = event {
        Some(("move", *request_id, *expires_at))
    } else {
        None
    }
}

fn verified() -> Event {
    Event::EmailVerified { request_id: None }
}

#[test]
fn whoever_registers_is_asked_to_prove_the_address() {
    let decided = given([]).when(&register(), &cx()).accepted();
    let [Event::Registered { email, email_index, .. }, Event::EmailVerificationRequested { to, expires_at, .. }] =
        &decided.events[..]
    else {
        panic!("{:?}", decided.events);
    };
    assert_eq!((text(email), text(&to.email), to.locale), ("ada@example.com", "ada@example.com", Locale::En));
    assert_eq!(*expires_at, noon() + VERIFICATION_LIFETIME);
    assert_eq!((decided.reserve[0].scope, &decided.reserve[0].key), (EMAIL_RESERVATION, &email_index.to_string()));
    assert!(!decided.reserve[0].key.contains("ada"), "the clear address is in no name");
}

#[test]
fn an_address_that_an_invitation_has_proven_needs_no_link() {
    let command = RegisterUser { email_proven: true, ..register() };
    let events = given([]).when(&command, &cx()).accepted().events;
    assert_eq!(events[1..], [verified()]);
    let smuggled = json!({"email": "a@b.co", "given_name": "A", "family_name": "B", "email_proven": true});
    assert!(serde_json::from_value::<RegisterUser>(smuggled).is_err(), "nobody says so himself");
}

#[test]
fn an_id_registers_once() {
    given(history()).when(&register(), &cx()).is_rejected(&Rejection::AlreadyRegistered);
}

#[test]
fn a_link_proves_the_address_once_and_in_time() {
    let request_id = link(&history());
    let verify = VerifyEmail { request_id };
    let answered = Event::EmailVerified { request_id: Some(request_id) };
    given(history()).when(&verify, &cx()).answers([answered.clone()]);
    given(after_all([answered])).when(&verify, &cx()).is_rejected(&Rejection::LinkUsed);
    let late = later(VERIFICATION_LIFETIME + TimeDelta::seconds(1));
    given(history()).when(&verify, &late).is_rejected(&Rejection::LinkExpired);
    given(history()).when(&VerifyEmail { request_id: RequestId(ADA) }, &cx()).is_rejected(&Rejection::LinkUsed);
    given([]).when(&verify, &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn a_new_link_ends_the_old_one() {
    let again = given(history()).when(&RequestEmailVerification {}, &later(TimeDelta::hours(1))).accepted().events;
    let (old, new) = (link(&history()), link(&again));
    assert_ne!(old, new);
    let events = after_all(again);
    given(events.clone()).when(&VerifyEmail { request_id: old }, &cx()).is_rejected(&Rejection::LinkUsed);
    given(events).when(&VerifyEmail { request_id: new }, &cx()).accepted();
    given(after_all([verified()])).when(&RequestEmailVerification {}, &cx()).changes_nothing();
}

#[test]
fn a_password_is_reset_once_by_the_latest_link() {
    let asked = given(history()).when(&RequestPasswordReset {}, &cx()).accepted().events;
    let reset = CompletePasswordReset { request_id: link(&asked) };
    let events = after_all(asked);
    let done = given(events.clone()).when(&reset, &cx()).accepted().events;
    let user: User = state_of(events.iter().chain(&done).cloned());
    assert!(user.account().unwrap().email_verified, "who follows the link reads the mails");
    let followed: Vec<Event> = events.iter().chain(&done).cloned().collect();
    given(followed).when(&reset, &cx()).is_rejected(&Rejection::LinkUsed);
    let late = later(RESET_LIFETIME + TimeDelta::seconds(1));
    given(events.clone()).when(&reset, &late).is_rejected(&Rejection::LinkExpired);
    let changed = given(events.clone()).when(&RecordPasswordChange {}, &cx()).accepted().events;
    given(events.into_iter().chain(changed)).when(&reset, &cx()).is_rejected(&Rejection::LinkUsed);
    given(history()).when(&reset, &cx()).is_rejected(&Rejection::LinkUsed);
}

#[test]
fn an_account_moves_when_the_new_address_has_answered() {
    let command = RequestEmailChange { email: EmailAddress::parse("ada@example.org").unwrap().into() };
    let asked = given(after_all([verified()])).when(&command, &cx()).accepted();
    assert!(asked.reserve.is_empty(), "asking takes no address from anybody");
    let confirm = ConfirmEmailChange { request_id: link(&asked.events) };
    let events: Vec<Event> = after_all([verified()]).into_iter().chain(asked.events).collect();
    let before: User = state_of(events.clone());
    assert_eq!(text(&before.account().unwrap().email), "ada@example.com");
    let moved = given(events.clone()).when(&confirm, &cx()).accepted();
    let after: User = state_of(events.iter().chain(&moved.events).cloned());
    assert_eq!(text(&after.account().unwrap().email), "ada@example.org");
    assert_eq!(moved.release[0].key, before.account().unwrap().email_index.to_string());
    assert_eq!(moved.reserve[0].key, after.account().unwrap().email_index.to_string());
    let used: Vec<Event> = events.into_iter().chain(moved.events).collect();
    given(used.clone()).when(&confirm, &cx()).is_rejected(&Rejection::LinkUsed);
    given(used).when(&command, &cx()).changes_nothing();
}

#[test]
fn people_change_their_own_account_only() {
    let eve = Context { actor: kernel::Actor::user(ActorId(Uuid::from_u128(0xe0e))), ..cx() };
    given(history()).when(&ChangeProfile::default(), &eve).is_rejected(&Rejection::NotFound);
    given(history()).when(&EnableTotp {}, &eve).is_rejected(&Rejection::NotFound);
    given(history()).when(&RecordPasswordChange {}, &eve).is_rejected(&Rejection::NotFound);
    let email = EmailAddress::parse("eve@example.org").unwrap().into();
    given(history()).when(&RequestEmailChange { email }, &eve).is_rejected(&Rejection::NotFound);
}

#[test]
fn a_profile_changes_in_parts_and_null_removes_the_phone() {
    let change = |body| serde_json::from_value::<ChangeProfile>(body).unwrap();
    let with = |phone: Option<&str>, family_name: &str| Event::ProfileChanged {
        given_name: Personal::new(ADA, PersonName::parse("Ada").unwrap()),
        family_name: Personal::new(ADA, PersonName::parse(family_name).unwrap()),
        phone: phone.map(|phone| Personal::new(ADA, PhoneNumber::parse(phone).unwrap())),
        locale: Locale::En,
    };
    let (phone, name) = (with(Some("+33612345678"), "Byron"), with(Some("+33612345678"), "Lovelace"));
    given(history()).when(&change(json!({"phone": "+33 6 12 34 56 78"})), &cx()).answers([phone.clone()]);
    let told = after_all([phone]);
    given(told.clone()).when(&change(json!({"family_name": "Lovelace"})), &cx()).answers([name]);
    given(told.clone()).when(&change(json!({"phone": null})), &cx()).answers([with(None, "Byron")]);
    given(told).when(&change(json!({"locale": "en"})), &cx()).changes_nothing();
    given(history()).when(&change(json!({"phone": null})), &cx()).changes_nothing();
}

#[test]
fn a_second_factor_comes_and_goes() {
    let enabled = given(history()).when(&EnableTotp {}, &cx()).accepted().events;
    given(after_all(enabled.clone())).when(&EnableTotp {}, &cx()).changes_nothing();
    given(history()).when(&DisableTotp {}, &cx()).changes_nothing();
    assert_eq!(given(after_all(enabled)).when(&DisableTotp {}, &cx()).accepted().events.len(), 1);
}

#[test]
fn a_closed_account_answers_to_no_link() {
    let asked = given(history()).when(&RequestPasswordReset {}, &cx()).accepted().events;
    let reset = CompletePasswordReset { request_id: link(&asked) };
    let closed = Event::Deactivated { reason: None };
    let events: Vec<Event> = after_all(asked).into_iter().chain([closed.clone()]).collect();
    given(events.clone()).when(&reset, &cx()).is_rejected(&Rejection::Deactivated);
    given(events.clone()).when(&RequestPasswordReset {}, &cx()).is_rejected(&Rejection::Deactivated);
    let reopened = events.into_iter().chain([Event::Reactivated {}]);
    given(reopened).when(&reset, &cx()).is_rejected(&Rejection::LinkUsed);
}

#[test]
fn whoever_is_erased_gives_the_address_free() {
    let closed = given(history()).when(&CloseErasedUser {}, &cx()).accepted();
    assert_eq!((closed.events.clone(), closed.release.len()), (vec![Event::Deactivated { reason: None }], 1));
    given(after_all(closed.events)).when(&CloseErasedUser {}, &cx()).changes_nothing();
    given([]).when(&CloseErasedUser {}, &cx()).changes_nothing();
}

#[test]
fn accounts_are_closed_and_opened_from_the_platform() {
    let close = DeactivateUser { reason: None };
    let closed = Event::Deactivated { reason: None };
    given(history()).when(&close, &administrator()).answers([closed.clone()]);
    given(after_all([closed.clone()])).when(&close, &administrator()).changes_nothing();
    given(after_all([closed])).when(&ReactivateUser {}, &administrator()).answers([Event::Reactivated {}]);
    given(history()).when(&ReactivateUser {}, &administrator()).changes_nothing();
    let elsewhere = Context { tenant_id: kernel::specs::TENANT, ..administrator() };
    given(history()).when(&close, &elsewhere).is_rejected(&Rejection::NotFound);
    given(history()).when(&ReactivateUser {}, &elsewhere).is_rejected(&Rejection::NotFound);
    let oneself = Context { actor: kernel::Actor::user(ActorId(ADA)), ..administrator() };
    given(history()).when(&close, &oneself).is_rejected(&Rejection::OneselfNot);
}

#[test]
fn what_the_door_notices_is_told_to_the_owner() {
    let throttled = RecordSignInThrottled { failures: 10, until: noon() };
    for events in [
        given(history()).when(&throttled, &cx()).accepted().events,
        given(history()).when(&RecordSignUpRepeated {}, &cx()).accepted().events,
    ] {
        let [Event::SignInThrottled { to, .. } | Event::SignUpRepeated { to }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(text(&to.email), "ada@example.com");
    }
}

#[test]
fn every_event_has_an_example_that_folds() {
    state_of::<User>(examples());
    assert_eq!(examples().len(), 15);
}

#[derive(Clone, Debug)]
enum Deed {
    AskVerification,
    Verify(usize),
    AskReset,
    Reset(usize),
    AskMove(u8),
    Move(usize),
    Close,
    Open,
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, i64)>> {
    let deed = prop_oneof![
        Just(Deed::AskVerification),
        (0..9usize).prop_map(Deed::Verify),
        Just(Deed::AskReset),
        (0..9usize).prop_map(Deed::Reset),
        (0..3u8).prop_map(Deed::AskMove),
        (0..9usize).prop_map(Deed::Move),
        Just(Deed::Close),
        Just(Deed::Open),
    ];
    prop::collection::vec((deed, 0..40i64), 1..60)
}

proptest! {
    /// Whatever is asked in whatever order: each link works once at most, only the last of its sort, and in time.
    #[test]
    fn a_link_works_once_and_only_the_last_of_its_sort(deeds in deeds()) {
        let mut user: User = state_of(history());
        let mut sent = vec![("verify", link(&history()), noon() + VERIFICATION_LIFETIME)];
        let mut used = Vec::new();
        let mut now = noon();
        for (step, (deed, hours)) in deeds.into_iter().enumerate() {
            now += TimeDelta::hours(hours);
            let command_id = CommandId(kernel::ids::derived(ADA, &step.to_string()));
            let (own, admin) = (Context { now, command_id, ..cx() }, Context { now, command_id, ..administrator() });
            let pick = |sort: &str, nth: usize| {
                let of: Vec<_> = sent.iter().filter(|(other, ..)| *other == sort).collect();
                of.get(nth % of.len().max(1)).map_or(RequestId(ADA), |(_, id, _)| *id)
            };
            let (decision, follows) = match &deed {
                Deed::AskVerification => (RequestEmailVerification {}.decide(&user, &own), None),
                Deed::Verify(nth) => {
                    let request_id = pick("verify", *nth);
                    (VerifyEmail { request_id }.decide(&user, &own), Some(("verify", request_id)))
                }
                Deed::AskReset => (RequestPasswordReset {}.decide(&user, &own), None),
                Deed::Reset(nth) => {
                    let request_id = pick("reset", *nth);
                    (CompletePasswordReset { request_id }.decide(&user, &own), Some(("reset", request_id)))
                }
                Deed::AskMove(n) => {
                    let email = EmailAddress::parse(&format!("ada{n}@example.com")).unwrap().into();
                    (RequestEmailChange { email }.decide(&user, &own), None)
                }
                Deed::Move(nth) => {
                    let request_id = pick("move", *nth);
                    (ConfirmEmailChange { request_id }.decide(&user, &own), Some(("move", request_id)))
                }
                Deed::Close => (DeactivateUser { reason: None }.decide(&user, &admin), None),
                Deed::Open => (ReactivateUser {}.decide(&user, &admin), None),
            };
            let Ok(decided) = decision else { continue };
            prop_assert!(user.account().unwrap().active || matches!(deed, Deed::Open | Deed::Close));
            if let Some((sort, request_id)) = follows {
                let (_, last, expires_at) = sent.iter().rfind(|(other, ..)| *other == sort).unwrap();
                prop_assert_eq!(*last, request_id, "only the last link of its sort");
                prop_assert!(now <= *expires_at, "only in time");
                prop_assert!(!used.contains(&request_id), "only once");
                used.push(request_id);
            }
            for event in &decided.events {
                sent.extend(sent_by(event));
                user = user.evolve(event);
            }
        }
    }
}
