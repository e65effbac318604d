//! What a process does in the outside world: reactors, the outbox and its workers.

use super::files::file_followers;
use super::{Process, appender, tasks};
use crate::failure::Failure;
use crate::mail::MailSettings;
use crate::root_key::link_key;
use domain::processes::{MailAboutAccounts, NotifyAboutTickets};
use effects::email::{EmailEffect, Links, Mailbox, Transport};
use effects::webhooks::{Client, WebhookEffect, WebhookReplay, forget_old_deliveries, webhooks_dispatch};
use effects::{
    Departure, ImportRollback, InvitationDeadline, NewsClock, Options, Runner, TicketClock, Worker, outbox, reactor,
};
use event_store::{Decisions, Log, Role, States};
use platform::admin::Needed;
use platform::auth::SigningSecrets;
use sqlx::PgPool;
use std::sync::Arc;
use tokio::sync::Notify;

/// Mails that a process keeps in memory: each is read twice or three times.
const EFFECT_STATES: usize = 5_000;

impl Process {
    /// Runs reactors, outbox and workers: mails leave as `mail` says, or go into `mailbox` where no server is set.
    ///
    /// # Errors
    /// Postgres does not answer, or the mail server's settings cannot be read.
    pub async fn effects(&mut self, mail: &MailSettings, mailbox: Option<Mailbox>) -> Result<(), Failure> {
        let links = Links::new(&mail.public_url, link_key(&self.vault().await?)?);
        match (&mail.server, mailbox) {
            (Some(server), _) => self.effects_through(server.transport()?, mail, links).await,
            (None, Some(mailbox)) => self.effects_through(mailbox, mail, links).await,
            (None, None) => Err(Failure::usage("there is no mail server")
                .remedy("Set SILLAGE_SMTP_URL, SILLAGE_MAIL_FROM and SILLAGE_PUBLIC_URL.")),
        }
    }

    async fn effects_through<T: Transport>(
        &mut self,
        transport: T,
        mail: &MailSettings,
        links: Links,
    ) -> Result<(), Failure> {
        let pool = self.pool("effects", Role::Engine, self.shared.connections.write);
        let log = Log::new(pool.clone());
        let appender = appender(&self.shared.database.url, pool.clone())?;
        if let Some(nats_url) = self.shared.nats_url.clone() {
            self.relay_of(log.clone(), &nats_url, appender.committed());
        }
        let tail = self.tail(log.clone()).await?;
        let states = States::new(log.clone(), EFFECT_STATES);
        let vault = self.vault().await?;
        let decisions = Decisions::new(appender, states.clone(), log.clone(), vault.clone());
        let store = self.store().await?;
        let mut followers = vec![
            reactor::<MailAboutAccounts>(decisions.clone()),
            outbox::<EmailEffect<T>>(),
            outbox::<InvitationDeadline>(),
            outbox::<Departure>(),
            outbox::<TicketClock>(),
            reactor::<NotifyAboutTickets>(decisions.clone()),
            outbox::<NewsClock>(),
            webhooks_dispatch(pool.clone()),
            outbox::<ImportRollback>(),
        ];
        if store.is_some() {
            followers.extend(file_followers(&decisions, &pool));
        }
        let runner = Runner::new(tail, pool.clone(), followers);
        if let Some(store) = store {
            self.work_on_files(&store, &decisions, &pool, &runner.bell());
        }
        self.work_on_webhooks(&decisions, &log, &pool, &runner.bell()).await?;
        let effect = EmailEffect::new(transport, mail.sender.clone(), links, states, vault);
        let worker = Worker::new(effect, decisions.clone(), pool.clone(), runner.bell(), Options::default());
        // Nobody waits for a deadline: it is looked for once a second.
        let deadline = InvitationDeadline::new(decisions.clone());
        let options = Options::default;
        let deadlines = Worker::new(deadline, decisions.clone(), pool.clone(), Arc::default(), options());
        let departure = Departure::new(decisions.clone(), pool.clone());
        let departures = Worker::new(departure, decisions.clone(), pool.clone(), runner.bell(), options());
        let clock = TicketClock::new(decisions.clone());
        let clocks = Worker::new(clock, decisions.clone(), pool.clone(), runner.bell(), TicketClock::options());
        // Nothing is mailed in the moment in which it is told.
        let news = NewsClock::new(decisions.clone());
        let news = Worker::new(news, decisions.clone(), pool.clone(), Arc::default(), NewsClock::options());
        let rollback = ImportRollback::new(decisions.clone());
        let rollbacks = Worker::new(rollback, decisions, pool, runner.bell(), ImportRollback::options());
        let check = self.readiness.check("effects", Needed::Optional);
        check.ok();
        self.workers.spawn(tasks::tell_stopped(runner.stopped(), check.clone()));
        self.workers.spawn(tasks::follow(runner, check, self.working.clone()));
        self.workers.spawn(worker.run(self.working.clone()));
        self.workers.spawn(deadlines.run(self.working.clone()));
        self.workers.spawn(departures.run(self.working.clone()));
        self.workers.spawn(clocks.run(self.working.clone()));
        self.workers.spawn(news.run(self.working.clone()));
        self.workers.spawn(rollbacks.run(self.working.clone()));
        Ok(())
    }

    /// Starts what calls webhooks; `bell` tells of new work.
    async fn work_on_webhooks(
        &mut self,
        decisions: &Decisions,
        log: &Log,
        pool: &PgPool,
        bell: &Arc<Notify>,
    ) -> Result<(), Failure> {
        let unusable = |error| Failure::failed("webhooks cannot be called").because(error);
        let client = Client::new(self.shared.outbound.clone(), &[]).map_err(unusable)?;
        let key = self.vault().await?.derive(SigningSecrets::LABEL);
        let key = key.map_err(|error| Failure::failed("a key cannot be derived").because(error))?;
        let secrets = SigningSecrets::new(&key);
        let effect = WebhookEffect::new(client, secrets, decisions.clone(), log.clone(), pool.clone());
        let options = effect.options();
        let worker = Worker::new(effect, decisions.clone(), pool.clone(), Arc::clone(bell), options);
        let replay = WebhookReplay::new(decisions.clone(), log.clone(), pool.clone());
        let replays = Worker::new(replay, decisions.clone(), pool.clone(), Arc::clone(bell), Options::default());
        self.workers.spawn(worker.run(self.working.clone()));
        self.workers.spawn(replays.run(self.working.clone()));
        self.workers.spawn(forget_old_deliveries(pool.clone(), self.working.clone()));
        Ok(())
    }
}
