//! From a letter to the bytes that go out: headers, two bodies, nothing that anybody could smuggle in.

use super::letter::{Letter, PRODUCT};
use super::wording::{Addressee, one_line};
use chrono::{DateTime, Utc};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use std::str::FromStr;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Who sends, and who gets the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

/// Why a sender cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a mail address like no-reply@example.com or \"Example <no-reply@example.com>\"")]
pub struct SenderError(String);

impl Sender {
    /// Mails from `from`, answered to `reply_to` where that is somebody else. Without a name before the address the
    /// product's is used.
    ///
    /// # Errors
    /// One of them is not an address.
    pub fn parse(from: &str, reply_to: Option<&str>) -> Result<Self, SenderError> {
        let mut from = mailbox(from)?;
        from.name.get_or_insert_with(|| PRODUCT.to_owned());
        Ok(Self { from, reply_to: reply_to.map(mailbox).transpose()? })
    }

    /// The part after the `@`: the names of messages end with it.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }
}

fn mailbox(text: &str) -> Result<Mailbox, SenderError> {
    let refused = || SenderError(text.to_owned());
    // The parser takes what it can use and leaves the rest.
    let is_whole = text.ends_with('>') || !text.contains(['<', '>', ' ', ',']);
    let mailbox = Mailbox::from_str(text.trim()).map_err(|_| refused())?;
    if is_whole && !text.chars().any(char::is_control) { Ok(mailbox) } else { Err(refused()) }
}

/// Why a mail cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error("the address cannot be written to")]
    Address(#[source] lettre::address::AddressError),
    #[error("the mail cannot be put together")]
    Message(#[source] lettre::error::Error),
    #[error("the mail cannot be rendered")]
    Render(#[from] askama::Error),
}

/// A mail, ready to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its `Message-ID`.
    pub message_id: String,
    /// To whom.
    pub recipient: String,
    /// What stands in the list of mails.
    pub subject: String,
    /// The text form.
    pub plain: String,
    /// The HTML form.
    pub html: String,
    /// Everything, as it goes out.
    pub message: Message,
}

/// Puts a mail together. The same effect gives the same bytes, whoever sends it and however often.
pub(crate) fn compose(
    sender: &Sender,
    to: &Addressee,
    letter: &Letter,
    effect_id: Uuid,
    date: DateTime<Utc>,
) -> Result<Outgoing, ComposeError> {
    let address = Address::from_str(to.address.as_str()).map_err(ComposeError::Address)?;
    let name = to.name.as_ref().map(|name| one_line(name.as_str())).filter(|name| !name.is_empty());
    let message_id = format!("<{effect_id}@{}>", sender.domain());
    let (plain, html) = (letter.plain()?, letter.html()?);
    let seconds = u64::try_from(date.timestamp()).unwrap_or_default();
    let mut builder = Message::builder()
        .from(sender.from.clone())
        .to(Mailbox::new(name, address))
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .message_id(Some(message_id.clone()))
        .subject(one_line(&letter.subject))
        // RFC 3834: nobody's holiday notice shall answer it. The second one is what Exchange listens to.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"))
        .raw_header(raw("Content-Language", letter.language));
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let bodies = MultiPart::alternative()
        .boundary(format!("=_{}", effect_id.simple()))
        .singlepart(SinglePart::plain(plain.clone()))
        .singlepart(SinglePart::html(html.clone()));
    let message = builder.multipart(bodies).map_err(ComposeError::Message)?;
    Ok(Outgoing {
        message_id,
        recipient: to.address.as_str().to_owned(),
        subject: letter.subject.clone(),
        plain,
        html,
        message,
    })
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::links::Links;
    use crate::email::wording::{letter, tests::contents, tests::facts};
    use domain::notifications::{MailAddress, RecipientName, WrittenIn};
    use platform::auth::LinkKey;

    fn sender() -> Sender {
        Sender::parse("\"Encre, Noire\" <no-reply@example.com>", Some("help@example.com")).unwrap()
    }

    fn composed(name: Option<&str>, language: WrittenIn) -> Vec<Outgoing> {
        let links = Links::new("https://app.example.com", LinkKey::new(&[7; 32]));
        let organisation = Some("Encre\r\nX-Evil: yes".to_owned());
        let facts = facts(&links, organisation);
        let to = Addressee {
            address: MailAddress::parse("ada@example.org").unwrap(),
            name: name.map(|name| RecipientName::parse(name).unwrap()),
            language,
        };
        let at = DateTime::from_timestamp(1_768_474_800, 0).unwrap();
        let of = |content| compose(&sender(), &to, &letter(&to, &content, &facts), Uuid::from_u128(7), at).unwrap();
        contents().into_iter().map(of).collect()
    }

    /// Header fields as they go out, unfolded.
    fn headers(outgoing: &Outgoing) -> Vec<(String, String)> {
        let text = String::from_utf8(outgoing.message.formatted()).expect("what goes out is ASCII");
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let field =
            |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
        unfolded.split("\r\n").map(field).collect()
    }

    const FIELDS: [&str; 12] = [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "Content-Language",
        "Reply-To",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];

    #[test]
    fn a_mail_has_the_headers_of_a_mail_that_a_machine_wrote() {
        for outgoing in composed(Some("Zoé 🦊"), WrittenIn::Fr) {
            let headers = headers(&outgoing);
            let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            assert_eq!(value("From"), Some("=?utf-8?b?RW5jcmUsIE5vaXJl?= <no-reply@example.com>"));
            assert_eq!(value("Reply-To"), Some("help@example.com"));
            assert_eq!(value("Date"), Some("Thu, 15 Jan 2026 11:00:00 +0000"));
            assert_eq!(value("Message-ID"), Some("<00000000-0000-0000-0000-000000000007@example.com>"));
            assert_eq!(value("Auto-Submitted"), Some("auto-generated"));
            assert_eq!(value("Content-Language"), Some("fr"));
            assert!(value("To").unwrap().ends_with("<ada@example.org>"), "{headers:?}");
            assert!(value("Content-Type").unwrap().starts_with("multipart/alternative"), "{headers:?}");
            assert!(outgoing.message.formatted().is_ascii(), "no server needs to know 8BITMIME");
        }
    }

    #[test]
    fn the_same_effect_gives_the_same_bytes() {
        let bytes =
            || composed(Some("Zoé"), WrittenIn::En).iter().map(|one| one.message.formatted()).collect::<Vec<_>>();
        assert_eq!(bytes(), bytes());
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        let names = [
            "Ada\r\nBcc: eve@example.com",
            "Ada\nBcc: eve@example.com",
            "Ada\rBcc: eve@example.com",
            "\" <eve@example.com>, \"",
            "Ada <eve@example.com>",
            "Ada, eve@example.com",
            "=?utf-8?q?Ada=0D=0ABcc:_eve@example.com?=",
            "Ada\r\n\r\nThe body\r\n.\r\nMAIL FROM:<eve@example.com>",
            "a\\",
            "\"",
            "Ada\tBcc: x",
            "(comment) Ada",
            "🦊\r\n🦊",
        ];
        for name in names {
            for outgoing in composed(Some(name), WrittenIn::En) {
                let headers = headers(&outgoing);
                for (field, _) in &headers {
                    assert!(FIELDS.contains(&field.as_str()), "{name:?} made a header {field}: {headers:?}");
                }
                let count = |name: &str| headers.iter().filter(|(known, _)| known == name).count();
                assert!(FIELDS.iter().all(|field| count(field) <= 1), "{name:?}: {headers:?}");
                let recipients: Vec<String> =
                    outgoing.message.envelope().to().iter().map(ToString::to_string).collect();
                assert_eq!(recipients, ["ada@example.org"], "{name:?}");
                let to = &headers.iter().find(|(known, _)| known == "To").unwrap().1;
                let read: lettre::message::Mailboxes = to.parse().unwrap_or_else(|_| panic!("{name:?}: {to}"));
                assert_eq!(read.iter().count(), 1, "{name:?}: {to}");
                assert!(to.ends_with("<ada@example.org>"), "{name:?}: {to}");
            }
        }
    }

    #[test]
    fn a_sender_is_one_address() {
        for good in ["no-reply@example.com", "Sillage <no-reply@example.com>", "\"A, B\" <a@example.com>"] {
            assert!(Sender::parse(good, None).is_ok(), "{good}");
        }
        assert_eq!(Sender::parse("a@example.com", None).unwrap().from.name.as_deref(), Some(PRODUCT));
        for bad in ["", "example.com", "a@", "a@example.com, b@example.com", "a@example.com\r\nBcc: x", "A <a@x> b"] {
            assert!(Sender::parse(bad, None).is_err(), "{bad:?}");
        }
    }
}
