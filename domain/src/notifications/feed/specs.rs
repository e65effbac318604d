//! What the specs of feeds have in common, and those of what is told.

use super::*;
use crate::notifications::email::NewsCount;
use chrono::TimeDelta;
use kernel::Context;
use kernel::specs::{TENANT, context, given, noon, state_of};

pub(super) const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
pub(super) const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
pub(super) const EVE: ActorId = ActorId(Uuid::from_u128(0xe5e));
pub(super) const PRINTER: ThreadId = ThreadId(Uuid::from_u128(0x9217));
pub(super) const SCANNER: ThreadId = ThreadId(Uuid::from_u128(0x5ca0));

/// Somebody before his own feed.
pub(super) fn own_feed(who: ActorId) -> Context {
    context(who, feed_id(TENANT, who).0, &[])
}

/// What follows the log before somebody's feed.
pub(super) fn update(whose: ActorId) -> Context {
    Context { actor: kernel::Actor::SYSTEM, ..own_feed(whose) }
}

/// Ada is told that Bob has answered, at noon.
pub(super) fn told(thread_id: ThreadId) -> UpdateFeed {
    let news = FeedNews::Happened { topic: NotificationTopic::Answered, actor_id: Some(BOB), at: noon() };
    UpdateFeed { recipient_id: ADA, thread_id, news }
}

/// She was told that.
pub(super) fn notified(seq: i32, thread_id: ThreadId) -> Event {
    Event::Notified {
        recipient_id: ADA,
        seq,
        topic: NotificationTopic::Answered,
        thread_id,
        actor_id: Some(BOB),
        at: noon(),
        in_app: true,
        mail: MailPlan::AtOnce,
        mail_at: Some(noon() + UNREAD_FOR),
        unread: seq,
    }
}

fn seen(thread_id: ThreadId) -> UpdateFeed {
    UpdateFeed { recipient_id: ADA, thread_id, news: FeedNews::Seen {} }
}

#[test]
fn what_happened_is_told_in_order() {
    given([]).when(&told(PRINTER), &update(ADA)).answers([notified(1, PRINTER)]);
    given([notified(1, PRINTER)]).when(&told(SCANNER), &update(ADA)).answers([notified(2, SCANNER)]);
}

#[test]
fn nobody_is_told_of_what_he_did_himself() {
    let news = FeedNews::Happened { topic: NotificationTopic::Closed, actor_id: Some(ADA), at: noon() };
    let told = UpdateFeed { recipient_id: ADA, thread_id: PRINTER, news };
    given([]).when(&told, &update(ADA)).changes_nothing();
}

#[test]
fn what_time_does_is_told_without_a_name() {
    let news = FeedNews::Happened { topic: NotificationTopic::Overdue, actor_id: None, at: noon() };
    let told = UpdateFeed { recipient_id: ADA, thread_id: PRINTER, news };
    let decided = given([]).when(&told, &update(ADA)).accepted();
    assert!(matches!(decided.events[..], [Event::Notified { actor_id: None, .. }]), "{decided:?}");
}

#[test]
fn whoever_has_looked_at_the_ticket_has_read_what_he_was_told_of_it() {
    let before = || [notified(1, PRINTER), notified(2, SCANNER), notified(3, PRINTER)];
    let read = || Event::Read { recipient_id: ADA, seqs: vec![1, 3], thread_id: Some(PRINTER), unread: 1 };
    given(before()).when(&seen(PRINTER), &update(ADA)).answers([read()]);
    let after = || before().into_iter().chain([read()]);
    given(after()).when(&seen(PRINTER), &update(ADA)).changes_nothing();
    let waits: Vec<i32> = state_of::<Feed>(after()).waiting().iter().map(|waiting| waiting.seq).collect();
    assert_eq!(waits, [2], "what was read is not mailed");
    given([]).when(&seen(PRINTER), &update(ADA)).changes_nothing();
}

#[test]
fn whoever_never_looks_has_a_thousand_unread_and_every_mail() {
    let last = i32::try_from(MAX_UNREAD).unwrap();
    let decided = given((1..=last).map(|seq| notified(seq, PRINTER))).when(&told(PRINTER), &update(ADA)).accepted();
    let lapsed = Event::Lapsed { recipient_id: ADA, seqs: vec![1], unread: last - 1 };
    let [first, Event::Notified { seq, unread, .. }] = &decided.events[..] else { panic!("{decided:?}") };
    assert_eq!((first, *seq, *unread), (&lapsed, last + 1, last));
    let feed: Feed = state_of((1..=last).map(|seq| notified(seq, PRINTER)).chain([lapsed]));
    assert_eq!(feed.waiting().len(), MAX_UNREAD, "what waits to be mailed goes on waiting");
    let news = |seq| [NewsOfThread { thread_id: PRINTER, counts: Vec::new(), unread: vec![seq] }];
    assert!(!feed.has_settled(&news(1)), "nobody has read what lapsed");
}

/// What is due so long after noon.
fn due(events: &[Event], minutes: i64) -> Option<DueMail> {
    state_of::<Feed>(events.iter().cloned()).due_mail(noon() + TimeDelta::minutes(minutes))
}

fn of_thread(thread_id: ThreadId, seqs: &[i32]) -> NewsOfThread {
    let count = i32::try_from(seqs.len()).unwrap();
    let counts = vec![NewsCount { topic: NotificationTopic::Answered, count }];
    NewsOfThread { thread_id, counts, unread: seqs.to_vec() }
}

fn mailed(seqs: &[i32], thread_id: ThreadId, minutes: i64) -> Event {
    Event::Mailed {
        recipient_id: ADA,
        mail_id: Uuid::from_u128(1),
        seqs: seqs.to_vec(),
        news: vec![of_thread(thread_id, seqs)],
        digest: false,
        at: noon() + TimeDelta::minutes(minutes),
    }
}

#[test]
fn what_stays_unread_for_five_minutes_is_mailed_with_all_of_its_ticket() {
    let mut events = vec![notified(1, PRINTER), notified(2, SCANNER), notified(3, PRINTER)];
    assert_eq!(due(&events, 4), None);
    let mail = DueMail::Mail { seqs: vec![1, 3], news: vec![of_thread(PRINTER, &[1, 3])], digest: false };
    assert_eq!(due(&events, 5), Some(mail));
    events.push(mailed(&[1, 3], PRINTER, 5));
    let next = DueMail::Mail { seqs: vec![2], news: vec![of_thread(SCANNER, &[2])], digest: false };
    assert_eq!(due(&events, 5), Some(next));
    events.push(mailed(&[2], SCANNER, 5));
    assert_eq!((due(&events, 600), state_of::<Feed>(events).next_mail_at()), (None, None));
}

#[test]
fn a_second_mail_about_a_ticket_within_the_hour_joins_the_digest() {
    let mut events = vec![notified(1, PRINTER), mailed(&[1], PRINTER, 5), notified(2, PRINTER)];
    assert_eq!(due(&events, 10), Some(DueMail::JoinDigest { seqs: vec![2], limit: MailLimit::Thread }));
    events.push(Event::JoinedDigest { recipient_id: ADA, seqs: vec![2], limit: MailLimit::Thread });
    // An hour after it happened, but not within the hour after the mail.
    assert_eq!(state_of::<Feed>(events.clone()).next_mail_at(), Some(noon() + TimeDelta::minutes(65)));
    assert_eq!(due(&events, 64), None);
    let digest = DueMail::Mail { seqs: vec![2], news: vec![of_thread(PRINTER, &[2])], digest: true };
    assert_eq!(due(&events, 65), Some(digest));
}

#[test]
fn the_eleventh_mail_in_ten_minutes_joins_the_digest() {
    let thread = |n: i32| ThreadId(Uuid::from_u128(u128::from(n.unsigned_abs())));
    let mut events: Vec<Event> = (1..=11).map(|n| notified(n, thread(n))).collect();
    events.extend((1..=10).map(|n| mailed(&[n], thread(n), 5)));
    assert_eq!(due(&events, 6), Some(DueMail::JoinDigest { seqs: vec![11], limit: MailLimit::Recipient }));
    assert!(matches!(due(&events, 15), Some(DueMail::Mail { digest: false, .. })), "ten minutes later it may go");
    events.push(Event::JoinedDigest { recipient_id: ADA, seqs: vec![11], limit: MailLimit::Recipient });
    assert_eq!(due(&events, 59), None);
    assert!(matches!(due(&events, 60), Some(DueMail::Mail { digest: true, .. })));
}

#[test]
fn a_mail_that_was_asked_for_is_of_no_use_once_all_of_it_is_read_or_muted() {
    let news = [of_thread(PRINTER, &[1, 3]), of_thread(SCANNER, &[2])];
    let told = || vec![notified(1, PRINTER), notified(2, SCANNER), notified(3, PRINTER)];
    let settled = |more: &[Event]| state_of::<Feed>(told().into_iter().chain(more.iter().cloned())).has_settled(&news);
    let read = |seqs: &[i32]| Event::Read { recipient_id: ADA, seqs: seqs.to_vec(), thread_id: None, unread: 0 };
    let muted = Event::Muted { recipient_id: ADA, thread_id: SCANNER, dropped: Vec::new() };
    assert!(!settled(&[]) && !settled(&[read(&[1, 3])]) && !settled(&[read(&[1]), muted.clone()]));
    assert!(settled(&[read(&[1, 2, 3])]) && settled(&[read(&[1, 3]), muted]));
    let unseen = [NewsOfThread { unread: Vec::new(), ..of_thread(PRINTER, &[1]) }];
    let all: Feed = state_of(told().into_iter().chain([read(&[1, 2, 3])]));
    assert!(!all.has_settled(&unseen), "of what he does not see where he works, nobody knows that he has read it");
    assert!(!all.has_settled(&[]));
}
