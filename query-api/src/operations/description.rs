//! The description of what operators look at and do.

use super::acts::{
    self, ActOnProjection, ChangeProjection, RebuildProjection, RetiredProjections, RollBackProjection, Shown,
};
use super::looks::{self, Projections};
use super::{OPERATE, READ};
use axum::http::{Method, StatusCode};
use kernel::Reach;
use platform::openapi::Operation;
use projector::compare::Differences;
use projector::operate::Named;
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
