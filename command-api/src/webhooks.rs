//! The HTTP face of webhooks, and what their commands have besides: where they lead is looked at before, and a new secret is
//! shown once.

use crate::execute::{Asked, Services, execute, load_problem, vault_problem};
use crate::reply::Reply;
use crate::routes::CommandRoutes;
use axum::http::StatusCode;
use domain::notifications::webhook::{
    ChangeWebhook, DisableWebhook, EnableWebhook, RedeliverWebhook, RegisterWebhook, RemoveWebhook, ReplayWebhook,
    RotateWebhookSecret, TestWebhook, Webhook, WebhookUrl,
};
use kernel::Command;
use platform::Problem;
use platform::auth::SigningSecrets;
use platform::outbound::{Forbidden, Unreachable};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/notifications")
        .create_webhook::<RegisterWebhook>("/webhooks")
        .on_webhook::<ChangeWebhook>("/webhooks/{webhook_id}/change")
        .on_webhook::<RotateWebhookSecret>("/webhooks/{webhook_id}/rotate-secret")
        .on_webhook::<EnableWebhook>("/webhooks/{webhook_id}/enable")
        .on_webhook::<DisableWebhook>("/webhooks/{webhook_id}/disable")
        .on_webhook::<RemoveWebhook>("/webhooks/{webhook_id}/remove")
        .on_webhook::<TestWebhook>("/webhooks/{webhook_id}/test")
        .on_webhook::<RedeliverWebhook>("/webhooks/{webhook_id}/redeliver")
        .on_webhook::<ReplayWebhook>("/webhooks/{webhook_id}/replay")
}

/// A command about a webhook. The worker that calls webhooks disables them elsewhere, so what is remembered of one may be old.
pub(crate) trait AboutWebhook: Command {
    /// Where it is to be called from now on, where the command says so.
    fn url(&self) -> Option<&WebhookUrl> {
        None
    }
    /// Whether its answer shows a new secret.
    const SHOWS_SECRET: bool = false;
}

impl AboutWebhook for RegisterWebhook {
    fn url(&self) -> Option<&WebhookUrl> {
        Some(&self.url)
    }

    const SHOWS_SECRET: bool = true;
}

impl AboutWebhook for ChangeWebhook {
    fn url(&self) -> Option<&WebhookUrl> {
        Some(&self.url)
    }
}

impl AboutWebhook for RotateWebhookSecret {
    const SHOWS_SECRET: bool = true;
}

impl AboutWebhook for EnableWebhook {}
impl AboutWebhook for DisableWebhook {}
impl AboutWebhook for RemoveWebhook {}
impl AboutWebhook for TestWebhook {}
impl AboutWebhook for RedeliverWebhook {}
impl AboutWebhook for ReplayWebhook {}

/// Carries out a command about a webhook.
pub(crate) async fn execute_about_webhook<C: AboutWebhook>(
    services: &Services,
    asked: &Asked<'_>,
) -> Result<Reply, Problem> {
    asked.log.operation(C::NAME);
    asked.identity.require(C::SCOPE)?;
    let command: C = platform::json::parse_bytes(asked.body)?;
    if let Some(url) = command.url() {
        look_at(services, url).await?;
    }
    let tenant_id = asked.identity.tenant_id;
    let reply = execute::<C>(services, asked).await?;
    if !C::SHOWS_SECRET {
        return Ok(reply);
    }
    let webhook_id = reply.answer.stream_id;
    let loaded = services.decisions().states().load_again::<Webhook>(tenant_id, webhook_id).await;
    let loaded = loaded.map_err(|error| load_problem(&error))?;
    // A repeat shows it again for as long as nothing else has happened to the webhook: the answer may have been lost.
    let Some(facts) = loaded.state.facts().filter(|_| loaded.version == reply.answer.version) else { return Ok(reply) };
    let key = services.decisions().vault().derive(SigningSecrets::LABEL).map_err(|error| vault_problem(&error))?;
    let secret = SigningSecrets::new(&key).of(tenant_id, webhook_id, facts.secret_id.0).expose();
    Ok(Reply { secret: Some(secret), ..reply })
}

/// Refuses what must not be called. What cannot be found now is taken: every call looks again.
async fn look_at(services: &Services, url: &WebhookUrl) -> Result<(), Problem> {
    match services.outbound().check(url.as_str()).await {
        Ok(_) | Err(Unreachable::Unknown(_)) => Ok(()),
        Err(Unreachable::Forbidden(forbidden)) => Err(forbidden_target(&forbidden)),
    }
}

fn forbidden_target(forbidden: &Forbidden) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "webhook_target_forbidden", "The address may not be called")
        .detail(forbidden.to_string())
        .remedy(
            "Give an https:// address on port 443, 4443 or 8443 that leads to the open Internet, without a name or password \
             in it. An operator can allow others with --webhook-allow.",
        )
}
