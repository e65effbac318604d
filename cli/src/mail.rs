//! How mails leave this installation, from the settings: through a mail server, or into the development mailbox.

use crate::failure::Failure;
use effects::email::{Sender, Smtp};
use platform::config::MailArgs;
use std::path::PathBuf;

/// Who sends where nobody is set: nothing of it leaves the machine.
const DEVELOPMENT_SENDER: &str = "Sillage <no-reply@sillage.localhost>";

/// How mails leave.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Through which server; none is the development mailbox.
    pub server: Option<MailServer>,
    /// Who sends.
    pub sender: Sender,
    /// Where links lead.
    pub public_url: String,
}

/// A mail server.
#[derive(Clone)]
pub struct MailServer {
    url: String,
    certificate: Option<PathBuf>,
}

/// Its URL may hold a password.
impl std::fmt::Debug for MailServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailServer(‹redacted›)")
    }
}

impl MailServer {
    /// Connections to it, made when they are needed.
    ///
    /// # Errors
    /// The URL or the certificate cannot be read.
    pub fn transport(&self) -> Result<Smtp, Failure> {
        Smtp::new(&self.url, self.certificate.as_deref())
            .map_err(|error| Failure::usage("the mail server cannot be used").because(error))
    }
}

impl MailSettings {
    /// As configured; `development_url` is where links lead unless that is set.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn of(arguments: &MailArgs, development_url: &str) -> Result<Self, Failure> {
        let from = arguments.mail_from.as_deref().unwrap_or(DEVELOPMENT_SENDER);
        let sender = Sender::parse(from, arguments.mail_reply_to.as_deref())
            .map_err(|error| Failure::usage("SILLAGE_MAIL_FROM or SILLAGE_MAIL_REPLY_TO").because(error))?;
        let server = arguments.smtp_url.as_ref().map(|url| MailServer {
            url: url.expose().to_owned(),
            certificate: arguments.smtp_certificate_file.clone(),
        });
        let public_url = arguments.public_url.clone().unwrap_or_else(|| development_url.to_owned());
        Ok(Self { server, sender, public_url })
    }

    /// The development mailbox of a test.
    ///
    /// # Errors
    /// Never in fact: the built-in sender is one.
    pub fn development(public_url: &str) -> Result<Self, Failure> {
        let sender = Sender::parse(DEVELOPMENT_SENDER, None)
            .map_err(|error| Failure::failed("the built-in sender").because(error))?;
        Ok(Self { server: None, sender, public_url: public_url.to_owned() })
    }
}

/// What is wrong with the settings, the certificate included. Call it inside of a Tokio runtime.
pub(crate) fn findings(arguments: &MailArgs) -> Vec<String> {
    let mut findings = arguments.check();
    if findings.is_empty() {
        let checked = MailSettings::of(arguments, "http://localhost")
            .and_then(|settings| settings.server.map_or(Ok(()), |server| server.transport().map(drop)));
        findings.extend(checked.err().map(|failure| failure.to_string()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        mail: MailArgs,
    }

    fn given(flags: &[&str]) -> MailArgs {
        Settings::try_parse_from(std::iter::once(&"sillage").chain(flags)).unwrap().mail
    }

    #[tokio::test]
    async fn each_mistake_is_a_finding() {
        let whole =
            ["--smtp-url", "smtps://u:hunter2@h", "--mail-from", "a@example.com", "--public-url", "https://app"];
        assert_eq!(findings(&given(&[])), Vec::<String>::new());
        assert_eq!(findings(&given(&whole)), Vec::<String>::new());
        for wrong in [
            &["--mail-from", "nobody"] as &[_],
            &["--mail-from", "a@example.com", "--mail-reply-to", "x"],
            &[&whole[..], &["--smtp-certificate-file", "/does/not/exist"]].concat(),
            &["--smtp-url", "smtp://h?tls=maybe", "--mail-from", "a@example.com", "--public-url", "https://app"],
        ] {
            let found = findings(&given(wrong));
            assert_eq!(found.len(), 1, "{wrong:?}: {found:?}");
            assert!(!found[0].contains("hunter2"), "{found:?}");
        }
        let settings = MailSettings::of(&given(&whole), "http://localhost").unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
