//! Mail: the effect behind `notifications.email`.

mod compose;
mod letter;
pub mod links;
pub mod mailbox;
pub mod transport;
mod wording;

pub use compose::{Outgoing, Sender, SenderError};
pub use links::Links;
pub use mailbox::Mailbox;
pub use transport::{SendError, Smtp, SmtpError, Transport};

use crate::effect::{Attempt, Effect, Job, Order, RecordError, Settled};
use crate::follower::chain;
use chrono::Utc;
use domain::identity::tenant::Tenant;
use domain::notifications::email::{
    self, EmailContent, EmailFailure, EmailRecipient, EmailStatus, EmailSuppression, Event, Letter, Receipt,
    RecordEmailFailure, RecordEmailSent, SuppressEmail,
};
use domain::notifications::feed::{self, Feed, ThreadId};
use domain::support::ticket::{Ticket, TicketNumber};
use event_store::{AppendError, Decisions, ReadError, Refused, States, Vault, VaultError};
use kernel::{Aggregate, Command, Labelled, Recorded, Rejection, Source as _, TenantId, Version};
use std::collections::BTreeMap;
use uuid::Uuid;
use wording::{Addressee, Facts};

/// Sends mails through `T`.
pub struct EmailEffect<T> {
    transport: T,
    sender: Sender,
    links: Links,
    states: States,
    vault: Vault,
}

impl<T: Transport> EmailEffect<T> {
    /// Sends through `transport` as `sender`, with `links`; what mails say is in `states`, and to whom they go is opened by
    /// `vault` when they are sent.
    pub const fn new(transport: T, sender: Sender, links: Links, states: States, vault: Vault) -> Self {
        Self { transport, sender, links, states, vault }
    }

    /// What the inviting company is called now.
    async fn organisation(&self, content: &EmailContent) -> Result<Option<String>, String> {
        let EmailContent::Invitation { organisation_id, .. } = content else { return Ok(None) };
        let tenant = self.states.current::<Tenant>(TenantId::PLATFORM, organisation_id.0).await;
        Ok(tenant.map_err(|error| chain(&error))?.profile().map(|profile| profile.name.as_str().to_owned()))
    }

    /// To whom it goes; `None` where that person was erased.
    async fn addressee(&self, tenant_id: TenantId, to: &EmailRecipient) -> Result<Option<Addressee>, String> {
        let failed = |error: VaultError| chain(&error);
        let Some(address) = self.vault.reveal(tenant_id, &to.address).await.map_err(failed)? else { return Ok(None) };
        let name = match &to.name {
            Some(name) => self.vault.reveal(tenant_id, name).await.map_err(failed)?,
            None => None,
        };
        Ok(Some(Addressee { address, name, language: to.language }))
    }

    /// Whether what a mail tells was read or muted since it was asked for.
    async fn is_of_no_use(&self, tenant_id: TenantId, content: &EmailContent) -> Result<bool, String> {
        let EmailContent::News { recipient_id, news } = content else { return Ok(false) };
        let feed_id = feed::feed_id(tenant_id, *recipient_id).0;
        let feed = self.states.current::<Feed>(tenant_id, feed_id).await.map_err(|error| chain(&error))?;
        Ok(feed.has_settled(news))
    }

    /// By which numbers people know the tickets that a mail tells of.
    async fn numbers(
        &self,
        tenant_id: TenantId,
        content: &EmailContent,
    ) -> Result<BTreeMap<ThreadId, TicketNumber>, String> {
        let EmailContent::News { news, .. } = content else { return Ok(BTreeMap::new()) };
        let mut numbers = BTreeMap::new();
        for thread_id in news.iter().take(wording::news::NAMED).map(|news| news.thread_id) {
            let stream = (Ticket::CATEGORY, thread_id.0);
            match self.states.log().stream(tenant_id, stream.0, stream.1, Version::ZERO, None, 1).await {
                Ok(first) => {
                    let number = first.first().and_then(|opened| opened.number);
                    numbers.extend(number.map(|number| (thread_id, TicketNumber(number))));
                }
                // Its beginning is in files: the mail does without the number.
                Err(ReadError::Archived(_)) => {}
                Err(error) => return Err(chain(&error)),
            }
        }
        Ok(numbers)
    }

    async fn attempt(&self, job: &Job) -> Result<Attempt, String> {
        let loaded = self.states.of(job.tenant_id, None).load::<email::Email>(job.id).await;
        let loaded = loaded.map_err(|error| chain(&error))?;
        let undeliverable = |reason| Attempt::Never { code: EmailFailure::Undeliverable.as_str(), reason };
        let Some(Letter { to, content, status }) = loaded.state.letter() else {
            return Ok(undeliverable("the log has no such mail".to_owned()));
        };
        if *status == EmailStatus::Sent {
            // Somebody whose lease had ended was quicker.
            return Ok(Attempt::Succeeded { receipt: self.message_id(job.id) });
        }
        if content.expires_at().is_some_and(|end| end <= Utc::now()) {
            return Ok(Attempt::Suppressed { code: EmailSuppression::Expired.as_str() });
        }
        if self.is_of_no_use(job.tenant_id, content).await? {
            return Ok(Attempt::Suppressed { code: EmailSuppression::Read.as_str() });
        }
        let organisation = self.organisation(content).await?;
        let numbers = self.numbers(job.tenant_id, content).await?;
        let facts = Facts { links: &self.links, tenant_id: job.tenant_id, organisation, numbers };
        let Some(to) = self.addressee(job.tenant_id, to).await? else {
            return Ok(Attempt::Suppressed { code: EmailSuppression::Erased.as_str() });
        };
        let letter = wording::letter(&to, content, &facts);
        let mail = match compose::compose(&self.sender, &to, &letter, job.id, job.created_at) {
            Ok(mail) => mail,
            Err(error) => return Ok(undeliverable(chain(&error))),
        };
        Ok(match self.transport.send(job.tenant_id, job.id, &mail).await {
            Ok(()) => Attempt::Succeeded { receipt: mail.message_id },
            Err(SendError::Later(reason)) => Attempt::Later { reason, after: None },
            Err(SendError::Refused(reason)) => Attempt::Never { code: EmailFailure::Refused.as_str(), reason },
            Err(SendError::Undeliverable(reason)) => undeliverable(reason),
            Err(SendError::Away(reason)) => Attempt::Away { reason },
        })
    }

    fn message_id(&self, effect_id: Uuid) -> String {
        format!("<{effect_id}@{}>", self.sender.domain())
    }
}

impl<T: Transport> Effect for EmailEffect<T> {
    type Event = Event;
    const KIND: &'static str = "email";

    fn order(event: &Recorded<Event>) -> Order {
        match &event.event {
            Event::Requested { .. } => Order::Begin,
            Event::Requeued {} => Order::Again,
            Event::Sent { .. } | Event::Failed { .. } | Event::Suppressed { .. } => Order::Nothing,
        }
    }

    async fn perform(&self, job: &Job) -> Attempt {
        self.attempt(job).await.unwrap_or_else(|reason| Attempt::Away { reason })
    }

    async fn record(&self, decisions: &Decisions, job: &Job, settled: &Settled) -> Result<(), RecordError> {
        let attempts = job.attempts;
        match settled {
            Settled::Succeeded { receipt } => {
                let message_id = Receipt::parse(receipt).map_err(|error| RecordError::Refused(error.to_string()))?;
                carry_out(decisions, job, settled, &RecordEmailSent { message_id, attempts }).await
            }
            Settled::Failed { code } => {
                let known = EmailFailure::ALL.iter().find(|reason| reason.as_str() == code.as_str());
                let reason = known.copied().unwrap_or(EmailFailure::Exhausted);
                carry_out(decisions, job, settled, &RecordEmailFailure { reason, attempts }).await
            }
            Settled::Suppressed { code } => {
                let known = EmailSuppression::ALL.iter().find(|reason| reason.as_str() == code.as_str());
                let reason = known.copied().unwrap_or(EmailSuppression::Expired);
                carry_out(decisions, job, settled, &SuppressEmail { reason }).await
            }
        }
    }
}

/// Carries out a command on the effect's stream, in the name of Sillage.
async fn carry_out<C: Command>(
    decisions: &Decisions,
    job: &Job,
    settled: &Settled,
    command: &C,
) -> Result<(), RecordError> {
    // What became of it is the same whoever tells it; how many tries it took need not be.
    match decisions.carry_out_internal(command, &job.command(settled.command_id(job))).await {
        Ok(_) => Ok(()),
        Err(Refused::Rejected(rejection)) => Err(RecordError::Refused(format!("{}: {rejection}", rejection.code()))),
        Err(Refused::Append(error @ (AppendError::Reserved { .. } | AppendError::KeyReused))) => {
            Err(RecordError::Refused(error.to_string()))
        }
        Err(Refused::Version(version)) => Err(RecordError::Refused(format!("the version is {version}"))),
        Err(Refused::Load(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Append(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Read(error)) => Err(RecordError::Away(chain(&error))),
        Err(Refused::Vault(error @ VaultError::Erased(_))) => Err(RecordError::Refused(error.to_string())),
        Err(Refused::Vault(error)) => Err(RecordError::Away(chain(&error))),
    }
}
