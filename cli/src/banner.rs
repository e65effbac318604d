//! What `sillage up` prints when it is ready: where everything is, and four commands to paste.

use crate::demo::users::DOMAIN;
use crate::demo::{AGENT, CUSTOMER, DemoIds, SALES_REP, USERS};
use crate::run_file::RunFile;
use crate::terminal::Style;
use std::fmt;
use std::path::Path;
use uuid::Uuid;

/// The position in an answer, for any shell: with it a query waits until it shows what was just done.
const POSITION: &str = r#"$(echo "$ANSWER" | sed 's/.*"position":\([0-9]*\).*/\1/')"#;

pub(crate) struct Banner<'a> {
    pub(crate) run: &'a RunFile,
    pub(crate) demo: Option<&'a DemoIds>,
    pub(crate) folder: &'a Path,
    pub(crate) seconds: f32,
    /// Whether mails are kept here instead of being sent.
    pub(crate) has_mailbox: bool,
}

/// A command to paste, and the query that shows what it did.
struct Example {
    title: &'static str,
    path: String,
    body: String,
    shown_by: String,
}

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = Style::detect();
        let run = self.run;
        writeln!(
            f,
            "\n{} in {:.1} s. Ctrl-C stops it; data stays in {}.\n",
            style.bold("Sillage is ready"),
            self.seconds,
            self.folder.display()
        )?;
        let sign_in =
            if run.password.is_some() { format!("   sign in as support-agent@{DOMAIN}") } else { String::new() };
        writeln!(f, "  console    {}/console{sign_in}", run.query_url)?;
        writeln!(f, "  commands   {}   try them at {}/docs", run.command_url, run.command_url)?;
        writeln!(f, "  queries    {}   try them at {}/docs", run.query_url, run.query_url)?;
        if let Some(admin) = &run.admin_url {
            writeln!(f, "  operators  {admin}   /readyz /livez /metrics")?;
            if self.has_mailbox {
                writeln!(f, "  mails      {admin}/dev/mailbox   kept here, none is sent")?;
            }
        }
        if let Some(url) = &run.database_url {
            writeln!(f, "  Postgres   {url}")?;
        }
        if let Some(url) = &run.nats_url {
            writeln!(f, "  NATS       {url}")?;
        }
        match (self.demo, run.tokens.get("agent"), run.tokens.get("customer")) {
            (Some(ids), Some(agent), Some(customer)) => self.examples(f, style, ids, agent, customer),
            (Some(_), _, _) => writeln!(f, "\nTokens are accepted of the keys in SILLAGE_JWKS_FILE only."),
            (None, _, _) => writeln!(f, "\n`sillage token issue --help` tells how to get a token."),
        }
    }
}

impl Banner<'_> {
    /// Who can sign in, a line per business.
    fn people(&self, f: &mut fmt::Formatter<'_>, style: Style) -> fmt::Result {
        let Some(password) = &self.run.password else { return Ok(()) };
        let example = format!("support-agent@{DOMAIN}");
        writeln!(f, "\n{} as any of these, all @{DOMAIN}, with the password: {password}\n", style.bold("Sign in"))?;
        for same in USERS.chunk_by(|one, other| one.business() == other.business()) {
            let accounts: Vec<String> = same.iter().map(|user| user.account()).collect();
            writeln!(f, "  {:<13}{}", same[0].business(), accounts.join("  "))?;
        }
        writeln!(f, "\nSILLAGE_PASSWORD='{password}' sillage token --email {example}")?;
        writeln!(f, "curl -s {}/v1/auth/login -H 'Content-Type: application/json' \\", self.run.command_url)?;
        writeln!(f, "  -d '{{\"email\":\"{example}\",\"password\":\"{password}\",\"delivery\":\"body\"}}'; echo")
    }

    fn examples(
        &self,
        f: &mut fmt::Formatter<'_>,
        style: Style,
        ids: &DemoIds,
        agent: &str,
        customer: &str,
    ) -> fmt::Result {
        self.people(f, style)?;
        let title = format!(
            "{} ({}) and {} ({}), good for seven days:",
            AGENT.name, AGENT.about, CUSTOMER.name, CUSTOMER.about
        );
        writeln!(f, "\n{} for the demo tenant: {title}\n", style.bold("Tokens"))?;
        writeln!(f, "TOKEN={agent}\nCUSTOMER_TOKEN={customer}\n")?;
        writeln!(
            f,
            "{}: paste the tokens into a shell, then any of these. `min_position` shows you your own change.",
            style.bold("Four things to do")
        )?;
        for example in examples(ids) {
            let (commands, queries) = (&self.run.command_url, &self.run.query_url);
            writeln!(f, "\n{}", style.dim(&format!("# {}", example.title)))?;
            writeln!(f, "ANSWER=$(curl -s {commands}{} \\", example.path)?;
            writeln!(f, "  -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\")?;
            writeln!(f, "  -H \"Idempotency-Key: demo-$(date +%s)-$RANDOM$RANDOM\" \\")?;
            writeln!(f, "  -d '{}'); echo \"$ANSWER\"", example.body)?;
            writeln!(f, "curl -s \"{queries}{}&min_position={POSITION}\" \\", example.shown_by)?;
            writeln!(f, "  -H \"Authorization: Bearer $TOKEN\"; echo")?;
        }
        Ok(())
    }
}

fn examples(ids: &DemoIds) -> [Example; 4] {
    [
        Example {
            title: "Create a ticket, and see it.",
            path: "/v1/support/tickets".into(),
            body: format!(
                r#"{{"subject":"Album delivery date","description":"When will our album be sent?","customer_id":"{}"}}"#,
                CUSTOMER.id()
            ),
            shown_by: "/v1/support/tickets?limit=1".into(),
        },
        Example {
            title: "Sign a contract at a door, and see it.",
            path: "/v1/field-sales/contracts".into(),
            body: format!(r#"{{"building_id":"{}","door_number":"302"}}"#, ids.building),
            shown_by: format!("/v1/field-sales/contracts?building_id={}&limit=1", ids.building),
        },
        Example {
            title: "Assign a zone to a sales rep (it takes him out of his other one), and see which he has now.",
            path: format!("/v1/field-sales/zones/{}/assign", ids.free_zone),
            body: format!(r#"{{"user_id":"{}","user_type":"sales_rep"}}"#, SALES_REP.id()),
            shown_by: format!("/v1/field-sales/current-zones?user_id={}", SALES_REP.id()),
        },
        Example {
            title: "Send a message to the client, and see it.",
            path: format!("/v1/messaging/conversations/{}/messages", ids.conversation),
            body: format!(r#"{{"message_id":"{}","content":"See you on Saturday!"}}"#, Uuid::now_v7()),
            shown_by: format!("/v1/messaging/conversations/{}/messages?limit=1", ids.conversation),
        },
    ]
}
