//! What holds for every mail in every language.

use super::*;
use domain::notifications::email::{EmailLink, NewsCount, NewsOfThread, RoleLabel};
use domain::notifications::feed::NotificationTopic;
use kernel::{ActorId, Labelled};
use platform::auth::link_token::LinkKey;
use std::collections::HashSet;
use uuid::Uuid;

/// One of each sort.
pub(crate) fn contents() -> Vec<EmailContent> {
    let link = EmailLink {
        subject_id: Uuid::from_u128(1),
        request_id: Uuid::from_u128(2),
        expires_at: DateTime::from_timestamp(2_000_000_000, 0).unwrap(),
    };
    let contents = vec![
        EmailContent::VerifyAddress { link },
        EmailContent::ConfirmNewAddress { link },
        EmailContent::AddressChanged {},
        EmailContent::ResetPassword { link },
        EmailContent::PasswordChanged {},
        EmailContent::SignUpRepeated {},
        EmailContent::SecondFactorEnabled {},
        EmailContent::SecondFactorDisabled {},
        EmailContent::SignInThrottled { until: link.expires_at },
        EmailContent::Invitation {
            organisation_id: TenantId(Uuid::from_u128(3)),
            roles: vec![RoleLabel::parse("Commercial").unwrap()],
            link,
        },
        about_tickets(&[(1, &[(NotificationTopic::Answered, 2)])]),
        about_tickets(&[
            (1, &[(NotificationTopic::CustomerReplied, 1), (NotificationTopic::Overdue, 1)]),
            (2, &[(NotificationTopic::Noted, 3)]),
        ]),
    ];
    // Whoever adds a sort is sent here by the compiler.
    for content in &contents {
        match content {
            EmailContent::VerifyAddress { .. }
            | EmailContent::ConfirmNewAddress { .. }
            | EmailContent::AddressChanged {}
            | EmailContent::ResetPassword { .. }
            | EmailContent::PasswordChanged {}
            | EmailContent::SignUpRepeated {}
            | EmailContent::SecondFactorEnabled {}
            | EmailContent::SecondFactorDisabled {}
            | EmailContent::SignInThrottled { .. }
            | EmailContent::Invitation { .. }
            | EmailContent::News { .. } => {}
        }
    }
    contents
}

fn about_tickets(told: &[(u128, &[(NotificationTopic, i32)])]) -> EmailContent {
    let counts = |counts: &[(NotificationTopic, i32)]| {
        counts.iter().map(|(topic, count)| NewsCount { topic: *topic, count: *count }).collect()
    };
    let news = told.iter().map(|(ticket, told)| NewsOfThread {
        thread_id: ThreadId(Uuid::from_u128(*ticket)),
        counts: counts(told),
        unread: Vec::new(),
    });
    EmailContent::News { recipient_id: ActorId(Uuid::from_u128(4)), news: news.collect() }
}

fn to(language: WrittenIn, name: &str) -> Addressee {
    Addressee {
        address: MailAddress::parse("ada@example.com").unwrap(),
        name: RecipientName::parse(name).ok(),
        language,
    }
}

/// The ticket 1 is known by its number, other tickets are not.
pub(crate) fn facts(links: &Links, organisation: Option<String>) -> Facts<'_> {
    let numbers = BTreeMap::from([(ThreadId(Uuid::from_u128(1)), TicketNumber(42))]);
    Facts { links, tenant_id: TenantId::PLATFORM, organisation, numbers }
}

fn written(language: WrittenIn, name: &str, content: &EmailContent) -> Letter {
    let links = Links::new("https://app.example.com", LinkKey::new(&[7; 32]));
    let facts = facts(&links, Some("Encre & Noire\r\nBcc".into()));
    letter(&to(language, name), content, &facts)
}

#[test]
fn every_mail_has_its_words_in_both_languages() {
    let mut subjects = HashSet::new();
    for content in contents() {
        for language in WrittenIn::ALL {
            let letter = written(*language, "Zoé 🦊", &content);
            assert!(subjects.insert(letter.subject.clone()), "{} is said twice", letter.subject);
            assert!(letter.subject.chars().count() <= 60, "{} is cut off in a list of mails", letter.subject);
            assert!(!letter.preview.is_empty() && letter.preview != letter.subject, "{content:?}");
            assert!(letter.greeting.ends_with("Zoé 🦊,"), "{}", letter.greeting);
            assert!(!letter.paragraphs.is_empty() && !letter.notes.is_empty(), "{content:?}");
            let all = format!("{letter:?}");
            assert_eq!(letter.language == "fr", all.contains("Bonjour"), "{all}");
            let plain = letter.plain().unwrap();
            let html = letter.html().unwrap();
            if let Some(action) = &letter.action {
                assert!(action.url.starts_with("https://app.example.com/"), "{}", action.url);
                assert!(plain.lines().any(|line| line == action.url), "{plain}");
                assert!(html.contains(&format!("href=\"{}\"", action.url)), "{html}");
            }
            let is_link = content.expires_at().is_some();
            assert_eq!(is_link, all.contains("#token="), "{all}");
            assert!(!is_link || all.contains("2033"), "a link says when it ends: {all}");
        }
    }
}

#[test]
fn french_has_its_spaces_and_quotes_where_they_belong() {
    for content in contents() {
        let letter = written(WrittenIn::Fr, "Zoé", &content);
        for text in letter.paragraphs.iter().chain(&letter.notes) {
            for mark in [';', ':', '?', '!'] {
                let glued = text.match_indices(mark).any(|(at, _)| {
                    let before = text[..at].chars().last();
                    let is_url = text[at..].starts_with("://");
                    !is_url && before.is_some_and(|before| !before.is_whitespace())
                });
                assert!(!glued, "{mark} without a space before it: {text}");
            }
        }
    }
}

#[test]
fn nothing_that_somebody_typed_begins_a_line() {
    for name in ["Ada\r\nBcc: eve@example.com", "Ada\n.\nMAIL FROM:<x>", "A\u{2028}b", "A\tb", "a\u{202e}b\u{2066}"] {
        for content in contents() {
            let letter = written(WrittenIn::En, name, &content);
            let lines = [&letter.subject, &letter.preview, &letter.greeting];
            assert!(
                lines.iter().all(|line| !line.contains(['\r', '\n', '\t', '\u{2028}', '\u{202e}', '\u{2066}'])),
                "{lines:?}"
            );
            let plain = letter.plain().unwrap();
            assert!(!plain.lines().any(|line| line.starts_with("Bcc:") || line == "."), "{plain}");
        }
    }
}

#[test]
fn a_mail_about_tickets_names_them_and_says_where_mails_are_switched_off() {
    let link = |what: &str| format!("https://app.example.com/{what}");
    let one = about_tickets(&[(1, &[(NotificationTopic::Answered, 2)])]);
    let french = written(WrittenIn::Fr, "Zoé", &one);
    assert_eq!(french.subject, "Réponse à votre demande : TKT-00042");
    assert_eq!(french.paragraphs, ["TKT-00042 : Réponse à votre demande (2)"]);
    assert_eq!(french.action.map(|action| action.url), Some(link(&format!("tickets/{}", Uuid::from_u128(1)))));
    assert!(french.notes[0].ends_with(&link("notifications")), "{:?}", french.notes);
    let many: Vec<(u128, &[(NotificationTopic, i32)])> =
        (1..=23).map(|n| (n, &[(NotificationTopic::Overdue, 1)][..])).collect();
    let digest = written(WrittenIn::En, "Zoé", &about_tickets(&many));
    assert_eq!(digest.subject, "News about 23 tickets");
    assert_eq!((digest.paragraphs.len(), &*digest.paragraphs[20]), (21, "And 3 more tickets."));
    assert_eq!(
        (&*digest.paragraphs[0], &*digest.paragraphs[1]),
        ("TKT-00042: A ticket is overdue", "a ticket: A ticket is overdue")
    );
    assert_eq!(digest.action.map(|action| action.url), Some(link("notifications")));
    for topic in NotificationTopic::ALL {
        for language in WrittenIn::ALL {
            let letter = written(*language, "Zoé", &about_tickets(&[(1, &[(*topic, 1)])]));
            assert!(letter.subject.contains("TKT-00042"), "{}", letter.subject);
        }
    }
}
