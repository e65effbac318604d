//! What is imported, which of its fields are understood, and why a row is not taken.

use kernel::labelled;

labelled! {
    /// What is in a file.
    pub enum ImportKind("support.import_kind") {
        /// Tickets.
        Tickets: "tickets", "Tickets", "Tickets";
        /// Articles of the knowledge base.
        Articles: "articles", "Articles", "Articles";
    }
}

labelled! {
    /// Where an import stands.
    pub enum ImportStatus("support.import_status") {
        /// Rows are still to come. Send the same file again to go on.
        Running: "running", "Running", "En cours";
        /// Every row has an outcome.
        Completed: "completed", "Completed", "Terminé";
        /// What it made is being undone. Ask again to go on.
        RollingBack: "rolling_back", "Being rolled back", "Annulation en cours";
        /// What it made was undone.
        RolledBack: "rolled_back", "Rolled back", "Annulé";
    }
}

labelled! {
    /// What became of a row.
    pub enum RowStatus("support.import_row_status") {
        /// It made something.
        Accepted: "accepted", "Accepted", "Acceptée";
        /// It made nothing.
        Refused: "refused", "Refused", "Refusée";
        /// What it made was undone.
        Undone: "undone", "Undone", "Annulée";
        /// What it made stays: somebody had worked on it.
        Left: "left", "Left", "Conservée";
    }
}

labelled! {
    /// A field of a row.
    pub enum ImportField("support.import_field") {
        /// What the thing is called where it comes from.
        Reference: "reference", "Reference", "Référence";
        /// Whose ticket it is: an e-mail address, or an id.
        Customer: "customer", "Customer", "Client";
        /// What a ticket is about.
        Subject: "subject", "Subject", "Objet";
        /// The question.
        Description: "description", "Description", "Description";
        /// Where it stands.
        Status: "status", "Status", "Statut";
        /// How soon it needs an answer.
        Priority: "priority", "Priority", "Priorité";
        /// What it is about; the heading of an article.
        Category: "category", "Category", "Catégorie";
        /// Free keywords.
        Tags: "tags", "Tags", "Mots-clés";
        /// When a ticket was opened, or an article written.
        CreatedAt: "created_at", "Created", "Création";
        /// When a ticket was resolved.
        ResolvedAt: "resolved_at", "Resolved", "Résolution";
        /// When a ticket was closed.
        ClosedAt: "closed_at", "Closed", "Fermeture";
        /// What was said on a ticket, in order.
        Messages: "messages", "Messages", "Messages";
        /// What an article is about.
        Title: "title", "Title", "Titre";
        /// The gist of an article.
        Excerpt: "excerpt", "Excerpt", "Résumé";
        /// The text of an article, in Markdown.
        Body: "body", "Text", "Texte";
        /// In which language an article is written.
        Language: "language", "Language", "Langue";
        /// When an article was first published.
        PublishedAt: "published_at", "Published", "Publication";
    }
}

labelled! {
    /// Why a row makes nothing, told as what to do about it.
    pub enum ImportProblem("support.import_problem") {
        /// A field that must be there is empty.
        Missing: "missing", "Fill in this field.", "Renseignez ce champ.";
        /// A text is too short, too long, or has control characters.
        TextNotUsable: "text_not_usable", "Shorten or complete this text, and take control characters out.",
            "Raccourcissez ou complétez ce texte, et retirez les caractères de contrôle.";
        /// A value is none of those that are known.
        UnknownValue: "unknown_value", "Use one of the known values, in French or English.",
            "Utilisez l'une des valeurs connues, en français ou en anglais.";
        /// A time that cannot be read.
        TimeNotReadable: "time_not_readable", "Write 2025-03-31 14:05, 31/03/2025 14:05 or an RFC 3339 time.",
            "Écrivez 31/03/2025 14:05, 2025-03-31 14:05 ou une date RFC 3339.";
        /// A time that has not come yet, or is before the year 2000.
        TimeOutOfRange: "time_out_of_range", "Correct the time: it lies in the future or before 2000.",
            "Corrigez la date : elle est dans le futur ou avant 2000.";
        /// It ended before it began, or something was said before.
        TimeOrder: "time_order", "Put the times in order: opened, messages, resolved, closed.",
            "Remettez les dates dans l'ordre : création, messages, résolution, fermeture.";
        /// A time that does not go with the status.
        TimeWithoutStatus: "time_without_status", "Leave this time out, or set the status that it belongs to.",
            "Retirez cette date, ou indiquez le statut correspondant.";
        /// Nobody in the tenant has this address or id.
        NoSuchCustomer: "no_such_customer", "Invite this person first, or correct the address.",
            "Invitez d'abord cette personne, ou corrigez l'adresse.";
        /// The customer was erased.
        CustomerErased: "customer_erased", "Leave this row out: nothing can be kept about this person.",
            "Retirez cette ligne : plus rien ne peut être conservé sur cette personne.";
        /// Another row, or an earlier import, has the same reference.
        ReferenceTaken: "reference_taken", "Leave this row out: its reference was imported already.",
            "Retirez cette ligne : sa référence a déjà été importée.";
        /// More or fewer cells than columns.
        WrongCellCount: "wrong_cell_count", "Give this row as many cells as the header has; quote cells with separators.",
            "Donnez à cette ligne autant de cellules que l'en-tête ; mettez entre guillemets celles qui contiennent le séparateur.";
        /// A line of NDJSON that is no object, or has a field of another form.
        NotReadable: "not_readable", "Write one JSON object per line, with texts as strings.",
            "Écrivez un objet JSON par ligne, avec des textes entre guillemets.";
        /// Too many messages, keywords or letters in one cell.
        TooMuch: "too_much", "Split this up: it is more than one row may hold.",
            "Divisez ce contenu : il dépasse ce qu'une ligne peut contenir.";
        /// The rules of tickets and articles refuse it.
        NotPossible: "not_possible", "Bring this one in by hand: the rules refuse it as it stands.",
            "Saisissez celui-ci à la main : les règles le refusent en l'état.";
    }
}
