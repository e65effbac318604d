//! What has happened in the demo tenant.

use super::people::{AGENT, CUSTOMER, MANAGER, Person, SALES_REP, SECOND_CUSTOMER};
use super::voice::{Said, Voice};
use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::tokens::{Audience, Ttl, issue};
use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Raised whenever a line of the story changes: its keys then meet no earlier telling.
const EDITION: u32 = 1;

/// The appointment that the conversation is about.
const APPOINTMENT: Uuid = Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_00ab);

/// The ids that examples need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoIds {
    /// A ticket that waits for an agent.
    pub ticket: Uuid,
    /// The zone that nobody works yet.
    pub free_zone: Uuid,
    /// The zone of the sales rep.
    pub worked_zone: Uuid,
    /// The building.
    pub building: Uuid,
    /// A contract signed there.
    pub contract: Uuid,
    /// The conversation.
    pub conversation: Uuid,
}

impl DemoIds {
    /// By what they are.
    pub fn by_name(&self) -> BTreeMap<String, String> {
        let named = [
            ("ticket", self.ticket),
            ("free_zone", self.free_zone),
            ("worked_zone", self.worked_zone),
            ("building", self.building),
            ("contract", self.contract),
            ("conversation", self.conversation),
        ];
        named.into_iter().map(|(name, id)| (name.to_owned(), id.to_string())).collect()
    }
}

/// Tells the story, one command after the other.
pub(super) struct Story {
    voice: Voice,
    tokens: HashMap<&'static str, String>,
    day: NaiveDate,
    told: u32,
}

impl Story {
    pub(super) fn new(voice: Voice, key: &LocalKey, audience: &Audience, day: NaiveDate) -> Result<Self, Failure> {
        let tokens = super::people::PEOPLE.into_iter().map(|person| {
            let token = issue(key, audience, &person.grant(Ttl::days(1)))?;
            Ok((person.role, token))
        });
        Ok(Self { voice, tokens: tokens.collect::<Result<_, Failure>>()?, day, told: 0 })
    }

    pub(super) async fn tell(mut self) -> Result<DemoIds, Failure> {
        let ticket = self.tickets().await?;
        let conversation = self.conversation().await?;
        let (worked_zone, free_zone) = self.zones().await?;
        let (building, contract) = self.building().await?;
        Ok(DemoIds { ticket, free_zone, worked_zone, building, contract, conversation })
    }

    /// Four tickets, each somewhere else on its way; gives the one that is still open.
    async fn tickets(&mut self) -> Result<Uuid, Failure> {
        self.ticket_in_work().await?;
        self.ticket_waiting_for_its_customer().await?;
        self.ticket_resolved().await?;
        self.says(
            SECOND_CUSTOMER,
            "/v1/support/tickets",
            json!({
                "subject": "Album preview stays blank on the tablet",
                "description": "Works on the laptop, but on our tablet the preview is a white page. We would like to \
                    order before Friday.",
                "priority": "urgent", "category": "bug", "tags": ["album", "tablet"],
            }),
        )
        .await
    }

    async fn ticket_in_work(&mut self) -> Result<(), Failure> {
        let gallery = self
            .says(
                CUSTOMER,
                "/v1/support/tickets",
                json!({
                    "subject": "Impossible de télécharger ma galerie",
                    "description": "Bonjour, le bouton « Tout télécharger » tourne dans le vide depuis hier soir. \
                        J'ai essayé avec deux navigateurs. Pouvez-vous m'aider ?",
                    "priority": "high", "category": "technical", "tags": ["galerie", "téléchargement"],
                }),
            )
            .await?;
        self.says(AGENT, &on_ticket(gallery, "assign"), json!({ "assignee_id": AGENT.id() })).await?;
        self.says(
            AGENT,
            &on_ticket(gallery, "notes"),
            json!({
                "content": "L'archive dépasse 4 Go : la préparation expire après dix minutes.",
            }),
        )
        .await?;
        self.says(
            AGENT,
            &on_ticket(gallery, "replies"),
            json!({
                "content": "Bonjour Inès, votre galerie est très volumineuse. Je l'ai partagée en trois archives, \
                    le lien est dans votre boîte mail. Dites-moi si cela fonctionne.",
            }),
        )
        .await?;
        self.says(
            CUSTOMER,
            &on_ticket(gallery, "replies"),
            json!({
                "content": "Les deux premières sont arrivées, merci ! La troisième s'arrête à 80 %.",
            }),
        )
        .await?;
        Ok(())
    }

    async fn ticket_waiting_for_its_customer(&mut self) -> Result<(), Failure> {
        let invoice = self
            .says(
                SECOND_CUSTOMER,
                "/v1/support/tickets",
                json!({
                    "subject": "Invoice F-2041 shows the wrong VAT rate",
                    "description": "Hello, the invoice charges 20% although our company is registered in Ireland. \
                        Could you send a corrected one? Our VAT number is on the order.",
                    "category": "billing", "tags": ["invoice", "vat"],
                }),
            )
            .await?;
        self.says(AGENT, &on_ticket(invoice, "replies"), json!({
            "content": "Hi James, thanks for spotting this. Could you confirm that the order was for the Dublin office?",
        }))
        .await?;
        self.says(AGENT, &on_ticket(invoice, "status"), json!({ "status": "waiting_customer" })).await?;
        Ok(())
    }

    async fn ticket_resolved(&mut self) -> Result<(), Failure> {
        let address = self
            .says(
                CUSTOMER,
                "/v1/support/tickets",
                json!({
                    "subject": "Changer l'adresse e-mail de mon compte",
                    "description": "J'ai changé de fournisseur, pouvez-vous mettre à jour mon adresse ?",
                    "priority": "low", "category": "account",
                }),
            )
            .await?;
        self.says(
            AGENT,
            &on_ticket(address, "replies"),
            json!({
                "content": "C'est fait ! Un message de confirmation vient de partir vers la nouvelle adresse.",
            }),
        )
        .await?;
        self.says(
            AGENT,
            &on_ticket(address, "status"),
            json!({
                "status": "resolved", "reason": "Adresse mise à jour.",
            }),
        )
        .await?;
        Ok(())
    }

    async fn conversation(&mut self) -> Result<Uuid, Failure> {
        let conversation = self
            .says(
                CUSTOMER,
                "/v1/messaging/conversations",
                json!({
                    "client_user_id": CUSTOMER.id(), "studio_user_id": AGENT.id(), "appointment_id": APPOINTMENT,
                    "subject": "Séance photo au Parc de la Tête d'Or",
                }),
            )
            .await?;
        let messages = [
            (CUSTOMER, "Bonjour Camille, est-ce que samedi à 17 h vous conviendrait toujours ?"),
            (AGENT, "Bonjour Inès, oui, la lumière sera parfaite. On se retrouve devant la grande serre ?"),
            (CUSTOMER, "Parfait. Nous serons cinq, avec le chien !"),
            (AGENT, "Avec plaisir. Prévoyez une tenue claire et une balle pour le chien."),
        ];
        for (number, (person, content)) in (1_u128..).zip(messages) {
            let message_id = Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0e00 + number);
            let body = json!({ "message_id": message_id, "content": content });
            self.says(person, &format!("/v1/messaging/conversations/{conversation}/messages"), body).await?;
        }
        self.says(CUSTOMER, &format!("/v1/messaging/conversations/{conversation}/read"), json!({ "seq": 3 })).await?;
        Ok(conversation)
    }

    async fn zones(&mut self) -> Result<(Uuid, Uuid), Failure> {
        let worked = self
            .says(
                MANAGER,
                "/v1/field-sales/zones",
                json!({
                    "name": "Lyon 3e – Part-Dieu", "center": { "latitude": 45.7606, "longitude": 4.8590 },
                    "radius_m": 900, "manager_id": MANAGER.id(),
                }),
            )
            .await?;
        let free = self
            .says(
                MANAGER,
                "/v1/field-sales/zones",
                json!({
                    "name": "London – Camden Town", "center": { "latitude": 51.5390, "longitude": -0.1426 },
                    "radius_m": 1200, "manager_id": MANAGER.id(),
                }),
            )
            .await?;
        let assignment = json!({ "user_id": SALES_REP.id(), "user_type": "sales_rep" });
        self.says(MANAGER, &format!("/v1/field-sales/zones/{worked}/assign"), assignment).await?;
        Ok((worked, free))
    }

    async fn building(&mut self) -> Result<(Uuid, Uuid), Failure> {
        let building = self
            .says(
                SALES_REP,
                "/v1/field-sales/buildings",
                json!({
                    "address": "12 rue de la Part-Dieu, 69003 Lyon", "latitude": 45.7597, "longitude": 4.8522,
                    "floors": 3, "doors_per_floor": 2, "has_elevator": true,
                    "sales_rep_id": SALES_REP.id(), "manager_id": MANAGER.id(),
                }),
            )
            .await?;
        let back_on = self.day.checked_add_days(Days::new(3)).unwrap_or(self.day);
        let visits = [
            json!({ "door_number": "101", "outcome": "absent" }),
            json!({ "door_number": "102", "outcome": "refused", "comment": "Déjà abonné ailleurs jusqu'en mars." }),
            json!({
                "door_number": "201", "outcome": "appointment_taken", "comment": "Repasser quand le mari est là.",
                "appointment_date": back_on, "appointment_time": "18:30",
            }),
            json!({ "door_number": "202", "outcome": "return_needed" }),
        ];
        for visit in visits {
            self.says(SALES_REP, &format!("/v1/field-sales/buildings/{building}/visits"), visit).await?;
        }
        let contract = json!({ "building_id": building, "door_number": "301", "number_of_contracts": 2 });
        let contract = self.says(SALES_REP, "/v1/field-sales/contracts", contract).await?;
        Ok((building, contract))
    }

    /// Sends one command, and gives the id of what it made or changed.
    async fn says(&mut self, person: Person, path: &str, body: Value) -> Result<Uuid, Failure> {
        self.told += 1;
        let (token, key) = (&self.tokens[person.role], format!("demo-{EDITION}-{}", self.told));
        self.voice.say(&Said { token, path, key: &key, at: None, body: &body }).await
    }
}

fn on_ticket(ticket: Uuid, verb: &str) -> String {
    format!("/v1/support/tickets/{ticket}/{verb}")
}
