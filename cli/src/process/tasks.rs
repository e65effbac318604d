//! What goes on in a process besides answering: folding, following, and telling the checks how it goes.

use crate::failure::Failure;
use crate::models::projections;
use effects::Runner;
use event_store::Tail;
use event_store::relay::RelayState;
use file_store::Store;
use kernel::Epoch;
use platform::admin::Check;
use projector::{Options, Projector, RunError, SwitchMode};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Pause before a projector that could not declare its read models tries again.
const PROJECTOR_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at the file store.
const FILES_PAUSE: Duration = Duration::from_secs(15);

/// Folds until told to stop. What Postgres would not do (it may be going away or coming up) is tried again; a log that has
/// diverged is waited for until somebody adopts it; what would be wrong is not.
pub(super) async fn project(
    tail: Tail,
    switch: SwitchMode,
    check: Check,
    failed: watch::Sender<Option<String>>,
    working: CancellationToken,
) {
    loop {
        let epoch = epoch_of(&tail).await;
        let projector = Projector::new(tail.clone(), projections(), Options { switch, ..Options::default() });
        let Err(error) = projector.run(working.clone()).await else { return };
        let (passes, diverged) = (matches!(error, RunError::Declare(_)), error.is_divergence());
        let reason = Failure::failed("the projector has ended").because(error).to_string();
        check.failing(reason.clone());
        if !passes && !diverged {
            failed.send_replace(Some(reason));
            return;
        }
        loop {
            if working.run_until_cancelled(tokio::time::sleep(PROJECTOR_PAUSE)).await.is_none() {
                return;
            }
            if !diverged || (tail.divergence().is_none() && epoch_of(&tail).await != epoch) {
                break;
            }
        }
        check.ok();
    }
}

/// In which life the log is; `None` while that cannot be told.
async fn epoch_of(tail: &Tail) -> Option<Epoch> {
    tail.log().head().await.ok().map(|head| head.epoch)
}

/// Runs the followers until told to stop. A log that has diverged is waited for until somebody adopts it.
pub(super) async fn follow(runner: Runner, check: Check, working: CancellationToken) {
    while let Err(error) = runner.run(working.clone()).await {
        check.failing(Failure::failed("reactors and outbox have ended").because(error).to_string());
        runner.until_mended(&working).await;
        check.ok();
    }
}

/// Shows whether the file store answers.
pub(super) async fn probe_files(store: Store, check: Check, working: CancellationToken) {
    loop {
        match store.probe().await {
            Ok(()) => check.ok(),
            Err(error) => check.failing(Failure::failed("the file store does not answer").because(error).to_string()),
        }
        if working.run_until_cancelled(tokio::time::sleep(FILES_PAUSE)).await.is_none() {
            return;
        }
    }
}

/// Shows which followers stand before an event that they cannot act on.
pub(super) async fn tell_stopped(mut stopped: watch::Receiver<Vec<String>>, check: Check) {
    while stopped.changed().await.is_ok() {
        let names = stopped.borrow_and_update().join(", ");
        if names.is_empty() {
            check.ok();
        } else {
            check.failing(format!("stopped before an event that cannot be acted on: {names}"));
        }
    }
}

/// Shows how the relay stands.
pub(super) fn tell_relay(check: &Check, state: &RelayState) {
    match state {
        // Usually over in a moment; not known is not well either.
        RelayState::Connecting => {}
        RelayState::Relaying(_) => check.ok(),
        RelayState::Away(reason) => check.failing(format!("NATS is away: {reason}")),
        RelayState::Diverged(reason) => check.failing(format!("LOG_DIVERGED: {reason}")),
    }
}
