//! `sillage heal`: after the log was adopted, everything that follows it is brought back to it.

use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::log_command::forget_mirrors;
use crate::operator::{Opened, open, unreadable};
use crate::terminal::print;
use clap::Args;
use event_store::jetstream::MirrorOptions;
use event_store::relay::RelayState;
use event_store::{Log, Relay};
use kernel::Position;
use platform::config::NatsArgs;
use projector::Operator;
use projector::acts::By;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two looks at how far the builds are.
const LOOK: Duration = Duration::from_millis(500);
/// The mirror of a young epoch is small.
const MIRROR_PATIENCE: Duration = Duration::from_mins(1);

#[derive(Args, Debug)]
pub(crate) struct Heal {
    /// Why, for the record.
    #[arg(long, default_value = "healed after the log was adopted")]
    reason: String,
    /// Who acts.
    #[arg(long, env = "USER", default_value = "unknown")]
    operator: String,
    /// How long to wait for the read models that are built again, in seconds; 0: do not.
    #[arg(long, value_name = "S", default_value_t = 3_600)]
    wait_s: u64,
    #[command(flatten)]
    nats: NatsArgs,
    #[command(flatten)]
    on: OnDatabase,
}

pub(crate) async fn run(arguments: &Heal) -> Result<ExitCode, Failure> {
    let opened = open(&arguments.on).await?;
    let healed = heal(arguments, &opened).await;
    opened.close().await;
    healed
}

async fn heal(arguments: &Heal, opened: &Opened) -> Result<ExitCode, Failure> {
    let log = opened.log();
    if !log.is_adopted().await.map_err(unreadable)? {
        return Err(Failure::failed("the server was promoted or restored, and the log was not adopted since")
            .remedy("See that no other server is written to, then `sillage log adopt --reason …`."));
    }
    let away = |error: sqlx::Error| Failure::failed("Postgres did not answer").because(error);
    let url = arguments.nats.nats_url.as_ref().map(|url| url.expose().to_owned()).or_else(|| opened.nats_url());
    if let Some(url) = url {
        mirror(&log, &url).await?;
    }
    let followers = effects::operate::mend(log.pool()).await.map_err(away)?;
    if !followers.is_empty() {
        print(&format!("go on where the histories part: {}", followers.join(", ")));
    }
    let operator = Operator::new(opened.database.probe().clone());
    let begun = Instant::now();
    loop {
        let by = By::on_the_command_line(&arguments.operator, Some(arguments.reason.clone()));
        let healing = operator.heal(by).await;
        let healing = healing.map_err(|error| Failure::failed("the read models could not be healed").because(error))?;
        for (what, which) in [
            ("still fit, and go on", &healing.fitting),
            ("built again", &healing.rebuilding),
            ("dropped", &healing.dropped),
        ] {
            if !which.is_empty() {
                print(&format!("{what}: {}", which.join(", ")));
            }
        }
        if healing.waiting.is_empty() {
            print("Everything that follows the log follows this one. `sillage verify` proves it.");
            return Ok(ExitCode::SUCCESS);
        }
        if begun.elapsed() > Duration::from_secs(arguments.wait_s) {
            print(&format!("not there yet: {}. `sillage heal` goes on from here.", healing.waiting.join(", ")));
            return Ok(ExitCode::FAILURE);
        }
        opened.progress.say(&format!("waiting for a projector to bring {}", healing.waiting.join(", ")));
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes the mirror of this epoch, publishes what it lacks in order, and deletes those of epochs that are left. One that
/// stands half way, because this was ended, is gone on with.
async fn mirror(log: &Log, url: &str) -> Result<(), Failure> {
    let head = log.head().await.map_err(unreadable)?;
    let (_bell, doorbell) = watch::channel(Position::ZERO);
    let relay = Relay::new(log.clone(), MirrorOptions::new(url), doorbell);
    let (mut state, stop) = (relay.state(), CancellationToken::new());
    let running = tokio::spawn(relay.run(stop.clone()));
    let settled = state.wait_for(|state| match state {
        RelayState::Relaying(at) => *at >= head.position,
        RelayState::Diverged(_) => true,
        RelayState::Connecting | RelayState::Away(_) => false,
    });
    let settled = tokio::time::timeout(MIRROR_PATIENCE, settled).await;
    let outcome = match settled {
        Ok(Ok(state)) => match &*state {
            RelayState::Diverged(reason) => Err(Failure::failed(format!("LOG_DIVERGED: {reason}"))
                .remedy("The mirror has seen what the log has lost: `sillage log adopt --reason …` first.")),
            RelayState::Connecting | RelayState::Relaying(_) | RelayState::Away(_) => Ok(()),
        },
        _ => Err(Failure::failed("NATS does not take the mirror")
            .remedy("Without NATS: see that it runs, or unset NATS_URL.")),
    };
    stop.cancel();
    // It publishes what is in hand.
    let _ = running.await;
    outcome?;
    let forgotten = forget_mirrors(url, &head).await;
    print(&format!("the mirror is at position {}; {forgotten} of earlier epochs deleted", head.position));
    Ok(())
}
