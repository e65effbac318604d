//! Mails about passwords and second factors.

use super::Reader;
use crate::email::letter::Letter;
use crate::email::links::Links;
use chrono::{DateTime, Utc};

pub(super) fn reset_password(reader: &Reader, expires_at: DateTime<Utc>) -> Letter {
    let subject = reader.says("Choisissez un nouveau mot de passe", "Choose a new password");
    let preview = reader.says("Voici le lien que vous avez demandé.", "Here is the link that you asked for.");
    Letter {
        paragraphs: vec![reader.says(
            "Quelqu'un, sans doute vous, a demandé un nouveau mot de passe pour votre compte.",
            "Somebody, most likely you, asked for a new password for your account.",
        )],
        action: Some(reader.action("Choisir un mot de passe", "Choose a password", reader.url.clone())),
        notes: vec![
            reader.link_note(expires_at),
            reader.says(
                "Si ce n'était pas vous, ignorez ce message : votre mot de passe actuel reste valable. Ne transmettez ce \
                 lien à personne.",
                "If it was not you, ignore this message: your current password stays good. Do not pass this link on to \
                 anybody.",
            ),
        ],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn password_changed(reader: &Reader, links: &Links) -> Letter {
    let subject = reader.says("Votre mot de passe a été changé", "Your password was changed");
    let preview = reader.says("Si c'était vous, vous n'avez rien à faire.", "If it was you, there is nothing to do.");
    Letter {
        paragraphs: vec![reader.says(
            "Le mot de passe de votre compte vient d'être changé. Si c'était vous, vous n'avez rien à faire.",
            "The password of your account has just been changed. If it was you, there is nothing to do.",
        )],
        action: Some(reader.action("Ce n'était pas moi", "It was not me", links.forgot_password())),
        notes: vec![reader.not_you()],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn second_factor_enabled(reader: &Reader) -> Letter {
    let subject = reader.says("La double authentification est activée", "Two-factor sign-in is on");
    let preview =
        reader.says("Un code sera demandé à chaque connexion.", "A code will be asked for whenever you sign in.");
    Letter {
        paragraphs: vec![reader.says(
            "Désormais, un code de votre application d'authentification sera demandé à chaque connexion.",
            "From now on a code of your authenticator app is asked for whenever you sign in.",
        )],
        notes: vec![reader.not_you()],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn second_factor_disabled(reader: &Reader, links: &Links) -> Letter {
    let subject = reader.says("La double authentification est désactivée", "Two-factor sign-in is off");
    let preview = reader.says("Votre mot de passe suffit désormais.", "Your password alone is enough from now on.");
    Letter {
        paragraphs: vec![reader.says(
            "Votre compte ne demande plus de code : votre mot de passe suffit pour se connecter.",
            "Your account asks for no code any more: your password is enough to sign in.",
        )],
        action: Some(reader.action("Ce n'était pas moi", "It was not me", links.forgot_password())),
        notes: vec![reader.not_you()],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn sign_in_throttled(reader: &Reader, until: DateTime<Utc>, links: &Links) -> Letter {
    let subject = reader.says("De nombreux mots de passe erronés", "Many wrong passwords");
    let preview =
        reader.says("Quelqu'un a essayé de se connecter à votre compte.", "Somebody tried to sign in to your account.");
    let end = reader.moment(until);
    Letter {
        paragraphs: vec![reader.picks(
            format!(
                "Plusieurs mots de passe erronés ont été essayés pour votre compte. Par prudence, les prochains essais \
                 depuis la même origine attendront jusqu'au {end}."
            ),
            format!(
                "Several wrong passwords were tried for your account. To be safe, further tries from the same place wait \
                 until {end}."
            ),
        )],
        action: Some(reader.action("Choisir un nouveau mot de passe", "Choose a new password", links.forgot_password())),
        notes: vec![reader.says(
            "Si c'était vous, attendez ou choisissez un nouveau mot de passe. Sinon, personne n'est entré ; un mot de passe \
             long et unique vous protège.",
            "If it was you, wait or choose a new password. If not, nobody got in; a long password that you use nowhere else \
             keeps it so.",
        )],
        ..reader.letter(subject, preview)
    }
}
