//! Of what people are told, and over which channel.

kernel::labelled! {
    /// Of what somebody is told.
    pub enum NotificationTopic("notifications.topic") {
        /// An agent answered his ticket.
        Answered: "ticket_answered", "Your ticket was answered", "Réponse à votre demande";
        /// His ticket was resolved, or one that he is responsible for.
        Resolved: "ticket_resolved", "A ticket was resolved", "Demande résolue";
        /// The same, closed.
        Closed: "ticket_closed", "A ticket was closed", "Demande fermée";
        /// The same, reopened.
        Reopened: "ticket_reopened", "A ticket was reopened", "Demande rouverte";
        /// A ticket was handed to him.
        Assigned: "ticket_assigned", "A ticket was assigned to you", "Demande qui vous est confiée";
        /// The customer wrote on a ticket that he is responsible for.
        CustomerReplied: "ticket_customer_replied", "The customer replied", "Nouveau message du client";
        /// A colleague left a note on a ticket that he is responsible for.
        Noted: "ticket_noted", "A colleague left a note", "Note d'un collègue";
        /// Four fifths of what was promised of a ticket that he is responsible for are over.
        DueSoon: "ticket_due_soon", "A ticket is due soon", "Échéance proche";
        /// What was promised of a ticket that he is responsible for was not kept.
        Overdue: "ticket_overdue", "A ticket is overdue", "Échéance dépassée";
    }
}

kernel::labelled! {
    /// Whether and how somebody wants mails about a topic.
    pub enum MailCadence("notifications.mail_cadence") {
        /// None.
        Off: "off", "No mail", "Aucun e-mail";
        /// One about each ticket, once it has been unread for five minutes.
        AtOnce: "at_once", "At once", "Tout de suite";
        /// One about everything, an hour after the first thing.
        Digest: "digest", "In a digest", "Dans un récapitulatif";
    }
}

kernel::labelled! {
    /// What was decided about mailing a notification, when it came.
    pub enum MailPlan("notifications.mail_plan") {
        /// He wants no mails about this.
        Off: "off", "No mail wanted", "Aucun e-mail demandé";
        /// He has muted what it is about.
        Muted: "muted", "Muted", "En sourdine";
        /// A mail of its own.
        AtOnce: "at_once", "At once", "Tout de suite";
        /// The next digest.
        Digest: "digest", "In a digest", "Dans un récapitulatif";
    }
}

impl NotificationTopic {
    /// How it is mailed to whoever has said nothing about it: at once where somebody waits for the reader.
    pub const fn usual_cadence(self) -> MailCadence {
        match self {
            Self::Answered | Self::Assigned | Self::DueSoon | Self::Overdue => MailCadence::AtOnce,
            Self::Resolved | Self::Reopened | Self::CustomerReplied => MailCadence::Digest,
            Self::Closed | Self::Noted => MailCadence::Off,
        }
    }
}
