//! What holds for files.

use super::*;
use kernel::specs::{context, given, noon};
use kernel::{Command as _, Context, Event as _};
use serde_json::json;

const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
const EVE: ActorId = ActorId(Uuid::from_u128(0xe5e));
const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));

fn customer(actor: ActorId) -> Context {
    context(actor, Uuid::from_u128(7), &[UPLOAD.as_str()])
}

fn agent() -> Context {
    context(BOB, Uuid::from_u128(7), &[UPLOAD.as_str(), UPLOAD_ABOUT_OTHERS.as_str()])
}

fn sillage() -> Context {
    context(ActorId(Uuid::nil()), Uuid::from_u128(7), &[KEEP.as_str()])
}

fn wanted(body: serde_json::Value) -> RequestUpload {
    serde_json::from_value(body).unwrap()
}

fn photo() -> RequestUpload {
    wanted(json!({"name": "photo.jpg", "purpose": "ticket_attachment", "size_bytes": 1000}))
}

fn requested(uploader_id: ActorId, person_id: ActorId) -> Event {
    Event::Requested {
        name: Personal::new(person_id, FileName::parse("photo.jpg").unwrap()),
        named: FileKind::Jpeg,
        purpose: FilePurpose::TicketAttachment,
        size_bytes: 1000,
        sha256: None,
        uploader_id,
        person_id,
        object_id: customer(ADA).derived_id("object"),
        upload_until: noon() + UPLOAD_TIME,
    }
}

fn example(position: usize) -> Event {
    Event::examples().remove(position)
}

fn verified() -> Vec<Event> {
    vec![requested(ADA, ADA), Event::Uploaded {}, example(2), example(3)]
}

#[test]
fn whoever_asks_hands_over_what_is_about_himself() {
    given([]).when(&photo(), &customer(ADA)).answers([requested(ADA, ADA)]);
    given([requested(ADA, ADA)]).when(&photo(), &customer(ADA)).is_rejected(&Rejection::AlreadyRequested);
    let about_ada = RequestUpload { about: Some(ADA), ..photo() };
    given([]).when(&about_ada, &agent()).answers([requested(BOB, ADA)]);
    given([]).when(&about_ada, &customer(EVE)).is_rejected(&Rejection::AboutSomebodyElse);
}

#[test]
fn a_purpose_takes_what_its_policy_says() {
    let mib = 1024 * 1024;
    for (name, purpose, size_bytes, taken) in [
        ("a.pdf", "ticket_attachment", 20 * mib, true),
        ("a.pdf", "ticket_attachment", 20 * mib + 1, false),
        ("a.pdf", "ticket_attachment", 0, false),
        ("a.pdf", "ticket_attachment", -1, false),
        ("a.pdf", "conversation_image", 5, false),
        ("a.webp", "conversation_image", 10 * mib, true),
        ("a.webp", "conversation_image", 10 * mib + 1, false),
    ] {
        let command = wanted(json!({"name": name, "purpose": purpose, "size_bytes": size_bytes}));
        assert_eq!(command.decide(&StoredFile::default(), &customer(ADA)).is_ok(), taken, "{name} {size_bytes}");
    }
    for bad in [json!({"name": "../a.png"}), json!({"sha256": "ABC"}), json!({"mime_type": "image/png"})] {
        let mut body = json!({"name": "a.png", "purpose": "ticket_attachment", "size_bytes": 5});
        body.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        assert!(serde_json::from_value::<RequestUpload>(body).is_err(), "{bad}");
    }
}

#[test]
fn only_the_uploader_completes_and_only_once() {
    let complete = CompleteUpload {};
    given([requested(ADA, ADA)]).when(&complete, &customer(ADA)).answers([Event::Uploaded {}]);
    given([requested(ADA, ADA)]).when(&complete, &customer(EVE)).is_rejected(&Rejection::NotFound);
    given([]).when(&complete, &customer(ADA)).is_rejected(&Rejection::NotFound);
    given(verified()).when(&complete, &customer(ADA)).changes_nothing();
    given([requested(ADA, ADA), Event::Expired {}]).when(&complete, &customer(ADA)).is_rejected(&Rejection::Expired);
}

#[test]
fn nothing_is_had_before_it_is_verified_or_after_it_is_erased() {
    let whole = IssueFileUrl { variant: FileVariant::Whole };
    let issued = Event::UrlIssued { variant: FileVariant::Whole, until: noon() + DOWNLOAD_TIME };
    given(verified()).when(&whole, &customer(ADA)).answers([issued]);
    given(verified()).when(&whole, &customer(EVE)).is_rejected(&Rejection::NotFound);
    let so_far = [requested(ADA, ADA), Event::Uploaded {}];
    for (more, why) in [
        (None, Rejection::NotVerified),
        (Some(Event::Refused { reason: FileRefusal::Active }), Rejection::Refused),
        (Some(Event::ErasureRequested { reason: FileErasure::Asked }), Rejection::Erased),
        (Some(Event::Erased {}), Rejection::Erased),
    ] {
        given(so_far.iter().cloned().chain(more)).when(&whole, &customer(ADA)).is_rejected(&why);
    }
    let thumbnail = IssueFileUrl { variant: FileVariant::Thumbnail };
    given([requested(ADA, ADA), Event::Uploaded {}, example(2)])
        .when(&thumbnail, &customer(ADA))
        .is_rejected(&Rejection::NoThumbnail);
}

#[test]
fn what_is_found_is_recorded_once_and_never_over_an_erasure() {
    let found = RecordFileVerified {
        kind: FileKind::Png,
        size_bytes: 45_002,
        sha256: Checksum::of(&[0xa2; 32]).unwrap(),
        width: Some(1280),
        height: Some(720),
        thumbnail: Some(MadeDerivative {
            kind: FileKind::Png,
            size_bytes: 9_120,
            sha256: Checksum::of(&[0xa3; 32]).unwrap(),
        }),
    };
    let refused = RecordFileRefused { reason: FileRefusal::Ambiguous };
    let uploaded = || [requested(ADA, ADA), Event::Uploaded {}];
    given(uploaded()).when(&found, &sillage()).answers([example(2), example(3)]);
    given(uploaded()).when(&refused, &sillage()).answers([example(4)]);
    for after in [Event::ErasureRequested { reason: FileErasure::Asked }, Event::Erased {}, example(2), example(4)] {
        given(uploaded().into_iter().chain([after.clone()])).when(&found, &sillage()).changes_nothing();
        given(uploaded().into_iter().chain([after])).when(&refused, &sillage()).changes_nothing();
    }
}

#[test]
fn a_file_is_erased_by_its_uploader_and_by_whom_it_is_about() {
    let erase = EraseFile {};
    let asked = || Event::ErasureRequested { reason: FileErasure::Asked };
    given([requested(BOB, ADA)]).when(&erase, &customer(ADA)).answers([asked()]);
    given([requested(BOB, ADA)]).when(&erase, &customer(BOB)).answers([asked()]);
    given([requested(BOB, ADA)]).when(&erase, &customer(EVE)).is_rejected(&Rejection::NotFound);
    let manager = context(EVE, Uuid::from_u128(7), &[UPLOAD.as_str(), MANAGE.as_str()]);
    given([requested(BOB, ADA)]).when(&erase, &manager).answers([asked()]);
    // What was attached for colleagues only is not there for the customer.
    let kept_from_her = [requested(BOB, ADA), Event::Linked { to: Uuid::from_u128(1), restricted: true }];
    given(kept_from_her).when(&erase, &customer(ADA)).is_rejected(&Rejection::NotFound);
    given(verified().into_iter().chain([asked()])).when(&erase, &customer(ADA)).changes_nothing();

    let remove = RemoveFile { reason: FileErasure::PersonErased };
    given(verified()).when(&remove, &sillage()).answers([example(8)]);
    given([requested(ADA, ADA), asked()]).when(&RecordFileErased {}, &sillage()).answers([Event::Erased {}]);
    given(verified()).when(&RecordFileErased {}, &sillage()).changes_nothing();
}

#[test]
fn what_never_comes_expires() {
    given([requested(ADA, ADA)]).when(&ExpireUpload {}, &sillage()).answers([Event::Expired {}]);
    given(verified()).when(&ExpireUpload {}, &sillage()).changes_nothing();
}
