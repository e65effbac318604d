//! What holds for erasures.

use super::*;
use kernel::ActorId;
use kernel::specs::{context, given, state_of};
use proptest::prelude::*;
use uuid::Uuid;

const ADA: Uuid = Uuid::from_u128(0xada);

fn cx() -> kernel::Context {
    context(ActorId(Uuid::nil()), ADA, &[ERASE.as_str()])
}

fn key(n: u128) -> ErasedKey {
    ErasedKey { kept_by: TenantId(Uuid::from_u128(n)), subject_id: SubjectId(ADA) }
}

fn request(keys: &[u128]) -> RequestErasure {
    RequestErasure { erased_keys: keys.iter().map(|n| key(*n)).collect(), reason: ErasureReason::Asked }
}

fn requested(keys: &[u128]) -> Event {
    Event::ErasureRequested { erased_keys: keys.iter().map(|n| key(*n)).collect(), reason: ErasureReason::Asked }
}

#[test]
fn an_erasure_is_asked_for_once_and_certified_once() {
    let certify = CertifyErasure { texts_removed: 3 };
    let certified = Event::ErasureCompleted { keys_destroyed: 2, texts_removed: 3 };
    given([]).when(&request(&[2, 1, 2]), &cx()).answers([requested(&[1, 2])]);
    given([requested(&[1, 2])]).when(&request(&[1]), &cx()).changes_nothing();
    given([requested(&[1, 2])]).when(&certify, &cx()).answers([certified.clone()]);
    given([requested(&[1, 2]), certified]).when(&certify, &cx()).changes_nothing();
}

#[test]
fn nothing_is_erased_about_nobody() {
    given([]).when(&request(&[]), &cx()).is_rejected(&Rejection::NothingKept);
    given([]).when(&CertifyErasure { texts_removed: 0 }, &cx()).is_rejected(&Rejection::NotRequested);
}

#[test]
fn each_export_is_told_and_changes_nothing_of_an_erasure() {
    let asked = RequestExport { known_as: vec![SubjectId(ADA), SubjectId(ADA)], kept_by: None };
    let told = Event::ExportRequested { known_as: vec![SubjectId(ADA)], kept_by: None };
    let cx = context(ActorId(Uuid::nil()), ADA, &[EXPORT.as_str()]);
    given([]).when(&asked, &cx).answers([told.clone()]);
    given([told.clone()]).when(&asked, &cx).answers([told.clone()]);
    let nobody = RequestExport { known_as: Vec::new(), ..asked };
    given([]).when(&nobody, &cx).is_rejected(&Rejection::NothingKept);
    let subject: Subject = state_of([requested(&[1]), told]);
    assert!(!subject.erasure().unwrap().completed);
}

#[test]
fn a_key_that_turns_up_later_is_erased_too() {
    let certified = Event::ErasureCompleted { keys_destroyed: 1, texts_removed: 3 };
    let history = [requested(&[1]), certified];
    given(history.clone()).when(&request(&[1, 3]), &cx()).answers([requested(&[3])]);
    let subject: Subject = state_of(history.into_iter().chain([requested(&[3])]));
    assert!(!subject.erasure().unwrap().completed, "there is something left to do");
    assert_eq!(subject.erasure().unwrap().erased_keys, [key(1), key(3)]);
}

proptest! {
    #[test]
    fn whatever_is_asked_every_key_is_named_once(asked in prop::collection::vec(prop::collection::vec(0..9u128, 1..5), 1..9)) {
        use kernel::Command as _;
        let mut subject = Subject::default();
        let mut named = Vec::new();
        for keys in &asked {
            for event in request(keys).decide(&subject, &cx()).unwrap().events {
                if let Event::ErasureRequested { erased_keys, .. } = &event {
                    named.extend(erased_keys.iter().copied());
                }
                subject = subject.evolve(&event);
            }
        }
        named.sort_unstable();
        prop_assert!(named.windows(2).all(|pair| pair[0] != pair[1]));
        prop_assert_eq!(&named, &subject.erasure().unwrap().erased_keys);
    }
}
