//! How mails are worded: what a mail is about becomes a letter in the reader's language.
//!
//! One function per sort of mail, both languages side by side, so that neither is forgotten. French addresses the reader
//! as « vous ».

mod accounts;
mod invitation;
mod moments;
pub(crate) mod news;
mod security;

use super::letter::{Action, Letter};
use super::links::Links;
use chrono::{DateTime, Utc};
use domain::notifications::email::EmailContent;
use domain::notifications::feed::ThreadId;
use domain::notifications::{MailAddress, RecipientName, WrittenIn};
use domain::support::ticket::TicketNumber;
use kernel::TenantId;
use std::collections::BTreeMap;

/// What the words need besides the mail itself.
pub(crate) struct Facts<'a> {
    /// Where links lead.
    pub(crate) links: &'a Links,
    /// In whose data the mail is.
    pub(crate) tenant_id: TenantId,
    /// What the inviting company is called, where that is known.
    pub(crate) organisation: Option<String>,
    /// The numbers of the tickets that the mail tells of, as far as they are known.
    pub(crate) numbers: BTreeMap<ThreadId, TicketNumber>,
}

/// To whom a mail goes, in clear: in memory only, while it is made and handed over.
pub(crate) struct Addressee {
    pub(crate) address: MailAddress,
    /// How to greet, where that is known.
    pub(crate) name: Option<RecipientName>,
    pub(crate) language: WrittenIn,
}

/// The letter of a mail.
pub(crate) fn letter(to: &Addressee, content: &EmailContent, facts: &Facts<'_>) -> Letter {
    let reader = Reader {
        language: to.language,
        name: to.name.as_ref().map(|name| one_line(name.as_str())),
        url: facts.links.of(facts.tenant_id, content).unwrap_or_default(),
    };
    match content {
        EmailContent::VerifyAddress { link } => accounts::verify_address(&reader, link.expires_at),
        EmailContent::ConfirmNewAddress { link } => accounts::confirm_new_address(&reader, link.expires_at),
        EmailContent::AddressChanged {} => accounts::address_changed(&reader),
        EmailContent::SignUpRepeated {} => accounts::sign_up_repeated(&reader, facts.links),
        EmailContent::ResetPassword { link } => security::reset_password(&reader, link.expires_at),
        EmailContent::PasswordChanged {} => security::password_changed(&reader, facts.links),
        EmailContent::SecondFactorEnabled {} => security::second_factor_enabled(&reader),
        EmailContent::SecondFactorDisabled {} => security::second_factor_disabled(&reader, facts.links),
        EmailContent::SignInThrottled { until } => security::sign_in_throttled(&reader, *until, facts.links),
        EmailContent::Invitation { roles, link, .. } => {
            let roles: Vec<String> = roles.iter().map(|role| one_line(role.as_str())).collect();
            let organisation = facts.organisation.as_deref().map(one_line);
            invitation::invitation(&reader, organisation.as_deref(), &roles, link.expires_at)
        }
        EmailContent::News { news, .. } => news::news(&reader, news, facts),
    }
}

/// What a person typed, without what could begin a new line anywhere or turn the direction of the words around it.
pub(crate) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let plain: String = text.chars().filter(|c| !turns(*c)).map(|c| if breaks(c) { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Who reads it.
struct Reader {
    language: WrittenIn,
    name: Option<String>,
    /// Where the link of the mail leads; empty where it has none.
    url: String,
}

impl Reader {
    /// The French words or the English ones.
    fn says(&self, french: &str, english: &str) -> String {
        self.picks(french, english).to_owned()
    }

    fn picks<T>(&self, french: T, english: T) -> T {
        match self.language {
            WrittenIn::Fr => french,
            WrittenIn::En => english,
        }
    }

    fn moment(&self, at: DateTime<Utc>) -> String {
        moments::written(at, self.language)
    }

    /// A letter with greeting and footer, and nothing between.
    fn letter(&self, subject: String, preview: String) -> Letter {
        let greeting = match (&self.name, self.language) {
            (Some(name), WrittenIn::Fr) => format!("Bonjour {name},"),
            (None, WrittenIn::Fr) => "Bonjour,".to_owned(),
            (Some(name), WrittenIn::En) => format!("Hello {name},"),
            (None, WrittenIn::En) => "Hello,".to_owned(),
        };
        Letter {
            language: self.picks("fr", "en"),
            subject,
            preview,
            greeting,
            paragraphs: Vec::new(),
            action: None,
            notes: Vec::new(),
            footer: self.picks(
                "Ce message a été envoyé automatiquement au sujet de votre compte ; il ne sert à rien d'y répondre.",
                "This message was sent automatically about your account; there is no need to answer it.",
            ),
        }
    }

    /// A button.
    fn action(&self, french: &'static str, english: &'static str, url: String) -> Action {
        Action {
            label: self.picks(french, english),
            url,
            fallback: self.picks(
                "Si le bouton ne fonctionne pas, copiez cette adresse dans votre navigateur :",
                "If the button does not work, copy this address into your browser:",
            ),
        }
    }

    /// How long the link is good, and that it is good once.
    fn link_note(&self, expires_at: DateTime<Utc>) -> String {
        let end = self.moment(expires_at);
        self.picks(
            format!("Ce lien est valable jusqu'au {end} et ne sert qu'une fois."),
            format!("This link is good until {end}, and only once."),
        )
    }

    /// What to do about a change that was not the reader's.
    fn not_you(&self) -> String {
        self.says(
            "Si ce n'était pas vous, choisissez tout de suite un nouveau mot de passe : toutes vos sessions seront fermées.",
            "If it was not you, choose a new password at once: all your sessions will be closed.",
        )
    }
}

#[cfg(test)]
pub(crate) mod tests;
