//! Mails that follow from what happens to accounts and invitations.

use crate::identity::{Locale, Recipient, RequestId, invitation, user};
use crate::notifications::email::{EmailContent, EmailLink, EmailRecipient, RequestEmail, RoleLabel};
use crate::notifications::{MailAddress, WrittenIn};
use chrono::{DateTime, Utc};
use kernel::{Labelled, Language, Reaction, Reactor, Recorded, reactor};
use uuid::Uuid;

kernel::event_set! {
    /// What happens to accounts and invitations.
    pub enum AccountEvent {
        /// To a user.
        User(user::Event),
        /// To an invitation.
        Invitation(invitation::Event),
    }
}

/// Asks for the mail that an event about an account or an invitation calls for: the link that was asked for, or the word
/// to the owner that something changed. A mail that reached nobody would only be late, so an old log asks for none.
pub struct MailAboutAccounts;

impl Reactor for MailAboutAccounts {
    type Event = AccountEvent;
    type Command = RequestEmail;
    const NAME: &'static str = "processes.mail_about_accounts";

    fn react(event: &Recorded<AccountEvent>) -> Vec<Reaction<RequestEmail>> {
        let about = match &event.event {
            AccountEvent::User(happened) => about_user(event.stream_id, happened),
            AccountEvent::Invitation(happened) => about_invitation(event, happened),
        };
        let Some((to, content)) = about else { return Vec::new() };
        let step = "mail";
        vec![Reaction {
            step,
            tenant_id: event.tenant_id,
            target: reactor::target(Self::NAME, event.event_id, step),
            command: RequestEmail { to: recipient(to), content },
        }]
    }
}

fn about_user(user: Uuid, event: &user::Event) -> Option<(&Recipient, EmailContent)> {
    let link = |request_id: &RequestId, expires_at: &DateTime<Utc>| link(user, *request_id, *expires_at);
    match event {
        user::Event::EmailVerificationRequested { request_id, to, expires_at } => {
            Some((to, EmailContent::VerifyAddress { link: link(request_id, expires_at) }))
        }
        user::Event::SignUpRepeated { to } => Some((to, EmailContent::SignUpRepeated {})),
        user::Event::EmailChangeRequested { request_id, to, expires_at, .. } => {
            Some((to, EmailContent::ConfirmNewAddress { link: link(request_id, expires_at) }))
        }
        user::Event::EmailChanged { previous, .. } => Some((previous, EmailContent::AddressChanged {})),
        user::Event::PasswordResetRequested { request_id, to, expires_at } => {
            Some((to, EmailContent::ResetPassword { link: link(request_id, expires_at) }))
        }
        user::Event::PasswordChanged { to } | user::Event::PasswordResetCompleted { to, .. } => {
            Some((to, EmailContent::PasswordChanged {}))
        }
        user::Event::TotpEnabled { to } => Some((to, EmailContent::SecondFactorEnabled {})),
        user::Event::TotpDisabled { to } => Some((to, EmailContent::SecondFactorDisabled {})),
        user::Event::SignInThrottled { until, to, .. } => Some((to, EmailContent::SignInThrottled { until: *until })),
        // The link that proves the address follows in the same append.
        user::Event::Registered { .. }
        | user::Event::EmailVerified { .. }
        | user::Event::ProfileChanged { .. }
        | user::Event::Deactivated { .. }
        | user::Event::Reactivated {} => None,
    }
}

fn about_invitation<'a>(
    recorded: &Recorded<AccountEvent>,
    event: &'a invitation::Event,
) -> Option<(&'a Recipient, EmailContent)> {
    match event {
        invitation::Event::Invited { request_id, to, roles, expires_at, .. }
        | invitation::Event::Resent { request_id, to, roles, expires_at } => {
            let language = language(to.locale);
            let roles = roles.as_slice().iter().filter_map(|role| RoleLabel::parse(role.label(language)).ok());
            let content = EmailContent::Invitation {
                organisation_id: recorded.tenant_id,
                roles: roles.collect(),
                link: link(recorded.stream_id, *request_id, *expires_at),
            };
            Some((to, content))
        }
        invitation::Event::Accepted { .. } | invitation::Event::Revoked {} | invitation::Event::Expired {} => None,
    }
}

fn link(subject_id: Uuid, request_id: RequestId, expires_at: DateTime<Utc>) -> EmailLink {
    EmailLink { subject_id, request_id: request_id.0, expires_at }
}

const fn language(locale: Locale) -> Language {
    match locale {
        Locale::Fr => Language::Fr,
        Locale::En => Language::En,
    }
}

fn recipient(to: &Recipient) -> EmailRecipient {
    EmailRecipient {
        address: to.email.clone().map(|email| MailAddress::known(email.as_str())),
        name: to.given_name.clone(),
        language: written_in(to.locale),
    }
}

/// In which language somebody is written to whose account is in this one.
pub(in crate::processes) const fn written_in(locale: Locale) -> WrittenIn {
    match locale {
        Locale::Fr => WrittenIn::Fr,
        Locale::En => WrittenIn::En,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::EmailAddress;
    use crate::notifications::email::Email;
    use kernel::specs::{Story, context};
    use kernel::{ActorId, Command as _, Event as _};
    use proptest::prelude::*;
    use std::collections::HashSet;

    const ADMIN: ActorId = ActorId(Uuid::from_u128(0xad));

    /// Every event of both aggregates, as the log would tell them.
    fn everything() -> Story<AccountEvent> {
        let user = Uuid::from_u128(1);
        let told =
            user::Event::examples().into_iter().fold(Story::new(), |story, event| story.then(user, ADMIN, event));
        let invitation = Uuid::from_u128(2);
        invitation::Event::examples().into_iter().fold(told, |story, event| story.then(invitation, ADMIN, event))
    }

    #[test]
    fn whoever_is_to_be_told_is_told_once_per_event() {
        let story = everything();
        let mut contents = Vec::new();
        let mut targets = HashSet::new();
        for event in story.events() {
            let reactions = MailAboutAccounts::react(event);
            assert_eq!(reactions, MailAboutAccounts::react(event), "a repeat asks for the same");
            for reaction in reactions {
                assert_eq!(reaction.tenant_id, event.tenant_id);
                assert!(targets.insert(reaction.target), "every mail has a stream of its own");
                contents.push(reaction.command.content);
            }
        }
        let count = |wanted: fn(&EmailContent) -> bool| contents.iter().filter(|content| wanted(content)).count();
        assert_eq!(count(|content| matches!(content, EmailContent::VerifyAddress { .. })), 1);
        assert_eq!(count(|content| matches!(content, EmailContent::ResetPassword { .. })), 1);
        assert_eq!(count(|content| matches!(content, EmailContent::SignUpRepeated {})), 1);
        assert_eq!(count(|content| matches!(content, EmailContent::PasswordChanged {})), 2);
        assert_eq!(count(|content| matches!(content, EmailContent::Invitation { .. })), 2, "invited and invited again");
        assert_eq!(contents.len(), 12, "{contents:?}");
    }

    #[test]
    fn a_link_answers_to_the_request_of_its_event() {
        let story = everything();
        let find =
            |wanted: fn(&AccountEvent) -> bool| story.events().iter().find(|event| wanted(&event.event)).unwrap();
        let reset = find(|event| matches!(event, AccountEvent::User(user::Event::PasswordResetRequested { .. })));
        let AccountEvent::User(user::Event::PasswordResetRequested { request_id, to, expires_at }) = &reset.event
        else {
            panic!("found above")
        };
        let reaction = MailAboutAccounts::react(reset).remove(0);
        let expected = link(reset.stream_id, *request_id, *expires_at);
        assert_eq!(reaction.command.content, EmailContent::ResetPassword { link: expected });
        assert_eq!(reaction.command.to.address.fresh().unwrap().as_str(), to.email.fresh().unwrap().as_str());

        let invited = find(|event| matches!(event, AccountEvent::Invitation(invitation::Event::Invited { .. })));
        let EmailContent::Invitation { organisation_id, roles, .. } =
            MailAboutAccounts::react(invited).remove(0).command.content
        else {
            panic!("an invitation is mailed")
        };
        assert_eq!(organisation_id, invited.tenant_id);
        assert_eq!(roles, [RoleLabel::parse("Agent du support").unwrap()], "in the reader's language");
    }

    #[test]
    fn the_command_of_a_repeated_event_changes_nothing() {
        for event in everything().events() {
            for reaction in MailAboutAccounts::react(event) {
                let cx = context(ADMIN, reaction.target, &[]);
                let first = reaction.command.decide(&Email::default(), &cx).unwrap().events;
                let email = kernel::specs::state_of::<Email>(first);
                assert!(reaction.command.decide(&email, &cx).unwrap().events.is_empty());
            }
        }
    }

    proptest! {
        #[test]
        fn every_address_of_an_account_fits_an_envelope(local in "[a-zé0-9!#$%&'*+/=?^_`{|}~-]{1,20}", domain in "[a-z]{1,10}\\.[a-z]{2,5}") {
            if let Ok(address) = EmailAddress::parse(&format!("{local}@{domain}")) {
                prop_assert_eq!(MailAddress::parse(address.as_str()).unwrap(), MailAddress::known(address.as_str()));
            }
        }
    }
}
