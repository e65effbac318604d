//! What the columns of a file mean: by their headings, in French and in English, as other desks write them.

use domain::support::import::{ImportField, ImportKind};
use unicode_normalization::UnicodeNormalization as _;

/// Headings that mean a field, besides its own name, as [`folded`] leaves them.
const TICKETS: &[(ImportField, &[&str])] = &[
    (
        ImportField::Reference,
        &[
            "id",
            "ref",
            "reference_externe",
            "external_id",
            "external_reference",
            "ticket",
            "ticket_id",
            "ticket_number",
            "numero",
            "numero_de_ticket",
            "numero_ticket",
        ],
    ),
    (
        ImportField::Customer,
        &[
            "customer_email",
            "customer_id",
            "email",
            "e_mail",
            "requester",
            "requester_email",
            "client",
            "client_email",
            "email_client",
            "email_du_client",
            "demandeur",
            "courriel",
        ],
    ),
    (ImportField::Subject, &["title", "objet", "sujet", "titre"]),
    (ImportField::Description, &["body", "text", "question", "texte", "contenu"]),
    (ImportField::Status, &["state", "statut", "etat"]),
    (ImportField::Priority, &["priorite"]),
    (ImportField::Category, &["type", "categorie"]),
    (ImportField::Tags, &["tag", "labels", "keywords", "mots_cles", "etiquettes"]),
    (
        ImportField::CreatedAt,
        &[
            "created",
            "opened_at",
            "opened",
            "date",
            "date_creation",
            "date_de_creation",
            "cree_le",
            "ouvert_le",
            "date_ouverture",
            "date_d_ouverture",
        ],
    ),
    (ImportField::ResolvedAt, &["resolved", "solved_at", "resolu_le", "date_resolution", "date_de_resolution"]),
    (ImportField::ClosedAt, &["closed", "ferme_le", "date_fermeture", "date_de_fermeture", "cloture_le"]),
    (ImportField::Messages, &["comments", "replies", "commentaires", "reponses"]),
];

const ARTICLES: &[(ImportField, &[&str])] = &[
    (ImportField::Title, &["subject", "titre", "objet"]),
    (ImportField::Excerpt, &["summary", "resume", "extrait", "chapeau"]),
    (ImportField::Body, &["text", "content", "texte", "contenu", "corps", "markdown"]),
    (ImportField::Category, &["section", "categorie", "rubrique"]),
    (ImportField::Tags, &["tag", "labels", "keywords", "mots_cles", "etiquettes"]),
    (ImportField::Language, &["lang", "locale", "langue"]),
    (ImportField::Status, &["state", "statut", "etat"]),
    (ImportField::CreatedAt, &["created", "date", "date_creation", "date_de_creation", "cree_le"]),
    (ImportField::PublishedAt, &["published", "publie_le", "date_publication", "date_de_publication"]),
];

/// The field that a heading means, if it is one of this kind of file.
pub(super) fn field(kind: ImportKind, heading: &str) -> Option<ImportField> {
    let heading = folded(heading);
    let known = match kind {
        ImportKind::Tickets => TICKETS,
        ImportKind::Articles => ARTICLES,
    };
    let means = |(field, others): &&(ImportField, &[&str])| {
        kernel::Labelled::as_str(*field) == heading || others.contains(&heading.as_str())
    };
    known.iter().find(means).map(|(field, _)| *field)
}

/// Fields without which no row of this kind of file can be made.
pub(super) const fn needed(kind: ImportKind) -> &'static [ImportField] {
    match kind {
        ImportKind::Tickets => {
            &[ImportField::Customer, ImportField::Subject, ImportField::Description, ImportField::CreatedAt]
        }
        ImportKind::Articles => &[ImportField::Title, ImportField::Body, ImportField::Category],
    }
}

/// Without accents, capitals and punctuation: `Date de création` is `date_de_creation`.
pub(super) fn folded(text: &str) -> String {
    let letters = text.nfd().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter));
    let letters: String = letters.map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    letters.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn headings_are_understood_however_they_are_written() {
        for (heading, meant) in [
            ("Customer", ImportField::Customer),
            ("E-mail", ImportField::Customer),
            ("Date de création", ImportField::CreatedAt),
            ("CREATED_AT", ImportField::CreatedAt),
            ("Catégorie", ImportField::Category),
            ("Mots-clés", ImportField::Tags),
            (" N° de ticket ", ImportField::Reference),
            ("Fermé le", ImportField::ClosedAt),
        ] {
            let heading = heading.replace("N°", "Numéro");
            assert_eq!(field(ImportKind::Tickets, &heading), Some(meant), "{heading}");
        }
        assert_eq!(field(ImportKind::Tickets, "Colour"), None);
        assert_eq!(field(ImportKind::Articles, "customer"), None);
        assert_eq!(field(ImportKind::Articles, "Corps"), Some(ImportField::Body));
    }

    #[test]
    fn no_heading_means_two_fields() {
        for known in [TICKETS, ARTICLES] {
            let all: Vec<&str> = known.iter().flat_map(|(_, others)| others.iter().copied()).collect();
            assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
            assert!(all.iter().all(|heading| folded(heading) == *heading), "as folding leaves them");
        }
    }
}
