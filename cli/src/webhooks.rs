//! Where webhooks may lead, from the settings.

use crate::failure::Failure;
use clap::Args;
use platform::outbound::Guard;

/// Where webhooks may lead.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Webhooks")]
pub(crate) struct WebhookArgs {
    /// Networks and hosts behind the walls that webhooks may lead to all the same, with commas between, like
    /// `10.1.0.0/16,hooks.example.com`. Without it they lead to the open Internet alone.
    #[arg(long, env = "SILLAGE_WEBHOOK_ALLOW", value_name = "PLACES", value_delimiter = ',')]
    pub(crate) webhook_allow: Vec<String>,
    /// Webhooks may be `http://`, too. For development: everybody on the way reads what is sent.
    #[arg(long, env = "SILLAGE_WEBHOOK_ALLOW_HTTP")]
    pub(crate) webhook_allow_http: bool,
}

impl WebhookArgs {
    /// Says where webhooks may lead.
    ///
    /// # Errors
    /// A place cannot be read.
    pub(crate) fn guard(&self) -> Result<Guard, Failure> {
        Guard::allowing(self.webhook_allow.iter().map(String::as_str), self.webhook_allow_http)
            .map_err(|error| Failure::usage("SILLAGE_WEBHOOK_ALLOW cannot be used").because(error))
    }

    /// What is wrong with these settings.
    pub(crate) fn findings(&self) -> Vec<String> {
        self.guard().err().map(|failure| failure.to_string()).into_iter().collect()
    }
}
