//! Mails about the address of an account.

use super::Reader;
use crate::email::letter::Letter;
use crate::email::links::Links;
use chrono::{DateTime, Utc};

pub(super) fn verify_address(reader: &Reader, expires_at: DateTime<Utc>) -> Letter {
    let subject = reader.says("Confirmez votre adresse e-mail", "Confirm your e-mail address");
    let preview =
        reader.says("Un clic suffit pour activer votre compte.", "One click is enough to activate your account.");
    Letter {
        paragraphs: vec![reader.says(
            "Un compte a été créé avec cette adresse. Confirmez qu'elle est bien à vous pour l'activer.",
            "An account was created with this address. Confirm that it is yours to activate it.",
        )],
        action: Some(reader.action("Confirmer mon adresse", "Confirm my address", reader.url.clone())),
        notes: vec![
            reader.link_note(expires_at),
            reader.says(
                "Si vous n'avez pas créé de compte, ignorez ce message : sans confirmation, il ne se passe rien.",
                "If you did not create an account, ignore this message: without a confirmation nothing happens.",
            ),
        ],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn confirm_new_address(reader: &Reader, expires_at: DateTime<Utc>) -> Letter {
    let subject = reader.says("Confirmez votre nouvelle adresse e-mail", "Confirm your new e-mail address");
    let preview = reader.says(
        "Votre compte prendra cette adresse dès que vous l'aurez confirmée.",
        "Your account takes this address as soon as you have confirmed it.",
    );
    Letter {
        paragraphs: vec![reader.says(
            "Vous avez demandé à utiliser cette adresse pour votre compte. Elle remplacera l'ancienne dès que vous \
             l'aurez confirmée.",
            "You asked to use this address for your account. It replaces the old one as soon as you have confirmed it.",
        )],
        action: Some(reader.action("Confirmer la nouvelle adresse", "Confirm the new address", reader.url.clone())),
        notes: vec![
            reader.link_note(expires_at),
            reader.says(
                "Si vous n'avez rien demandé, ignorez ce message : l'adresse du compte ne change pas.",
                "If you did not ask for this, ignore this message: the address of the account stays as it is.",
            ),
        ],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn address_changed(reader: &Reader) -> Letter {
    let subject = reader.says("L'adresse de votre compte a changé", "The address of your account has changed");
    let preview = reader.says(
        "Nous n'écrirons plus à cette adresse au sujet de ce compte.",
        "We will no longer write to this address about this account.",
    );
    Letter {
        paragraphs: vec![reader.says(
            "Votre compte utilise désormais une autre adresse e-mail. Celle-ci ne permet plus de se connecter.",
            "Your account now uses another e-mail address. This one no longer signs in.",
        )],
        notes: vec![reader.says(
            "Si ce n'était pas vous, prévenez tout de suite l'administrateur de votre organisation.",
            "If it was not you, tell the administrator of your organisation at once.",
        )],
        ..reader.letter(subject, preview)
    }
}

pub(super) fn sign_up_repeated(reader: &Reader, links: &Links) -> Letter {
    let subject = reader.says("Vous avez déjà un compte", "You already have an account");
    let preview = reader.says(
        "Quelqu'un, peut-être vous, a voulu s'inscrire avec cette adresse.",
        "Somebody, maybe you, tried to register with this address.",
    );
    Letter {
        paragraphs: vec![
            reader.says(
                "Quelqu'un, peut-être vous, a voulu créer un compte avec cette adresse. Il en existe déjà un, et rien n'a \
                 changé.",
                "Somebody, maybe you, tried to create an account with this address. There is one already, and nothing has \
                 changed.",
            ),
            reader.says("Si c'était vous, connectez-vous :", "If it was you, sign in:"),
        ],
        action: Some(reader.action("Se connecter", "Sign in", links.sign_in())),
        notes: vec![
            reader.picks(
                format!("Mot de passe oublié ? {}", links.forgot_password()),
                format!("Forgot your password? {}", links.forgot_password()),
            ),
            reader.says(
                "Si ce n'était pas vous, vous n'avez rien à faire : personne n'a eu accès à votre compte.",
                "If it was not you, there is nothing to do: nobody got into your account.",
            ),
        ],
        ..reader.letter(subject, preview)
    }
}
