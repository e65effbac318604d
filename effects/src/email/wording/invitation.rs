//! The mail to somebody who is invited to join a company.

use super::Reader;
use crate::email::letter::{Letter, PRODUCT};
use chrono::{DateTime, Utc};
use domain::notifications::WrittenIn;

pub(super) fn invitation(
    reader: &Reader,
    organisation: Option<&str>,
    roles: &[String],
    expires_at: DateTime<Utc>,
) -> Letter {
    let subject = match (reader.language, organisation) {
        (WrittenIn::Fr, Some(name)) => format!("{name} vous invite sur {PRODUCT}"),
        (WrittenIn::Fr, None) => format!("Vous êtes invité sur {PRODUCT}"),
        (WrittenIn::En, Some(name)) => format!("{name} invites you to {PRODUCT}"),
        (WrittenIn::En, None) => format!("You are invited to {PRODUCT}"),
    };
    let preview = reader.says("Acceptez l'invitation pour commencer.", "Accept the invitation to begin.");
    let who = match (reader.language, organisation) {
        (WrittenIn::Fr, Some(name)) => format!("{name} vous invite à rejoindre son espace sur {PRODUCT}."),
        (WrittenIn::Fr, None) => format!("Une organisation vous invite à rejoindre son espace sur {PRODUCT}."),
        (WrittenIn::En, Some(name)) => format!("{name} invites you to join its space on {PRODUCT}."),
        (WrittenIn::En, None) => format!("An organisation invites you to join its space on {PRODUCT}."),
    };
    let mut paragraphs = vec![who];
    if !roles.is_empty() {
        let listed = roles.join(", ");
        paragraphs.push(reader.picks(format!("Votre rôle : {listed}."), format!("Your role: {listed}.")));
    }
    Letter {
        paragraphs,
        action: Some(reader.action("Accepter l'invitation", "Accept the invitation", reader.url.clone())),
        notes: vec![
            reader.link_note(expires_at),
            reader.says(
                "Si vous n'attendiez pas cette invitation, ignorez ce message : rien n'est créé en votre nom.",
                "If you did not expect this invitation, ignore this message: nothing is created in your name.",
            ),
        ],
        ..reader.letter(subject, preview)
    }
}
