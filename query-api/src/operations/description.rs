//! The description of what operators look at and do.

use super::acts::{
    self, ActOnProjection, ChangeProjection, RebuildProjection, RetiredProjections, RollBackProjection, Shown,
};
use super::log::{self, Archives};
use super::looks::{self, Projections};
use super::parked::{self, ParkedStreamShown, ParkedStreams, ResumeParkedStream, SkipParkedEvent};
use super::parts::{self, HealProjection, MergeProjection, ProjectionParts, SplitProjection};
use super::{LOG, LogStanding, OPERATE, READ};
use axum::http::{Method, StatusCode};
use kernel::Reach;
use kernel::TenantId;
use platform::openapi::Operation;
use projector::compare::Differences;
use projector::heal::Healing;
use projector::operate::Named;
use projector::parking::Skipped;
use projector::resume::Resumed;
use utoipa::ToSchema;

fn operation(method: Method, path: &str, id: &str, docs: &str) -> Operation {
    Operation::new(method, path, id)
        .docs(docs)
        .reach(Reach::All)
        .problem(StatusCode::BAD_REQUEST, "A parameter or the body is not usable.")
        .problem(StatusCode::NOT_FOUND, "There is no such read model or generation, or not for this caller.")
        .problem(StatusCode::NOT_IMPLEMENTED, "`operations_unavailable`: this server does not own the tables.")
        .problem(StatusCode::SERVICE_UNAVAILABLE, "The database is away: try again after Retry-After.")
}

fn look(path: &str, id: &str, docs: &str) -> Operation {
    operation(Method::GET, path, id, docs).bearer(Some(READ.as_str()))
}

fn named(operation: Operation) -> Operation {
    operation.path_parameter::<String>("name", "The read model: `support.tickets`.")
}

fn act<B: ToSchema>(path: &str, id: &str, docs: &str) -> Operation {
    named(operation(Method::POST, path, id, docs))
        .body::<B>()
        .problem(StatusCode::CONFLICT, "It makes no sense as things stand; the remedy says what does.")
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "The body is not valid.")
        .bearer(Some(OPERATE.as_str()))
}

/// `GET /v1/operations/projections`
pub(super) fn list(path: &str) -> Operation {
    look(path, looks::LIST, "Every generation of every read model: state, position, gap, lag, and how builds go.")
        .response::<Projections>(StatusCode::OK, "All of them.")
}

/// `GET /v1/operations/projections/{name}`
pub(super) fn one(path: &str) -> Operation {
    named(look(path, looks::ONE, "The generations of one read model."))
        .response::<Projections>(StatusCode::OK, "All that are not gone.")
}

/// `GET /v1/operations/projections/{name}/comparison`
pub(super) fn comparison(path: &str) -> Operation {
    let docs = "What readers would see otherwise: a generation compared with the one that they see.\n\n\
        Rows are counted and hashed in one snapshot, and every row that differs is found. Takes as long as both tables are \
        large.";
    named(look(path, looks::COMPARISON, docs))
        .query_parameter::<i32>("generation", false, "Which; the newest that readers do not see unless said.")
        .query_parameter::<i64>(
            "samples",
            false,
            "Rows that differ, shown field by field: 0 to 100. With the scope `analyst.tenants:read`: they are rows of any \
             tenant.",
        )
        .response::<Differences>(StatusCode::OK, "What differs.")
        .problem(StatusCode::CONFLICT, "`not_comparable`: it is not built yet, or its key is another.")
}

/// `POST …/rebuild`
pub(super) fn rebuild(path: &str) -> Operation {
    let docs = "Asks for a new generation, built beside the one that readers see.\n\n\
        A projector builds it; the read model's status tells how it goes. Asked again while one is built, it is 409.";
    act::<RebuildProjection>(path, acts::REBUILD, docs).response::<Named>(StatusCode::ACCEPTED, "It will be built.")
}

/// `POST …/pause`
pub(super) fn pause(path: &str) -> Operation {
    act::<ActOnProjection>(path, acts::PAUSE, "Stops folding a generation that readers do not see, for the time being.")
        .response::<Named>(StatusCode::OK, "It stands still within a second.")
}

/// `POST …/resume`
pub(super) fn resume(path: &str) -> Operation {
    act::<ActOnProjection>(path, acts::RESUME, "Goes on with a generation that was paused.")
        .response::<Named>(StatusCode::OK, "It goes on.")
}

/// `POST …/change`
pub(super) fn change(path: &str) -> Operation {
    act::<ChangeProjection>(path, acts::CHANGE, "Changes how a generation is built and switched.")
        .response::<Named>(StatusCode::OK, "It is changed.")
}

/// `POST …/cancel`
pub(super) fn cancel(path: &str) -> Operation {
    act::<ActOnProjection>(
        path,
        acts::CANCEL,
        "Gives up a generation that readers have never seen; its table is dropped.",
    )
    .response::<Named>(StatusCode::OK, "It is given up.")
}

/// `POST …/switch`
pub(super) fn switch(path: &str) -> Operation {
    let docs = "Shows readers a generation in place of the one they see, which is kept.\n\n\
        Nobody who waited for a position is shown less. Compare them first.";
    act::<ActOnProjection>(path, acts::SWITCH, docs).response::<Shown>(StatusCode::OK, "Readers see it.")
}

/// `POST …/rollback`
pub(super) fn rollback(path: &str) -> Operation {
    act::<RollBackProjection>(path, acts::ROLLBACK, "Shows readers the generation again that they saw before.")
        .response::<Shown>(StatusCode::OK, "Readers see it again.")
}

/// `POST …/retire`
pub(super) fn retire(path: &str) -> Operation {
    let docs = "Drops what readers no longer see: the generation named, or all that are kept.";
    act::<ActOnProjection>(path, acts::RETIRE, docs)
        .component::<Named>()
        .response::<RetiredProjections>(StatusCode::OK, "Their tables are dropped.")
}

/// `GET …/parts`
pub(super) fn parts(path: &str) -> Operation {
    named(look(path, parts::PARTS, "The parts of a read model that several processes fold; none where it is whole."))
        .response::<ProjectionParts>(StatusCode::OK, "All of them.")
}

/// `POST …/split`
pub(super) fn split(path: &str) -> Operation {
    let docs = "Splits a read model by its rows' keys into parts that several processes fold, from where it is. Readers \
        notice nothing.";
    act::<SplitProjection>(path, parts::SPLIT, docs).response::<Named>(StatusCode::OK, "It is folded in parts.")
}

/// `POST …/merge`
pub(super) fn merge(path: &str) -> Operation {
    act::<MergeProjection>(path, parts::MERGE, "Makes the parts of a read model one again.")
        .response::<Named>(StatusCode::OK, "It is one again.")
}

/// `POST …/heal`
pub(super) fn heal(path: &str) -> Operation {
    let docs = "Brings a read model back to a log that was adopted after a failover: generations that fit go on, one that \
        does not is built again and then dropped.\n\n\
        It does what can be done now: ask again until nothing is `waiting`. `sillage heal` does the same for all, and mends \
        the mirror and those who act on events.";
    act::<HealProjection>(path, parts::HEAL, docs).response::<Healing>(StatusCode::OK, "How it goes.")
}

fn of_stream(operation: Operation) -> Operation {
    operation.path_parameter::<String>("stream_id", "The id of the parked stream.")
}

/// `GET …/parked-streams`
pub(super) fn parked(path: &str) -> Operation {
    let docs = "The streams that a read model cannot go on with: from where, why, and how many events wait.";
    named(look(path, parked::LIST, docs)).response::<ParkedStreams>(StatusCode::OK, "All of them.")
}

/// `GET …/parked-streams/{stream_id}`
pub(super) fn parked_one(path: &str) -> Operation {
    of_stream(named(look(path, parked::ONE, "A parked stream, and the events that wait in it, in order.")))
        .query_parameter::<i32>(
            "generation",
            false,
            "Which; where several have parked it, the one that readers are shown.",
        )
        .query_parameter::<TenantId>("tenant_id", false, "Whose, where two tenants have a stream of that id.")
        .response::<ParkedStreamShown>(StatusCode::OK, "Why, since when, and what waits.")
        .problem(StatusCode::CONFLICT, "`several_streams`: name the tenant or the generation.")
}

/// `POST …/parked-streams/{stream_id}/resume`
pub(super) fn resume_parked(path: &str) -> Operation {
    let docs = "Folds the events that wait, in order, by the code of this server, and lets the stream go on. It stops at the \
        first that still cannot be folded, and says why.\n\n\
        With `dry_run` it is tried and taken back. Some rows before and after are shown with the scope \
        `analyst.tenants:read`: they are rows of any tenant.";
    of_stream(act::<ResumeParkedStream>(path, parked::RESUME, docs))
        .response::<Resumed>(StatusCode::OK, "What was done, and where it stopped.")
}

/// `POST …/parked-streams/{stream_id}/skip`
pub(super) fn skip_parked(path: &str) -> Operation {
    let docs = "Takes the first event that waits out of this generation of the read model, for good: a table that differs \
        from the log, on purpose. One event at a time, with a reason.";
    of_stream(act::<SkipParkedEvent>(path, parked::SKIP, docs))
        .response::<Skipped>(StatusCode::OK, "It is skipped; what waits first now.")
}

/// `GET /v1/operations/log`
pub(super) fn log(path: &str) -> Operation {
    let docs =
        "Which log this is, whether this server may go on with it, and who follows another one (`LOG_DIVERGED`).";
    operation(Method::GET, path, log::STATUS, docs)
        .bearer(Some(LOG.as_str()))
        .response::<LogStanding>(StatusCode::OK, "How it stands.")
}

/// `GET /v1/operations/archives`
pub(super) fn archives(path: &str) -> Operation {
    operation(Method::GET, path, log::ARCHIVES, "The stretches of the log that are in files.")
        .bearer(Some(LOG.as_str()))
        .response::<Archives>(StatusCode::OK, "Oldest first.")
}
