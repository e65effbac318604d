//! Mailing somebody what waits to be told.

use crate::identity::membership::{Member, Membership, membership_id};
use crate::identity::{Locale, UserId};
use crate::notifications::email::{self, Email, EmailContent, EmailRecipient};
use crate::notifications::feed::{self, DueMail, Feed, MailDrop, UPDATE};
use crate::notifications::{MailAddress, WrittenIn};
use crate::processes::mail_about_accounts::written_in;
use kernel::command::unchanged;
use kernel::{ActorId, Command, Context, Decided, Decision, Events, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Mails somebody one thing that is due by now, or puts it into his next digest where that would be one mail too many. Nobody
/// asks for it: a timer does, as often as it likes; where nothing is due nothing changes.
///
/// That it was mailed and the mail itself are one append: what waits is mailed once, whoever asks and however often. The address
/// is the one that his membership says now; whoever is no active member is not written to.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailNews {
    /// Whom.
    pub recipient_id: ActorId,
    /// The language of his account: what counts where his preferences name none.
    pub locale: Locale,
}

impl Command for MailNews {
    type Streams = (Feed, Email, Membership);
    const NAME: &'static str = "notifications.mail_news";
    const SCOPE: Scope = UPDATE;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid, Uuid) {
        (target, cx.derived_id("mail"), membership_id(cx.tenant_id, UserId(self.recipient_id.0)).0)
    }

    fn decide(&self, (feed, _, membership): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let recipient_id = self.recipient_id;
        let (seqs, news, digest) = match feed.due_mail(cx.now) {
            None => return unchanged(),
            Some(DueMail::JoinDigest { seqs, limit }) => {
                return Ok(only(feed::Event::JoinedDigest { recipient_id, seqs, limit }));
            }
            Some(DueMail::Mail { seqs, news, digest }) => (seqs, news, digest),
        };
        let Some(member) = membership.member().filter(|member| member.active) else {
            return Ok(only(feed::Event::MailDropped { recipient_id, seqs, reason: MailDrop::NotAMember }));
        };
        let language = feed.preferences().language().unwrap_or(written_in(self.locale));
        let (to, content) = (recipient(member, language), EmailContent::News { recipient_id, news: news.clone() });
        let mail_id = cx.derived_id("mail");
        let mailed = feed::Event::Mailed { recipient_id, mail_id, seqs, news, digest, at: cx.now };
        Ok(Decided::new((vec![mailed], vec![email::Event::Requested { to, content }], Vec::new())))
    }
}

fn only(event: feed::Event) -> Decided<Events<MailNews>> {
    Decided::new((vec![event], Vec::new(), Vec::new()))
}

fn recipient(member: &Member, language: WrittenIn) -> EmailRecipient {
    EmailRecipient {
        address: member.person.email.clone().map(|email| MailAddress::known(email.as_str())),
        name: Some(member.person.given_name.clone()),
        language,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::membership::{self, KnownPerson};
    use crate::identity::{EmailAddress, PersonName, Role, RoleSet};
    use crate::notifications::feed::{
        FeedNews, MarkNotificationsRead, MuteThread, NotificationTopic, ThreadId, UpdateFeed, feed_id,
    };
    use chrono::{DateTime, TimeDelta, Utc};
    use kernel::specs::{TENANT, Then, context, noon, state_of};
    use kernel::{Aggregate as _, Personal};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));

    fn member(more: Option<membership::Event>) -> Membership {
        let user_id = UserId(ADA.0);
        let name = |name: &str| Personal::new(user_id, PersonName::parse(name).unwrap());
        let email = Personal::new(user_id, EmailAddress::parse("ada@example.com").unwrap());
        let person = KnownPerson { given_name: name("Ada"), family_name: name("Lovelace"), email };
        let roles = RoleSet::new([Role::SupportCustomer]).unwrap();
        let joined = membership::Event::Granted { user_id, person, roles, supervisor_id: None, invitation_id: None };
        state_of([joined].into_iter().chain(more))
    }

    fn cx(now: DateTime<Utc>) -> Context {
        Context { now, ..context(ADA, feed_id(TENANT, ADA).0, &[]) }
    }

    fn mail() -> MailNews {
        MailNews { recipient_id: ADA, locale: Locale::En }
    }

    fn thread(n: u128) -> ThreadId {
        ThreadId(Uuid::from_u128(n))
    }

    fn told(n: u128, topic: NotificationTopic, at: DateTime<Utc>) -> UpdateFeed {
        let news = FeedNews::Happened { topic, actor_id: None, at };
        UpdateFeed { recipient_id: ADA, thread_id: thread(n), news }
    }

    fn after(feed: Feed, command: &impl Command<Streams = Feed>, now: DateTime<Utc>) -> (Feed, Vec<feed::Event>) {
        let events = command.decide(&feed, &cx(now)).unwrap().events;
        (events.iter().fold(feed, Feed::evolve), events)
    }

    fn answered() -> Feed {
        after(Feed::default(), &told(1, NotificationTopic::Answered, noon()), noon()).0
    }

    #[test]
    fn what_is_due_is_mailed_to_the_address_of_the_membership() {
        let (feed, email, ada) = (answered(), Email::default(), member(None));
        let now = noon() + feed::UNREAD_FOR;
        let decide = |feed: &Feed, now| mail().decide((feed, &email, &ada), &cx(now));
        assert!(decide(&feed, noon()).unwrap().events.0.is_empty(), "not yet");
        let (told, mails, nothing) = Then::<MailNews>::of(decide(&feed, now)).accepted().events;
        let [email::Event::Requested { to, content }] = &mails[..] else { panic!("{mails:?}") };
        assert_eq!(to.address.fresh().map(MailAddress::as_str), Some("ada@example.com"));
        assert_eq!(to.language, WrittenIn::En, "that of the account");
        let [feed::Event::Mailed { mail_id, seqs, news, digest: false, .. }] = &told[..] else { panic!("{told:?}") };
        assert_eq!((*mail_id, &seqs[..]), (mail().streams(cx(now).target, &cx(now)).1, &[1][..]));
        assert_eq!(*content, EmailContent::News { recipient_id: ADA, news: news.clone() });
        assert!(nothing.is_empty());
        let feed = told.iter().fold(feed, Feed::evolve);
        assert!(decide(&feed, now).unwrap().events.0.is_empty(), "once");
    }

    #[test]
    fn the_language_of_the_preferences_counts_first() {
        let french = feed::ChangeNotificationPreferences { language: Some(WrittenIn::Fr), topics: Vec::new() };
        let (feed, _) = after(answered(), &french, noon());
        let decided = mail().decide((&feed, &Email::default(), &member(None)), &cx(noon() + feed::UNREAD_FOR)).unwrap();
        assert!(matches!(&decided.events.1[..], [email::Event::Requested { to, .. }] if to.language == WrittenIn::Fr));
    }

    #[test]
    fn nobody_is_written_to_who_is_no_active_member() {
        let left = membership::Event::Deactivated { user_id: UserId(ADA.0), reason: None };
        for nobody in [Membership::default(), member(Some(left))] {
            let decided = mail().decide((&answered(), &Email::default(), &nobody), &cx(noon() + feed::UNREAD_FOR));
            let (told, mails, _) = decided.unwrap().events;
            let reason = MailDrop::NotAMember;
            assert_eq!(told, [feed::Event::MailDropped { recipient_id: ADA, seqs: vec![1], reason }]);
            assert!(mails.is_empty());
            assert_eq!(told.iter().fold(answered(), Feed::evolve).next_mail_at(), None);
        }
    }

    /// What somebody or time may do.
    #[derive(Clone, Debug)]
    enum Deed {
        Tell(u128, NotificationTopic),
        See(u128),
        Read(i32),
        Mute(u128),
        Mail,
        Wait(i64),
    }

    fn deed() -> impl Strategy<Value = Deed> {
        let topic = proptest::sample::select(<NotificationTopic as kernel::Labelled>::ALL);
        prop_oneof![
            6 => (0..4_u128, topic).prop_map(|(thread, topic)| Deed::Tell(thread, topic)),
            1 => (0..4_u128).prop_map(Deed::See),
            1 => (0..30_i32).prop_map(Deed::Read),
            1 => (0..4_u128).prop_map(Deed::Mute),
            4 => Just(Deed::Mail),
            4 => (0..50_i64).prop_map(Deed::Wait),
        ]
    }

    /// Does it, where it is not for the mail or the clock.
    fn done(feed: Feed, deed: &Deed, now: DateTime<Utc>) -> (Feed, Vec<feed::Event>) {
        match deed {
            Deed::Tell(n, topic) => after(feed, &told(*n, *topic, now), now),
            Deed::See(n) => {
                let seen = UpdateFeed { recipient_id: ADA, thread_id: thread(*n), news: FeedNews::Seen {} };
                after(feed, &seen, now)
            }
            Deed::Read(up_to) => after(feed, &MarkNotificationsRead { up_to: *up_to, thread_id: None }, now),
            Deed::Mute(n) => after(feed, &MuteThread { thread_id: thread(*n) }, now),
            Deed::Mail | Deed::Wait(_) => (feed, Vec::new()),
        }
    }

    /// Mails all that is due.
    fn mail_all(feed: &mut Feed, now: DateTime<Utc>, told: &mut Told) {
        let (email, ada) = (Email::default(), member(None));
        for _ in 0..1_000 {
            let events = mail().decide((feed, &email, &ada), &cx(now)).unwrap().events.0;
            if events.is_empty() {
                return;
            }
            for event in &events {
                told.note(event);
                *feed = std::mem::take(feed).evolve(event);
            }
        }
        panic!("it never ends");
    }

    #[derive(Default)]
    struct Told {
        /// By place: about which ticket, and what became of it.
        notified: BTreeMap<i32, (ThreadId, Vec<&'static str>)>,
        mails: Vec<(DateTime<Utc>, Vec<ThreadId>)>,
    }

    impl Told {
        fn note(&mut self, event: &feed::Event) {
            let (seqs, what): (Vec<i32>, _) = match event {
                feed::Event::Notified { seq, thread_id, mail, .. } => {
                    self.notified.insert(*seq, (*thread_id, Vec::new()));
                    match mail {
                        feed::MailPlan::Off => (vec![*seq], "off"),
                        feed::MailPlan::Muted => (vec![*seq], "muted"),
                        feed::MailPlan::AtOnce | feed::MailPlan::Digest => return,
                    }
                }
                feed::Event::Read { seqs, .. } => (seqs.clone(), "read"),
                feed::Event::Muted { dropped, .. } => (dropped.clone(), "muted"),
                feed::Event::Mailed { seqs, news, at, .. } => {
                    self.mails.push((*at, news.iter().map(|news| news.thread_id).collect()));
                    (seqs.clone(), "mailed")
                }
                feed::Event::JoinedDigest { .. } => return,
                other => panic!("{other:?}"),
            };
            for seq in seqs {
                self.notified.get_mut(&seq).unwrap().1.push(what);
            }
        }
    }

    proptest! {
        /// Whatever happens in whatever order: all that was told is read, muted, switched off, in exactly one mail, or waits; no
        /// limit is ever passed; and what waits is mailed in the end.
        #[test]
        fn nothing_that_was_told_is_lost_or_mailed_twice(deeds in proptest::collection::vec(deed(), 1..120)) {
            let (mut feed, mut now, mut told) = (Feed::default(), noon(), Told::default());
            for deed in deeds {
                match deed {
                    Deed::Mail => mail_all(&mut feed, now, &mut told),
                    Deed::Wait(minutes) => now += TimeDelta::minutes(minutes),
                    deed => {
                        let (next, events) = done(feed, &deed, now);
                        feed = next;
                        for event in &events {
                            told.note(event);
                        }
                    }
                }
                let waits: Vec<i32> = feed.waiting().iter().map(|waiting| waiting.seq).collect();
                for (seq, (_, became)) in &told.notified {
                    prop_assert_eq!(became.is_empty(), waits.contains(seq), "{}: {:?}", seq, became);
                    prop_assert!(became.iter().filter(|what| **what == "mailed").count() <= 1);
                    prop_assert!(became[0..became.len().min(1)] != ["read"] || !became.contains(&"mailed"));
                }
            }
            let mut steps = 0;
            while let Some(at) = feed.next_mail_at() {
                now = now.max(at);
                mail_all(&mut feed, now, &mut told);
                steps += 1;
                prop_assert!(steps < 1_000, "something waits for ever");
            }
            prop_assert!(told.notified.values().all(|(_, became)| !became.is_empty()));
            for (place, (at, threads)) in told.mails.iter().enumerate() {
                let before = || told.mails[..place].iter();
                let window = before().filter(|(earlier, _)| *earlier + feed::RECIPIENT_WINDOW > *at).count();
                prop_assert!(window < feed::MAILS_PER_RECIPIENT, "{} mails in ten minutes", window + 1);
                let again = before().any(|(earlier, of)| {
                    *earlier + feed::THREAD_WINDOW > *at && of.iter().any(|thread| threads.contains(thread))
                });
                prop_assert!(!again, "two mails about a ticket within the hour");
            }
        }
    }
}
