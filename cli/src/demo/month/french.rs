//! The parts in French.

use super::topics::{Phrases, Topic};

pub(super) const PHRASES: Phrases = Phrases {
    hello: &["Bonjour,", "Bonjour à toute l'équipe,", "Bonsoir,", "Bonjour Studio Lumière,"],
    bye: &[
        "Merci d'avance.",
        "Merci beaucoup pour votre aide.",
        "Bien cordialement.",
        "Dans l'attente de votre retour.",
        "",
    ],
    greet: &[
        "Bonjour {name},",
        "Bonjour {name}, merci pour votre message.",
        "Bonjour {name}, merci de nous avoir signalé cela.",
    ],
    sign: &[
        "Bonne journée !",
        "N'hésitez pas à nous répondre ici.",
        "Belle journée à vous.",
        "L'équipe du Studio Lumière",
    ],
    again: &[
        "Malheureusement, le problème est revenu ce matin.",
        "Je rouvre ma demande : cela ne fonctionne toujours pas sur mon téléphone.",
        "Cela a marché une fois, puis plus du tout. Pouvez-vous regarder à nouveau ?",
    ],
    sorry: &[
        "Désolés pour ce contretemps : le réglage n'avait pas été enregistré. C'est corrigé pour de bon.",
        "Merci de nous l'avoir dit. Nous avons trouvé une seconde cause et l'avons traitée.",
    ],
    resolved: &["Résolu par réponse", "Corrigé et confirmé", "Explications données", "Réglé par téléphone"],
    no_answer: &["Sans réponse du client depuis plusieurs jours", "Pas de nouvelles : résolu par défaut"],
    cancelled: &[
        "J'ai trouvé la réponse dans la base de connaissances.",
        "Fausse manœuvre de ma part, désolé.",
        "Ce n'est plus nécessaire.",
    ],
    pleased: &[
        "Réponse rapide et très claire, merci !",
        "Parfait, rien à redire.",
        "Équipe adorable, comme toujours.",
        "Problème réglé en un message.",
    ],
    content: &["Bien, mais j'ai dû relancer une fois.", "Correct.", "La solution est bonne, le délai un peu long."],
    displeased: &[
        "Trop long pour une question aussi simple.",
        "J'attendais mieux après l'acompte versé.",
        "On m'a demandé trois fois la même chose.",
    ],
    twice: &[
        "Je me permets de relancer : avez-vous vu mon premier message ?",
        "Même demande que tout à l'heure, j'ajoute une précision.",
    ],
};

pub(super) const TOPICS: &[Topic] = &[
    Topic {
        category: "technical",
        priorities: [5, 50, 35, 10],
        weight: 9,
        tags: &["galerie", "téléchargement"],
        slots: [
            &["du mariage", "de la séance famille", "du baptême", "de la soirée"],
            &["Chrome", "Safari", "Firefox", "mon iPad"],
        ],
        subjects: &[
            "Impossible de télécharger la galerie {a}",
            "Téléchargement bloqué à mi-chemin",
            "L'archive de la galerie {a} est incomplète",
        ],
        questions: &[
            "Le bouton « Tout télécharger » de la galerie {a} tourne sans fin sur {b}. J'ai essayé deux fois, même résultat.",
            "J'ai lancé le téléchargement des photos {a} et l'archive s'arrête toujours vers 80 %. J'utilise {b}.",
            "Il manque une partie des photos {a} dans le fichier reçu. Est-ce lié à {b} ?",
        ],
        asks: &[
            "Pouvez-vous nous dire à quelle heure vous avez essayé, et si le message parle d'espace disque ?",
            "Avez-vous la possibilité d'essayer depuis un ordinateur, en Wi-Fi ?",
        ],
        tells: &[
            "Vers 21 h hier, et aucun message d'espace disque.",
            "Je viens d'essayer sur l'ordinateur : c'est mieux, mais cela s'arrête encore.",
        ],
        solutions: &[
            "Votre galerie dépasse 4 Go : nous l'avons partagée en trois archives, les liens sont dans votre espace.",
            "Nous avons relancé la préparation de l'archive. Le nouveau lien est valable sept jours.",
        ],
        notes: &[
            "Archive > 4 Go, la préparation expire après dix minutes.",
            "Vu dans les journaux : trois reprises depuis la même adresse.",
        ],
    },
    Topic {
        category: "billing",
        priorities: [20, 60, 18, 2],
        weight: 8,
        tags: &["facture"],
        slots: [
            &["F-2041", "F-2077", "F-2103", "F-2118", "F-2150"],
            &["de l'acompte", "du solde", "de l'album", "des tirages"],
        ],
        subjects: &["Erreur sur la facture {a}", "Facture {a} : changement d'adresse", "Question sur le paiement {b}"],
        questions: &[
            "La facture {a} ne tient pas compte {b} que j'ai déjà réglé. Pouvez-vous la corriger ?",
            "Pourriez-vous refaire la facture {a} au nom de mon entreprise ? Mon comptable en a besoin avant la fin du mois.",
            "J'ai été débité deux fois {b} avec la référence {a}. Que faut-il faire ?",
        ],
        asks: &[
            "Pouvez-vous nous indiquer la date du débit et les quatre derniers chiffres de la carte ?",
            "Quelle adresse et quel numéro de TVA doivent figurer sur la facture ?",
        ],
        tells: &[
            "Le débit date du 3, la carte se termine par 1182.",
            "Je vous envoie l'adresse exacte : 12 rue des Lilas, c'est bien celle du siège.",
        ],
        solutions: &[
            "La facture corrigée est dans votre espace, et l'ancienne est annulée par un avoir.",
            "Le second débit n'était qu'une autorisation : il disparaîtra de votre relevé sous cinq jours.",
        ],
        notes: &[
            "Avoir à faire valider par la comptabilité.",
            "Autorisation non capturée chez le prestataire de paiement.",
        ],
    },
    Topic {
        category: "account",
        priorities: [10, 60, 25, 5],
        weight: 7,
        tags: &["connexion"],
        slots: [
            &["mot de passe oublié", "nouvelle adresse", "code à six chiffres"],
            &["ce matin", "depuis hier", "depuis la mise à jour"],
        ],
        subjects: &["Je n'arrive plus à me connecter", "Connexion impossible : {a}", "Accès pour mon conjoint"],
        questions: &[
            "Je n'arrive plus à me connecter {b}. J'ai suivi la procédure « {a} » sans recevoir de message.",
            "Nous aimerions que mon conjoint ait aussi accès à la galerie, avec ses propres identifiants.",
            "Mon compte semble verrouillé {b}. Pouvez-vous le débloquer ?",
        ],
        asks: &[
            "Le message est peut-être dans les indésirables : pouvez-vous regarder ?",
            "Quelle est l'adresse que vous utilisez pour vous connecter ?",
        ],
        tells: &["Rien dans les indésirables non plus.", "C'est la même adresse que celle de la réservation."],
        solutions: &[
            "Un nouveau lien vient de partir ; il est valable une heure.",
            "Nous avons envoyé une invitation à votre conjoint : il choisira son propre mot de passe.",
        ],
        notes: &[
            "Adresse en erreur chez le fournisseur : message refusé deux fois.",
            "Compte bloqué après dix essais, levé automatiquement.",
        ],
    },
    Topic {
        category: "other",
        priorities: [15, 55, 25, 5],
        weight: 7,
        tags: &["rendez-vous"],
        slots: [
            &["samedi matin", "mercredi après-midi", "le 14", "le week-end prochain"],
            &["à cause de la météo", "pour raison de santé", "car le lieu a changé"],
        ],
        subjects: &["Séance prévue {a} : peut-on la déplacer ?", "Report de notre rendez-vous", "Horaire de la séance"],
        questions: &[
            "Pourrait-on déplacer la séance prévue {a} {b} ? Nous sommes libres la semaine suivante.",
            "Nous devons reporter {b}. L'acompte reste-t-il valable ?",
            "À quelle heure faut-il arriver {a}, et peut-on se changer sur place ?",
        ],
        asks: &[
            "Seriez-vous disponibles le samedi suivant à 10 h ?",
            "Préférez-vous une séance en extérieur ou au studio ?",
        ],
        tells: &["Oui, samedi à 10 h nous convient très bien.", "Plutôt au studio, avec deux enfants en bas âge."],
        solutions: &[
            "C'est noté : la séance est déplacée, et l'acompte reste acquis.",
            "Votre créneau est confirmé ; une salle est à votre disposition pour vous changer.",
        ],
        notes: &["Prévenir Mina pour le matériel.", "Deuxième report : proposer une date ferme."],
    },
    Topic {
        category: "bug",
        priorities: [5, 40, 40, 15],
        weight: 6,
        tags: &["album", "affichage"],
        slots: [
            &["sur la tablette", "sur le téléphone", "en plein écran"],
            &["page blanche", "photos décalées", "couverture manquante"],
        ],
        subjects: &[
            "Aperçu de l'album : {b}",
            "L'éditeur d'album ne s'ouvre pas {a}",
            "Erreur au moment de valider l'album",
        ],
        questions: &[
            "L'aperçu de notre album affiche « {b} » {a}. Nous voudrions commander avant vendredi.",
            "Quand je valide l'album, j'obtiens « {b} » et rien ne se passe. Cela arrive {a} seulement.",
        ],
        asks: &[
            "Pouvez-vous nous envoyer une capture d'écran, et le modèle de votre appareil ?",
            "Le problème est-il le même après avoir vidé le cache ?",
        ],
        tells: &[
            "C'est une tablette de 2021, avec la dernière version du système.",
            "Oui, exactement le même après avoir vidé le cache.",
        ],
        solutions: &[
            "C'était un défaut de notre côté : il est corrigé depuis midi, l'aperçu s'affiche correctement.",
            "Nous avons validé l'album pour vous ; l'épreuve est dans votre espace.",
        ],
        notes: &["Reproduit sur une tablette ancienne : la police ne se charge pas.", "Signalé à l'équipe technique."],
    },
    Topic {
        category: "feature_request",
        priorities: [70, 28, 2, 0],
        weight: 3,
        tags: &["idée"],
        slots: [
            &["les favoris", "les commentaires", "le diaporama"],
            &["avec nos proches", "sur un écran de télévision", "en un seul lien"],
        ],
        subjects: &["Suggestion : {a}", "Une idée pour la galerie"],
        questions: &[
            "Ce serait formidable de pouvoir partager {a} {b}. Est-ce prévu ?",
            "Pourrait-on un jour montrer {a} {b} ?",
        ],
        asks: &["Merci pour l'idée ! Combien de personnes l'utiliseraient chez vous ?"],
        tells: &["Toute la famille, une trentaine de personnes."],
        solutions: &[
            "Nous avons ajouté votre idée à notre liste ; vous serez prévenus si elle voit le jour.",
            "Bonne nouvelle : c'est prévu pour le trimestre prochain.",
        ],
        notes: &["Troisième demande du même genre ce mois-ci."],
    },
    Topic {
        category: "other",
        priorities: [10, 50, 32, 8],
        weight: 6,
        tags: &["livraison", "tirages"],
        slots: [&["l'album", "les tirages", "le coffret"], &["dix jours", "deux semaines", "lundi dernier"]],
        subjects: &["Où en est {a} ?", "Colis non reçu", "{a} : livraison en retard"],
        questions: &[
            "J'ai commandé {a} et je n'ai pas de nouvelles depuis {b}. Pouvez-vous me dire où est le colis ?",
            "Le suivi indique que {a} est livré, mais nous n'avons rien reçu.",
            "Un coin est abîmé sur {a}. Comment faire pour un échange ?",
        ],
        asks: &["Pouvez-vous vérifier auprès de vos voisins ou du gardien ?", "Auriez-vous une photo du dommage ?"],
        tells: &[
            "Le gardien n'a rien reçu, j'ai demandé ce matin.",
            "Je vous l'envoie tout de suite, on voit bien le coin.",
        ],
        solutions: &[
            "Le transporteur l'a retrouvé : livraison prévue après-demain.",
            "Nous relançons une impression à nos frais, expédiée sous trois jours.",
        ],
        notes: &["Enquête ouverte chez le transporteur.", "Réimpression accordée, à imputer au fournisseur."],
    },
    Topic {
        category: "integration",
        priorities: [25, 55, 18, 2],
        weight: 2,
        tags: &["agenda"],
        slots: [
            &["Google Agenda", "Outlook", "le calendrier de mon iPhone"],
            &["en double", "avec une heure de décalage", "plus du tout"],
        ],
        subjects: &["Synchronisation avec {a}", "Rendez-vous {b} dans {a}"],
        questions: &["Depuis que j'ai relié {a}, les séances apparaissent {b}. Que dois-je changer ?"],
        asks: &["Quel fuseau horaire est choisi dans {a} ?"],
        tells: &["Il était resté sur Londres, en effet."],
        solutions: &[
            "Une fois le fuseau horaire corrigé, supprimez l'ancien lien et collez le nouveau : tout rentre dans l'ordre.",
        ],
        notes: &["Toujours le fuseau horaire ; ajouter un article."],
    },
];
