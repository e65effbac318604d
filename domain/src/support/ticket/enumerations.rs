//! Where a ticket stands, how soon it needs an answer, what it is about, and who speaks on it.

use kernel::labelled;

labelled! {
    /// Where a ticket stands.
    #[derive(Default)]
    pub enum TicketStatus("support.ticket_status") {
        /// Nobody has taken it up yet.
        #[default]
        Open: "open" | "OPEN", "Open", "Ouvert";
        /// An agent works on it.
        InProgress: "in_progress" | "IN_PROGRESS", "In progress", "En cours";
        /// The customer has to answer.
        WaitingCustomer: "waiting_customer" | "WAITING_CUSTOMER", "Waiting for customer", "En attente du client";
        /// Answered; takes no messages, may be reopened.
        Resolved: "resolved" | "RESOLVED", "Resolved", "Résolu";
        /// Over; may be reopened for a while.
        Closed: "closed" | "CLOSED", "Closed", "Fermé";
        /// Withdrawn; final.
        Cancelled: "cancelled" | "CANCELLED", "Cancelled", "Annulé";
    }
}

labelled! {
    /// How soon a ticket needs an answer.
    #[derive(Default)]
    pub enum TicketPriority("support.ticket_priority") {
        /// Can wait.
        Low: "low" | "LOW", "Low", "Basse";
        /// As usual.
        #[default]
        Medium: "medium" | "MEDIUM", "Medium", "Moyenne";
        /// Before the usual ones.
        High: "high" | "HIGH", "High", "Haute";
        /// Now.
        Urgent: "urgent" | "URGENT", "Urgent", "Urgente";
    }
}

labelled! {
    /// What a ticket is about.
    #[derive(Default)]
    pub enum TicketCategory("support.ticket_category") {
        /// Invoices and payments.
        Billing: "billing" | "BILLING", "Billing", "Facturation";
        /// How something works, or does not.
        #[default]
        Technical: "technical" | "TECHNICAL", "Technical", "Technique";
        /// Signing in, profile, rights.
        Account: "account" | "ACCOUNT", "Account", "Compte";
        /// A wish.
        FeatureRequest: "feature_request" | "FEATURE_REQUEST", "Feature request", "Demande de fonctionnalité";
        /// A defect.
        Bug: "bug" | "BUG", "Bug", "Bug";
        /// Connections with other systems.
        Integration: "integration" | "INTEGRATION", "Integration", "Intégration";
        /// Anything else.
        Other: "other" | "OTHER", "Other", "Autre";
    }
}

labelled! {
    /// Who speaks in a message. Follows from the actor, never from a request.
    pub enum TicketMessageType("support.ticket_message_type") {
        /// The customer.
        User: "user" | "USER", "Customer", "Client";
        /// An agent, to the customer.
        Agent: "agent" | "AGENT", "Agent", "Agent";
        /// Sillage itself.
        System: "system" | "SYSTEM", "System", "Système";
        /// An agent, to agents only.
        Internal: "internal" | "INTERNAL", "Internal note", "Note interne";
    }
}

labelled! {
    /// Who writes in a public thread, and who reads it.
    pub enum TicketSide("support.ticket_side") {
        /// Whose ticket it is.
        Customer: "customer", "Customer", "Client";
        /// All agents together.
        Desk: "desk", "Support desk", "Support";
    }
}
