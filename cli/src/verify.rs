//! Proves that nothing is missing or altered: the log, its mirror, every read model.

use crate::arguments::{OnDatabase, Verify};
use crate::failure::Failure;
use crate::models::projections;
use crate::operator::{Opened, open, unreadable};
use crate::proving::{Proving, Told};
use crate::terminal::print;
use event_store::Log;
use event_store::verify::{Divergence, Limits, LogVerifier, Pace, verify_mirror};
use kernel::Position;
use projector::{Projection, ProjectionStatus, naive};
use std::process::ExitCode;

/// Between two lines of progress, in events.
const TELL_EVERY: i64 = 1_000_000;

/// Where to go on reading.
pub(crate) const REMEDY: &str = "What to do: docs/runbooks/verify.md";

/// Proves everything once, or for ever. Exit 1 where something is not what it must be.
pub(crate) async fn run(arguments: &Verify) -> Result<ExitCode, Failure> {
    let opened = open(&arguments.on).await?;
    let given = arguments.nats.nats_url.as_ref().map(|url| url.expose().to_owned());
    let nats_url = given.or_else(|| opened.nats_url());
    let outcome = if arguments.continuous {
        let stop = platform::shutdown::on_signal()
            .map_err(|error| Failure::failed("signals cannot be received").because(error))?;
        let proving = Proving {
            log: opened.log_with_vault(&arguments.on).await?,
            nats_url,
            events_per_second: arguments.events_per_second.unwrap_or(5_000),
            told: Told::Terminal,
        };
        proving.run(stop).await;
        Ok(Vec::new())
    } else {
        let once = Once {
            opened: &opened,
            on: &arguments.on,
            only: &arguments.only,
            nats_url,
            rate: arguments.events_per_second,
        };
        once.everything().await
    };
    opened.close().await;
    let divergences = outcome?;
    if divergences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for divergence in &divergences {
        print(&format!("DIVERGED: {divergence}"));
    }
    print(REMEDY);
    Ok(ExitCode::FAILURE)
}

/// One proof of everything that is asked for.
struct Once<'a> {
    opened: &'a Opened,
    on: &'a OnDatabase,
    only: &'a [String],
    nats_url: Option<String>,
    rate: Option<u32>,
}

impl Once<'_> {
    /// The first divergence of each part.
    async fn everything(&self) -> Result<Vec<Divergence>, Failure> {
        let log = self.opened.log_with_vault(self.on).await?;
        let mut divergences = Vec::new();
        if self.wants("log") {
            divergences.extend(self.log(&log).await?);
            let quiet = self.opened.progress.is_quiet();
            divergences.extend(crate::archive::prove(log.pool(), None, quiet, false).await?);
            // Whatever else differs follows from it, or cannot be told.
            if !divergences.is_empty() && self.only.is_empty() {
                return Ok(divergences);
            }
        }
        if self.wants("mirror") {
            divergences.extend(self.mirror(&log).await?);
        }
        let status = projector::status(log.pool()).await.map_err(|error| unreadable(error.into()))?;
        let mut known = vec!["log", "mirror"];
        for model in projections() {
            known.push(model.name());
            if !self.wants(model.name()) {
                continue;
            }
            match status.iter().find(|one| one.serving && one.name == model.name()) {
                None => print(&format!("{}: not built yet", model.name())),
                Some(one) if one.version != model.version() => print(&format!(
                    "{}: version {} is served, this program knows {}",
                    one.name,
                    one.version,
                    model.version()
                )),
                Some(one) => divergences.extend(self.read_model(&*model, &log, one).await?),
            }
        }
        match self.only.iter().find(|part| !known.contains(&part.as_str())) {
            Some(unknown) => Err(Failure::usage(format!("there is no part {unknown:?}"))
                .remedy(format!("Parts are: {}.", known.join(", ")))),
            None => Ok(divergences),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    async fn log(&self, log: &Log) -> Result<Option<Divergence>, Failure> {
        let limits = Limits::default();
        let mut pace = Pace::new(self.rate);
        let head = log.head().await.map_err(unreadable)?.position;
        let slices = head.0.unsigned_abs() / limits.ids as u64 + 1;
        for slice in 0..slices {
            let mut verifier =
                LogVerifier::start(log, Position::ZERO, limits, (slice, slices)).await.map_err(unreadable)?;
            let first = verifier.position();
            while verifier.position() < head {
                let window = Position(head.0.min(verifier.position().0 + TELL_EVERY));
                if let Some(divergence) = verifier.read_to(window, &mut pace).await.map_err(unreadable)? {
                    return Ok(Some(divergence));
                }
                if window < head {
                    self.opened
                        .progress
                        .say(&format!("log: {window} of {head} events, pass {} of {slices}", slice + 1));
                }
            }
            if slice == 0 {
                if let Some(divergence) = verifier.finish(&mut pace).await.map_err(unreadable)? {
                    return Ok(Some(divergence));
                }
                let (events, cold) = (head.0 - first.0, first.0);
                let cold = if cold > 0 { format!(" ({cold} before them are in archives)") } else { String::new() };
                print(&format!("log: {events} events{cold} in {} streams, without a gap", verifier.streams()));
            }
        }
        Ok(None)
    }

    async fn mirror(&self, log: &Log) -> Result<Option<Divergence>, Failure> {
        let Some(nats_url) = &self.nats_url else {
            print("mirror: not looked at; NATS_URL is not set");
            return Ok(None);
        };
        let verified = verify_mirror(log, nats_url, Position::ZERO, &mut Pace::new(self.rate))
            .await
            .map_err(|error| Failure::failed("the mirror cannot be compared with the log").because(error))?;
        if verified.divergence.is_none() {
            match verified.window {
                Some((first, last)) => {
                    print(&format!("mirror: {} messages equal the log, {first} to {last}", verified.messages));
                }
                None => print("mirror: nothing in it"),
            }
        }
        Ok(verified.divergence)
    }

    async fn read_model(
        &self,
        model: &dyn Projection,
        log: &Log,
        serving: &ProjectionStatus,
    ) -> Result<Option<Divergence>, Failure> {
        self.opened.progress.say(&format!("{}: folding {} events", serving.name, serving.position));
        let (limits, mut pace) = (naive::Limits::default(), Pace::new(self.rate));
        let compared = match model.compare(log, serving.generation, limits, &mut pace).await {
            Ok(compared) => compared,
            Err(naive::CompareError::Cold(position)) => {
                print(&format!(
                    "{}: not compared; the events up to position {position} are in archives only",
                    serving.name
                ));
                return Ok(None);
            }
            Err(error) => {
                if let Some(divergence) = error.divergence(&serving.name) {
                    return Ok(Some(divergence));
                }
                return Err(Failure::failed(format!("{} cannot be compared with the log", serving.name)).because(error));
            }
        };
        if compared.divergence.is_none() {
            let (rows, position, gap) = (compared.rows, compared.position, serving.gap);
            let parked = match serving.parked_streams {
                0 => String::new(),
                parked => format!(", but for {parked} parked streams"),
            };
            print(&format!(
                "{}: {rows} rows equal the log up to position {position} ({gap} behind){parked}",
                serving.name
            ));
        }
        Ok(compared.divergence)
    }
}
