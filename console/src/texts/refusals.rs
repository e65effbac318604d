//! Why something was refused, in the reader's language. The APIs say it in English; a code never changes its meaning.

use super::Texts;
use crate::api::Refused;
use axum::http::StatusCode;

/// A refusal as people read it.
pub(crate) struct Said {
    pub(crate) title: String,
    pub(crate) detail: Option<String>,
    pub(crate) remedy: Option<String>,
    /// What is wrong, by the field that it is wrong with.
    pub(crate) wrong: Vec<(String, String)>,
}

/// By code: what is so, and what to do about it.
const FRENCH: [(&str, &str, &str); 44] = [
    ("validation_failed", "Un champ n’est pas rempli comme il faut.", "Corrigez-le, puis recommencez."),
    ("invalid_form", "Le formulaire n’est pas utilisable.", "Rechargez la page, puis recommencez."),
    ("idempotency_key_reused", "Ce formulaire a déjà servi.", "Rechargez la page, puis recommencez."),
    ("idempotency_key_invalid", "Ce formulaire n’est pas complet.", "Rechargez la page, puis recommencez."),
    ("not_found", "Cela n’existe pas, ou n’est pas à vous.", "Vérifiez l’adresse et le numéro."),
    ("scope_missing", "Votre rôle ne le permet pas.", "Demandez ce droit à un administrateur."),
    ("tenant_suspended", "Votre organisation est suspendue.", "Adressez-vous à son administrateur."),
    ("version_conflict", "D’autres l’ont modifié au même moment.", "Recommencez."),
    ("version_mismatch", "Cela a changé depuis que vous l’avez lu.", "Rechargez la page, puis recommencez."),
    (
        "subject_erased",
        "Les données de cette personne ont été effacées.",
        "Rien de plus ne peut être écrit à son sujet.",
    ),
    ("log_archived", "Ce dont il s’agit est aux archives.", "Demandez à un opérateur de l’en sortir."),
    ("rate_limited", "Trop de demandes en peu de temps.", "Attendez un peu, puis recommencez."),
    ("unavailable", "Le service ne répond pas en ce moment.", "Recommencez dans un instant."),
    ("overloaded", "Le service est très occupé.", "Recommencez dans un instant."),
    ("timeout", "La réponse a trop tardé.", "Recommencez dans un instant."),
    ("support.ticket_not_found", "Ce ticket n’existe pas, ou n’est pas à vous.", "Vérifiez son numéro."),
    ("support.ticket_already_opened", "Ce ticket est déjà ouvert.", "Lisez-le, ou ouvrez-en un autre."),
    (
        "support.ticket_for_somebody_else",
        "Seul un agent ouvre un ticket pour quelqu’un d’autre.",
        "Ouvrez-le pour vous.",
    ),
    ("support.ticket_agents_only", "Seul un agent peut le faire.", "Demandez-le-lui dans une réponse."),
    ("support.ticket_assignee_not_agent", "Cette personne n’est pas un agent actif.", "Choisissez-en une autre."),
    ("support.ticket_resolved", "Le ticket est résolu.", "Rouvrez-le d’abord."),
    ("support.ticket_closed", "Le ticket est fermé.", "Rouvrez-le d’abord."),
    ("support.ticket_cancelled", "Le ticket est annulé.", "Ouvrez un nouveau ticket."),
    (
        "support.ticket_status_not_reachable",
        "Le ticket ne peut pas passer de son statut à celui-ci.",
        "Un ticket passe en cours quand il est attribué ou quand un agent répond ; rouvrez d’abord celui qui est résolu ou fermé.",
    ),
    ("support.ticket_reopen_window_over", "Le ticket est fermé depuis trop longtemps.", "Ouvrez un nouveau ticket."),
    ("support.ticket_merged", "Le ticket se poursuit dans un autre.", "Continuez dans celui-là."),
    (
        "support.ticket_merge_into_itself",
        "Un ticket ne se fusionne pas avec lui-même.",
        "Indiquez un autre ticket, ouvert.",
    ),
    (
        "support.ticket_merge_target_over",
        "L’autre ticket est fermé, annulé ou lui-même fusionné.",
        "Indiquez un autre ticket, ouvert.",
    ),
    (
        "support.ticket_merge_other_customer",
        "Les deux tickets sont de deux clients.",
        "Ne fusionnez que des tickets du même client.",
    ),
    ("support.ticket_customer_only", "Seul le client peut le faire.", "Laissez-le le dire."),
    ("support.ticket_not_resolved", "Le ticket n’est pas résolu.", "Attendez qu’il le soit."),
    (
        "support.ticket_csat_given",
        "Cette résolution est déjà évaluée.",
        "Un ticket rouvert puis résolu peut l’être à nouveau.",
    ),
    ("support.ticket_too_many_tags", "Le ticket aurait trop d’étiquettes.", "Retirez-en d’abord : il en a 20 au plus."),
    ("support.ticket_attachment_not_found", "Ce fichier n’est pas ici.", "Vérifiez-le : on joint ce que l’on a remis."),
    ("support.ticket_attachment_not_verified", "Le fichier n’est pas encore vérifié.", "Attendez qu’il le soit."),
    ("support.ticket_attachment_gone", "Ce fichier n’est plus disponible.", "Remettez-le."),
    (
        "support.ticket_attachment_about_somebody_else",
        "Le fichier concerne quelqu’un d’autre que le ticket.",
        "Remettez-le au nom du client du ticket.",
    ),
    ("support.ticket_attachment_elsewhere", "Le fichier est sur un autre ticket.", "Remettez-le une fois de plus."),
    (
        "support.ticket_attachment_to_two",
        "Un fichier va avec un message ou avec une note.",
        "Choisissez l’un des deux.",
    ),
    (
        "support.ticket_too_many_attachments",
        "Le ticket a trop de fichiers.",
        "Il en a 100 au plus ; ouvrez-en un autre.",
    ),
    ("support.ticket_message_not_found", "Ce message n’est pas sur ce ticket.", "Vérifiez lequel vous visez."),
    ("support.ticket_import_over", "L’importation n’est pas en cours.", "Envoyez le fichier à nouveau."),
    (
        "support.ticket_import_touched",
        "Quelqu’un a travaillé sur le ticket importé.",
        "Annulez-le à la main s’il doit partir.",
    ),
    (
        "notifications.feed_too_many_muted",
        "Mille tickets sont déjà en sourdine.",
        "Réactivez ceux qui sont terminés, ou changez vos préférences.",
    ),
];

/// What a field takes, where people fill one in.
const FIELDS_IN_FRENCH: [(&str, &str); 4] = [
    ("subject", "de 3 à 200 caractères"),
    ("description", "de 1 à 5 000 caractères"),
    ("content", "de 1 à 5 000 caractères"),
    ("tags", "20 au plus, de 1 à 50 caractères chacune"),
];

impl Texts {
    /// What was refused, in this language; in the API's own words where there are no others.
    pub(crate) fn said(&self, refused: &Refused) -> Said {
        let title = if refused.title.is_empty() { self.refused.to_owned() } else { refused.title.to_string() };
        let known = FRENCH.iter().find(|(code, ..)| *code == &*refused.code);
        // What has no code is one of these texts.
        let is_told = self.code == "en" || refused.code.is_empty();
        let wrong = refused.errors.iter().map(|wrong| {
            let name = wrong.pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
            let hint = FIELDS_IN_FRENCH.iter().find(|(field, _)| !is_told && *field == name).map(|(_, hint)| *hint);
            let label = self.field(name).unwrap_or(&wrong.pointer);
            (label.to_owned(), hint.unwrap_or(&wrong.detail).to_owned())
        });
        let wrong = wrong.collect();
        if is_told {
            return Said { title, detail: refused.detail.clone(), remedy: refused.remedy.clone(), wrong };
        }
        let title = match refused.status {
            StatusCode::NOT_FOUND => self.not_found,
            StatusCode::FORBIDDEN => self.not_allowed,
            status if status.is_server_error() => self.failed,
            _ => self.refused,
        };
        let (detail, remedy) = match known {
            Some((_, detail, remedy)) => (Some((*detail).to_owned()), Some((*remedy).to_owned())),
            None => (refused.detail.clone(), refused.remedy.clone()),
        };
        Said { title: title.to_owned(), detail, remedy, wrong }
    }

    /// What a field is called that people fill in.
    fn field(&self, name: &str) -> Option<&'static str> {
        Some(match name {
            "subject" => self.subject,
            "description" => self.question,
            "content" => self.reply,
            "tags" => self.tags,
            "into" => self.merge_into,
            "customer_id" => self.customer,
            "status" => self.status,
            "priority" => self.priority,
            "category" => self.category,
            "assignee_id" => self.assignee,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::WrongField;
    use crate::texts::of;
    use kernel::Language;
    use std::collections::BTreeSet;

    fn refused(status: u16, code: &str) -> Refused {
        Refused {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.into(),
            title: "Not possible".into(),
            detail: Some("it is closed".to_owned()),
            remedy: Some("Reopen it.".to_owned()),
            errors: vec![
                WrongField { pointer: "/subject".to_owned(), detail: "is too short".to_owned() },
                WrongField { pointer: "/elsewhere/1".to_owned(), detail: "is odd".to_owned() },
            ],
        }
    }

    #[test]
    fn every_refusal_of_a_form_is_told_in_french() {
        let known: BTreeSet<&str> = FRENCH.iter().map(|(code, ..)| *code).collect();
        assert_eq!(known.len(), FRENCH.len(), "each once");
        let ticket = include_str!("../../../domain/src/support/ticket/rejection.rs");
        let feed = include_str!("../../../domain/src/notifications/feed/rejection.rs");
        let codes = |of: &'static str| of.split('"').filter(|text| text.starts_with("support.ticket_"));
        let refused: Vec<&str> = codes(ticket).collect();
        assert!(refused.len() > 25, "{refused:?}");
        let missing: Vec<&str> = refused.into_iter().filter(|code| !known.contains(code)).collect();
        assert!(missing.is_empty() && feed.contains("notifications.feed_too_many_muted"), "{missing:?}");
        for (code, detail, remedy) in FRENCH {
            for text in [detail, remedy] {
                assert!(text.ends_with('.') && !text.contains('\''), "{code}: {text}");
            }
        }
    }

    #[test]
    fn a_reader_is_told_in_his_language() {
        let (english, french) = (of(Language::En), of(Language::Fr));
        let said = french.said(&refused(409, "support.ticket_closed"));
        assert_eq!((&*said.title, said.detail.as_deref()), ("Ce n’est pas possible", Some("Le ticket est fermé.")));
        assert_eq!(said.wrong[0], ("Sujet".to_owned(), "de 3 à 200 caractères".to_owned()));
        assert_eq!(said.wrong[1], ("/elsewhere/1".to_owned(), "is odd".to_owned()));
        let said = english.said(&refused(409, "support.ticket_closed"));
        assert_eq!((&*said.title, said.remedy.as_deref()), ("Not possible", Some("Reopen it.")));
        assert_eq!(said.wrong[0], ("Subject".to_owned(), "is too short".to_owned()));
        // Of what is not known here the head is French, and the rest better than nothing.
        let said = french.said(&refused(403, "a.code_of_tomorrow"));
        assert_eq!((&*said.title, said.detail.as_deref()), ("Vous n’en avez pas le droit", Some("it is closed")));
        // What the console says of itself is in the reader's language already.
        assert_eq!(french.said(&refused(422, "")).title, "Not possible");
    }
}
