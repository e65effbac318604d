//! What holds for every mail.

use super::{
    Email, EmailContent, EmailFailure, EmailLink, EmailRecipient, EmailStatus, EmailSuppression, Event, Receipt,
    RecordEmailFailure, RecordEmailSent, Rejection, RequestEmail, RequeueEmail, SuppressEmail,
};
use crate::notifications::{MailAddress, WrittenIn};
use chrono::TimeDelta;
use kernel::specs::{context, given, noon};
use kernel::{ActorId, Aggregate, Command, Context, Personal};
use proptest::prelude::*;
use uuid::Uuid;

const MAIL: Uuid = Uuid::from_u128(0x3a11);

fn cx() -> Context {
    context(ActorId(Uuid::nil()), MAIL, &["notifications.email:send"])
}

fn request() -> RequestEmail {
    RequestEmail {
        to: EmailRecipient {
            address: Personal::new(MAIL, MailAddress::parse("ada@example.com").unwrap()),
            name: None,
            language: WrittenIn::En,
        },
        content: EmailContent::ResetPassword {
            link: EmailLink {
                subject_id: Uuid::from_u128(1),
                request_id: Uuid::from_u128(2),
                expires_at: noon() + TimeDelta::hours(1),
            },
        },
    }
}

fn requested() -> Event {
    let RequestEmail { to, content } = request();
    Event::Requested { to, content }
}

fn failed() -> Event {
    Event::Failed { reason: EmailFailure::Exhausted, attempts: 20 }
}

fn receipt() -> Receipt {
    Receipt::parse("<3a11@example.com>").unwrap()
}

fn sent() -> Event {
    Event::Sent { message_id: receipt(), attempts: 2 }
}

fn suppressed() -> Event {
    Event::Suppressed { reason: EmailSuppression::Expired }
}

fn record_sent() -> RecordEmailSent {
    RecordEmailSent { message_id: receipt(), attempts: 2 }
}

fn record_failure() -> RecordEmailFailure {
    RecordEmailFailure { reason: EmailFailure::Exhausted, attempts: 20 }
}

#[test]
fn a_mail_is_asked_for_once() {
    given::<Email>([]).when(&request(), &cx()).answers([requested()]);
    given::<Email>([requested()]).when(&request(), &cx()).changes_nothing();
    given::<Email>([requested(), sent()]).when(&request(), &cx()).changes_nothing();
}

#[test]
fn what_was_sent_is_recorded_once() {
    given::<Email>([requested()]).when(&record_sent(), &cx()).answers([sent()]);
    given::<Email>([requested(), sent()]).when(&record_sent(), &cx()).changes_nothing();
    given::<Email>([]).when(&record_sent(), &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn what_was_given_up_and_arrived_all_the_same_was_sent() {
    given::<Email>([requested(), failed()]).when(&record_sent(), &cx()).answers([sent()]);
    given::<Email>([requested(), sent()]).when(&record_failure(), &cx()).changes_nothing();
}

#[test]
fn a_failure_is_recorded_once_per_asking() {
    given::<Email>([requested()]).when(&record_failure(), &cx()).answers([failed()]);
    given::<Email>([requested(), failed()]).when(&record_failure(), &cx()).changes_nothing();
    given::<Email>([requested(), failed(), Event::Requeued {}]).when(&record_failure(), &cx()).answers([failed()]);
    given::<Email>([]).when(&record_failure(), &cx()).is_rejected(&Rejection::NotFound);
}

#[test]
fn only_what_was_given_up_is_asked_for_again() {
    let again = RequeueEmail {};
    given::<Email>([requested(), failed()]).when(&again, &cx()).answers([Event::Requeued {}]);
    given::<Email>([requested()]).when(&again, &cx()).changes_nothing();
    given::<Email>([requested(), sent()]).when(&again, &cx()).is_rejected(&Rejection::Sent);
    given::<Email>([requested(), suppressed()]).when(&again, &cx()).is_rejected(&Rejection::Suppressed);
    given::<Email>([]).when(&again, &cx()).is_rejected(&Rejection::NotFound);
    let late = Context { now: noon() + TimeDelta::hours(2), ..cx() };
    given::<Email>([requested(), failed()]).when(&again, &late).is_rejected(&Rejection::Expired);
}

#[test]
fn what_is_of_no_use_is_suppressed() {
    let suppress = SuppressEmail { reason: EmailSuppression::Expired };
    given::<Email>([requested()]).when(&suppress, &cx()).answers([suppressed()]);
    given::<Email>([requested(), suppressed()]).when(&suppress, &cx()).changes_nothing();
    given::<Email>([requested(), sent()]).when(&suppress, &cx()).is_rejected(&Rejection::Sent);
    given::<Email>([]).when(&suppress, &cx()).is_rejected(&Rejection::NotFound);
}

/// One deed of a worker, a reactor or an operator; whether it added anything.
fn act(email: &Email, deed: u8) -> Vec<Event> {
    fn of<C: Command<Streams = Email>>(email: &Email, command: &C) -> Vec<Event> {
        command.decide(email, &cx()).map(|decided| decided.events).unwrap_or_default()
    }
    match deed {
        0 => of(email, &request()),
        1 => of(email, &record_sent()),
        2 => of(email, &record_failure()),
        3 => of(email, &SuppressEmail { reason: EmailSuppression::Expired }),
        _ => of(email, &RequeueEmail {}),
    }
}

proptest! {
    #[test]
    fn whatever_happens_a_mail_is_requested_once_and_sent_once(deeds in proptest::collection::vec(0u8..5, 0..40)) {
        let (mut email, mut story) = (Email::default(), Vec::new());
        for deed in deeds {
            for event in act(&email, deed) {
                email = email.evolve(&event);
                story.push(event);
            }
            // Doing the same again at once adds nothing.
            prop_assert!(act(&email, deed).is_empty());
        }
        let count = |wanted: fn(&Event) -> bool| story.iter().filter(|event| wanted(event)).count();
        let requests = count(|event| matches!(event, Event::Requested { .. }));
        let sendings = count(|event| matches!(event, Event::Sent { .. }));
        prop_assert!(requests <= 1 && sendings <= 1);
        let is_sent = sendings == 1;
        let status = email.letter().map(|letter| letter.status);
        prop_assert_eq!(is_sent, status == Some(EmailStatus::Sent), "what was sent stays sent");
    }
}
