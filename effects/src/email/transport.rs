//! Where mails go: to a mail server, or into the development mailbox.

use super::compose::Outgoing;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// The longest silence of a mail server, per answer.
const SILENCE: Duration = Duration::from_mins(1);
/// Connections to the mail server that are kept open.
const CONNECTIONS: u32 = 8;
/// How long an idle one is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Takes a mail.
pub trait Transport: Send + Sync + 'static {
    /// Hands it over. Answers when the other side has taken it for good.
    fn send(
        &self,
        tenant_id: kernel::TenantId,
        effect_id: Uuid,
        mail: &Outgoing,
    ) -> impl Future<Output = Result<(), SendError>> + Send;
}

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Later is worth a try.
    #[error("{0}")]
    Later(String),
    /// This mail will never be taken.
    #[error("{0}")]
    Refused(String),
    /// Nothing can be sent to this address.
    #[error("{0}")]
    Undeliverable(String),
    /// Something of ours is away.
    #[error("{0}")]
    Away(String),
}

/// Why a mail server cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The URL is not one.
    #[error(
        "the URL of the mail server cannot be read; an example is smtp://user:password@mail.example.com:587?tls=required"
    )]
    Url(#[source] lettre::transport::smtp::Error),
    /// The certificate cannot be read.
    #[error("the certificate {file} cannot be read")]
    Certificate {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A mail server.
pub struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    /// The mail server behind `url`: `smtps://` is TLS from the start, `smtp://…?tls=required` is STARTTLS or nothing,
    /// `?tls=opportunistic` STARTTLS where it is offered, and `smtp://` alone is clear text. `certificate` (PEM) is also
    /// trusted. Nothing is sent yet.
    ///
    /// # Errors
    /// The URL or the certificate cannot be read.
    pub fn new(url: &str, certificate: Option<&Path>) -> Result<Self, SmtpError> {
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(SmtpError::Url)?;
        if let Some(file) = certificate {
            builder = builder.tls(trusting(url, file)?);
        }
        let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE);
        Ok(Self(builder.timeout(Some(SILENCE)).pool_config(pool).build()))
    }
}

/// TLS as the URL asks for it, with one more certificate.
fn trusting(url: &str, file: &Path) -> Result<Tls, SmtpError> {
    let failed = |source| SmtpError::Certificate { file: file.display().to_string(), source };
    let pem = std::fs::read(file).map_err(|error| failed(error.into()))?;
    let certificate = Certificate::from_pem(&pem).map_err(|error| failed(error.into()))?;
    let parameters = TlsParameters::builder(host(url)).add_root_certificate(certificate).build();
    let parameters = parameters.map_err(|error| failed(error.into()))?;
    Ok(match (url.starts_with("smtps://"), url) {
        (true, _) => Tls::Wrapper(parameters),
        (false, url) if url.contains("tls=required") => Tls::Required(parameters),
        (false, url) if url.contains("tls=opportunistic") => Tls::Opportunistic(parameters),
        (false, _) => Tls::None,
    })
}

/// The host of a URL that has been read before.
fn host(url: &str) -> String {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default().to_owned(),
        None => host.split(':').next().unwrap_or_default().to_owned(),
    }
}

impl Transport for Smtp {
    async fn send(&self, _tenant_id: kernel::TenantId, _effect_id: Uuid, mail: &Outgoing) -> Result<(), SendError> {
        match self.0.send(mail.message.clone()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(sort(&error, &mail.recipient)),
        }
    }
}

/// What an error of the mail server means for this mail.
fn sort(error: &lettre::transport::smtp::Error, recipient: &str) -> SendError {
    let said = redacted(&chain(error), recipient);
    // Ours, not the mail's: credentials or encryption that the server wants otherwise. An operator mends that.
    let is_about_us = error.status().is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
    if error.is_permanent() && !is_about_us {
        SendError::Refused(said)
    } else if error.is_client() && !recipient.is_ascii() {
        SendError::Undeliverable(said)
    } else {
        SendError::Later(said)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// Mail servers like to repeat the address.
fn redacted(said: &str, recipient: &str) -> String {
    const HIDDEN: &str = "‹redacted›";
    let (said, recipient) = (said.to_lowercase(), recipient.to_lowercase());
    let local = recipient.split('@').next().unwrap_or_default();
    let said = said.replace(&recipient, HIDDEN);
    if local.len() > 2 { said.replace(local, HIDDEN) } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipient_is_not_repeated() {
        let said = redacted(
            "permanent error (550): <Ada.Lovelace@Example.com>: user ada.lovelace unknown",
            "ada.lovelace@example.com",
        );
        assert_eq!(said, "permanent error (550): <‹redacted›>: user ‹redacted› unknown");
    }

    #[test]
    fn the_host_is_found_in_every_url() {
        for (url, expected) in [
            ("smtp://mail.example.com", "mail.example.com"),
            ("smtps://u:p%40ss@mail.example.com:465", "mail.example.com"),
            ("smtp://mail.example.com:587/me.example.com?tls=required", "mail.example.com"),
            ("smtp://[::1]:25", "::1"),
        ] {
            assert_eq!(host(url), expected);
        }
    }

    #[tokio::test]
    async fn urls_that_cannot_be_used_are_refused() {
        for good in ["smtp://localhost:2525", "smtps://u:p@mail.example.com", "smtp://u:p@h:587?tls=required"] {
            assert!(Smtp::new(good, None).is_ok(), "{good}");
        }
        for bad in ["mail.example.com", "http://mail.example.com", "smtp://h?tls=maybe", "smtp://"] {
            assert!(Smtp::new(bad, None).is_err(), "{bad}");
        }
        assert!(Smtp::new("smtps://h", Some(Path::new("/does/not/exist"))).is_err());
    }
}
