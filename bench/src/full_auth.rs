//! `full_auth`: commands with everything that proves who calls and what was taken back, against a token checked once.

use crate::catalogue::Choice;
use crate::identity::{Identities, TENANT};
use crate::interleave::interleave;
use crate::load::closed_loop;
use crate::load::commands::CommandingActor;
use crate::load::http::HttpClient;
use crate::report::Line;
use crate::servers::{Bench, Database};
use crate::sides::child::{Serving, Side};
use crate::sides::sillage::{Auth, Setup};
use crate::{Failure, Plan};
use serde_json::json;
use uuid::Uuid;

/// Keep-alive connections.
const CONNECTIONS: u64 = 64;
/// Sessions that were ended and members whose roles were changed within the last quarter of an hour: those of a large
/// installation on a busy morning. Every process reads all of them every second.
const TAKEN_BACK: i32 = 5_000;

/// Measures both sides, which differ in nothing but how tokens are trusted.
pub(crate) async fn run(bench: &Bench, choice: Choice, plan: Plan) -> Result<Line, Failure> {
    let identities = Identities::new()?;
    let (full, mut ours) = side(bench, &identities, "full", Auth::Full).await?;
    let (interim, mut theirs) = side(bench, &identities, "interim", Auth::Interim).await?;
    take_back(&full.database).await?;
    let rounds = interleave(
        plan,
        async |length| closed_loop::run(&mut ours, length).await,
        async |length| closed_loop::run(&mut theirs, length).await,
    )
    .await?;
    drop((ours, theirs));
    let (done, done_before) = rounds.done();
    for (served, done) in [(full, done), (interim, done_before)] {
        served.serving.stop().await?;
        served.database.holds("select count(*) from log.idempotency", done).await?;
        served.database.drop(bench).await?;
    }
    let mut line = rounds.line(choice.name(), "commands/s")?;
    line.more.insert("taken_back".into(), json!(2 * TAKEN_BACK));
    Ok(line)
}

struct Served {
    serving: Serving,
    database: Database,
}

async fn side(
    bench: &Bench,
    identities: &Identities,
    name: &str,
    auth: Auth,
) -> Result<(Served, Vec<CommandingActor>), Failure> {
    let database = bench.database(&format!("full_auth_{name}")).await?;
    let setup =
        Setup { database_url: database.url.clone(), jwks: identities.jwks(), nats_url: None, reads: false, auth };
    let serving = Serving::start(&Side::Sillage(setup), bench.folder()).await?;
    let mut actors = Vec::new();
    for _ in 0..CONNECTIONS {
        let actor = Uuid::new_v4();
        let token = match auth {
            Auth::Full => identities.session_token(actor)?,
            Auth::Interim => identities.token(actor, &[])?,
        };
        actors.push(CommandingActor::new(HttpClient::connect(serving.address, Some(&token)).await?, actor));
    }
    Ok((Served { serving, database }, actors))
}

/// What others have lost, none of those who ask here.
async fn take_back(database: &Database) -> Result<(), Failure> {
    sqlx::query(
        "insert into secrets.revocations (kind, id, in_tenant, epoch, position, needed_until) \
         select kind, gen_random_uuid()::text, case kind when 'member' then $2 else $3 end, 1, 1, \
         clock_timestamp() + interval '1 hour' from generate_series(1, $1), unnest(array['family', 'member']) as kind",
    )
    .bind(TAKEN_BACK)
    .bind(TENANT.0)
    .bind(Uuid::nil())
    .execute(&database.pool)
    .await?;
    Ok(())
}
