//! The articles of the month's knowledge base.

use serde_json::{Value, json};

/// The articles of the knowledge base: language, heading, title, gist, steps.
pub(super) const ARTICLES: &[(&str, &str, &str, &str, &[&str])] = &[
    (
        "fr",
        "Galerie",
        "Télécharger toute une galerie",
        "En une ou plusieurs archives, selon sa taille.",
        &[
            "Ouvrez la galerie et choisissez « Tout télécharger ».",
            "Au-delà de 4 Go, plusieurs archives vous sont proposées.",
            "Chaque lien reste valable sept jours.",
        ],
    ),
    (
        "fr",
        "Galerie",
        "Partager une galerie avec ses proches",
        "Un lien, et un mot de passe si vous le souhaitez.",
        &[
            "Choisissez « Partager » en haut de la galerie.",
            "Ajoutez un mot de passe et une date de fin.",
            "Envoyez le lien par message ou par e-mail.",
        ],
    ),
    (
        "fr",
        "Galerie",
        "Choisir ses photos favorites",
        "Pour préparer l'album ou les tirages.",
        &[
            "Touchez le cœur sous chaque photo.",
            "Retrouvez la sélection dans « Mes favoris ».",
            "Envoyez-la au studio quand elle est prête.",
        ],
    ),
    (
        "fr",
        "Galerie",
        "Combien de temps une galerie reste en ligne",
        "Un an, puis deux mois d'archives.",
        &[
            "La galerie est en ligne pendant douze mois.",
            "Un rappel part un mois avant la fin.",
            "Ensuite, le studio peut la remettre en ligne pendant deux mois.",
        ],
    ),
    (
        "fr",
        "Facturation",
        "Comprendre sa facture",
        "Acompte, solde, TVA.",
        &[
            "L'acompte de 30 % réserve la date.",
            "Le solde est dû à la remise des photos.",
            "La TVA est indiquée ligne par ligne.",
        ],
    ),
    (
        "fr",
        "Facturation",
        "Faire corriger une facture",
        "Adresse, société, numéro de TVA.",
        &[
            "Ouvrez une demande dans la catégorie Facturation.",
            "Indiquez le numéro de la facture et ce qui doit changer.",
            "Vous recevez un avoir et une nouvelle facture.",
        ],
    ),
    (
        "fr",
        "Facturation",
        "Payer en plusieurs fois",
        "Jusqu'à trois fois sans frais.",
        &["Choisissez « Payer en trois fois » au moment du solde.", "La première échéance est débitée le jour même."],
    ),
    (
        "fr",
        "Compte",
        "Réinitialiser son mot de passe",
        "Un mot de passe oublié n'est pas perdu.",
        &[
            "Choisissez « Mot de passe oublié ».",
            "Suivez le lien reçu par e-mail dans l'heure.",
            "Regardez aussi dans les indésirables.",
        ],
    ),
    (
        "fr",
        "Compte",
        "Activer la double authentification",
        "Un code à six chiffres en plus du mot de passe.",
        &[
            "Ouvrez « Mon compte », puis « Sécurité ».",
            "Scannez le code avec votre application.",
            "Conservez les codes de secours.",
        ],
    ),
    (
        "fr",
        "Compte",
        "Donner accès à son conjoint",
        "Chacun son compte, une seule galerie.",
        &["Choisissez « Inviter » dans la galerie.", "Votre conjoint choisit son propre mot de passe."],
    ),
    (
        "fr",
        "Albums",
        "Valider la maquette de l'album",
        "Deux allers-retours sont compris.",
        &[
            "Ouvrez l'épreuve dans votre espace.",
            "Annotez chaque page si besoin.",
            "Validez : l'impression commence le lendemain.",
        ],
    ),
    (
        "fr",
        "Albums",
        "Délais de fabrication et de livraison",
        "Trois à quatre semaines.",
        &[
            "Comptez dix jours ouvrés de fabrication.",
            "La livraison prend deux à cinq jours.",
            "Le numéro de suivi arrive par e-mail.",
        ],
    ),
    (
        "fr",
        "Séances",
        "Préparer sa séance photo",
        "Vêtements, lieu, horaires.",
        &["Choisissez des couleurs unies.", "Prévoyez d'arriver dix minutes avant.", "Une salle permet de se changer."],
    ),
    (
        "en",
        "Gallery",
        "Downloading a whole gallery",
        "In one archive or several, depending on its size.",
        &[
            "Open the gallery and choose Download all.",
            "Above 4 GB there are several archives.",
            "Each link is good for seven days.",
        ],
    ),
    (
        "en",
        "Gallery",
        "Sharing a gallery with family",
        "A link, with a password if you like.",
        &[
            "Choose Share at the top of the gallery.",
            "Add a password and an end date.",
            "Send the link by message or mail.",
        ],
    ),
    (
        "en",
        "Gallery",
        "Choosing favourites",
        "To prepare the album or prints.",
        &[
            "Tap the heart below a photo.",
            "Find the selection under My favourites.",
            "Send it to the studio when it is ready.",
        ],
    ),
    (
        "en",
        "Gallery",
        "How long a gallery stays online",
        "A year, and two months in the archive.",
        &[
            "The gallery is online for twelve months.",
            "A reminder comes a month before the end.",
            "After that the studio can bring it back for two months.",
        ],
    ),
    (
        "en",
        "Billing",
        "Reading your invoice",
        "Deposit, balance, VAT.",
        &[
            "The deposit of 30% books the date.",
            "The balance is due when the photos are handed over.",
            "VAT is shown line by line.",
        ],
    ),
    (
        "en",
        "Billing",
        "Having an invoice corrected",
        "Address, company, VAT number.",
        &[
            "Open a request about billing.",
            "Name the invoice and what should change.",
            "You get a credit note and a new invoice.",
        ],
    ),
    (
        "en",
        "Account",
        "Resetting your password",
        "A forgotten password is not lost.",
        &["Choose Forgotten password.", "Follow the link within an hour.", "Look into the junk folder too."],
    ),
    (
        "en",
        "Account",
        "Turning on two-step sign-in",
        "A six-digit code besides the password.",
        &["Open My account, then Security.", "Scan the code with your app.", "Keep the recovery codes."],
    ),
    (
        "en",
        "Albums",
        "Approving the album proof",
        "Two rounds of changes are included.",
        &[
            "Open the proof in your account.",
            "Leave notes on pages if you like.",
            "Approve: printing begins the next day.",
        ],
    ),
    (
        "en",
        "Albums",
        "How long making and delivery take",
        "Three to four weeks.",
        &["Making takes ten working days.", "Delivery takes two to five days.", "The tracking number comes by mail."],
    ),
    (
        "en",
        "Sessions",
        "Getting ready for a session",
        "Clothes, place, time.",
        &["Choose plain colours.", "Plan to arrive ten minutes early.", "There is a room to change in."],
    ),
    (
        "en",
        "Sessions",
        "Moving or postponing a session",
        "Free of charge up to two days before.",
        &["Open the appointment and choose Move.", "The deposit stays good for a year."],
    ),
];

/// An article as it is sent.
pub(super) fn article(index: usize, revised: bool) -> Value {
    let (language, category, title, excerpt, steps) = ARTICLES[index];
    let steps: Vec<String> = (1..).zip(steps).map(|(number, step)| format!("{number}. {step}\n")).collect();
    let mut body = format!("{excerpt}\n\n{}", steps.concat());
    if revised {
        body += if language == "fr" {
            "\n> Mis à jour : n'hésitez pas à nous écrire si une étape a changé.\n"
        } else {
            "\n> Updated: write to us if a step has changed.\n"
        };
    }
    let tags: &[&str] = if language == "fr" { &["guide"] } else { &["how-to"] };
    json!({ "title": title, "excerpt": excerpt, "body": body, "category": category, "tags": tags, "language": language })
}
