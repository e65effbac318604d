//! `http_command_64`: commands over HTTP, with everything that belongs to them, against one INSERT per request.

use crate::catalogue::Choice;
use crate::identity::Identities;
use crate::interleave::interleave;
use crate::load::closed_loop::{self, Worker};
use crate::load::commands::CommandingActor;
use crate::load::http::HttpClient;
use crate::notes::{self, Streams};
use crate::report::Line;
use crate::servers::Bench;
use crate::sides::child::{Serving, Side};
use crate::sides::{baseline_events, sillage};
use crate::{Failure, Plan};
use serde_json::json;
use uuid::Uuid;

/// Keep-alive connections.
const CONNECTIONS: u64 = 64;

impl Worker for CommandingActor {
    async fn once(&mut self) -> Result<(), Failure> {
        self.next().await.map(drop)
    }
}

struct Posting {
    client: HttpClient,
    streams: Streams,
}

impl Worker for Posting {
    async fn once(&mut self) -> Result<(), Failure> {
        let (stream_id, version) = self.streams.next();
        let body = notes::body(stream_id, version + 1);
        self.client.post("/events", body.as_bytes(), false).await?.success().map(drop)
    }
}

/// Measures both sides; `relayed`: with the relay beside the commands, as where NATS is in use.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan, relayed: bool) -> Result<Line, Failure> {
    let subject = bench.database(&format!("{}_subject", choice.name())).await?;
    let baseline = bench.database(&format!("{}_baseline", choice.name())).await?;
    baseline_events::create(&baseline).await?;
    let identities = Identities::new()?;
    let setup = sillage::Setup {
        database_url: subject.url.clone(),
        jwks: identities.jwks(),
        nats_url: if relayed { bench.servers.nats_url.clone() } else { None },
        reads: false,
        auth: sillage::Auth::Interim,
    };
    let sillage = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    let minimal = Serving::start(&Side::Insert { database_url: baseline.url.clone() }, bench.folder()).await?;
    let (mut commanding, mut posting) = (Vec::new(), Vec::new());
    for seed in 1..=CONNECTIONS {
        let actor = Uuid::new_v4();
        let client = HttpClient::connect(sillage.address, Some(&identities.token(actor, &[])?)).await?;
        commanding.push(CommandingActor::new(client, actor));
        let client = HttpClient::connect(minimal.address, None).await?;
        posting.push(Posting { client, streams: Streams::new(seed) });
    }
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut commanding, length).await,
        async |length| closed_loop::run(&mut posting, length).await,
    )
    .await?;
    drop((commanding, posting));
    sillage.stop().await?;
    minimal.stop().await?;
    let (commanded, inserted) = rounds.done();
    subject.holds("select count(*) from log.idempotency", commanded).await?;
    subject.holds("select count(distinct command_id) from log.events", commanded).await?;
    baseline.holds("select count(*) from baseline.events", inserted).await?;
    subject.drop(bench).await?;
    baseline.drop(bench).await?;
    let mut line = rounds.line(choice.name(), "commands/s")?;
    line.more.insert("relayed".into(), json!(relayed));
    Ok(line)
}
