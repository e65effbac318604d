//! The command API's description, made from the commands themselves.

use crate::batch::{self, BatchCommand, BatchOutcome};
use crate::reply::CommandAnswer;
use axum::http::{Method, StatusCode};
use kernel::{Command, Scope};
use platform::openapi::{Document, Operation};
use utoipa::openapi::OpenApi;

const ABOUT: &str = "\
Commands change things. Each is one `POST` with an `Idempotency-Key`: repeat a request with the same key, path and \
body as often as you like, it has one effect and always the same answer. An answer's `position` is a consistency \
token: a query with `min_position` set to it shows the change. `If-Match: \"<version>\"` carries a command out only \
on that version. Refusals are `application/problem+json` with a stable `code`.";

/// The description of one command's route.
pub(crate) fn of<C: Command>(path: &str, prefix: &str, creates: bool, told_late_by: Option<Scope>) -> Operation {
    let operation = Operation::new(Method::POST, path, C::NAME)
        .tag(prefix.trim_start_matches('/'))
        .docs_of::<C>()
        .header_parameter::<String>(
        "Idempotency-Key",
        creates,
        "By which a repeat is known: 1 to 255 visible ASCII characters, new for each intent. \
             May be left out where If-Match is sent.",
    );
    let operation = match told_late_by {
        None => operation,
        Some(scope) => operation.header_parameter::<String>(
            "Occurred-At",
            false,
            &format!(
                "When it happened, where that is told late: an RFC 3339 time, not before 2000 and not to come. It is \
                 decided on what is so now, with that time. Takes the scope `{scope}` besides."
            ),
        ),
    };
    let operation = if creates {
        operation.response::<CommandAnswer>(StatusCode::CREATED, "It is made.").response_header::<String>(
            StatusCode::CREATED,
            "Location",
            "Where the query API shows it.",
        )
    } else {
        operation.header_parameter::<String>("If-Match", false, "The version that it must have, like `\"7\"`.")
    };
    refusals(operation.body::<C>().response::<CommandAnswer>(StatusCode::OK, "It is so."))
        .bearer(Some(C::SCOPE.as_str()))
        .reach(C::REACH)
        .problem(StatusCode::NOT_FOUND, "There is no such thing, or not for this caller.")
        .problem(StatusCode::CONFLICT, "Its state does not allow it now.")
        .problem(StatusCode::PRECONDITION_FAILED, "It has another version than If-Match says.")
}

fn refusals(operation: Operation) -> Operation {
    operation
        .problem(StatusCode::BAD_REQUEST, "The body is not the JSON that is expected, or a header is not usable.")
        .problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "A field is wrong, the business refuses it, or the key was used for another request.",
        )
        .problem(StatusCode::SERVICE_UNAVAILABLE, "The log is away or too busy: try again after Retry-After.")
}

/// The document over all commands.
pub(crate) fn document(operations: impl Iterator<Item = Operation>) -> OpenApi {
    let mut document = Document::new("Sillage commands", env!("CARGO_PKG_VERSION"), ABOUT);
    for operation in operations {
        document.operation(operation);
    }
    let batch = Operation::new(Method::POST, batch::PATH, "commands:batch")
        .tag("batch")
        .docs(
            "Carries out up to 100 commands in order. Each has a key and an outcome of its own; one that is refused \
             does not stop the others. Made for devices that were offline.",
        )
        .body::<Vec<BatchCommand>>()
        .response::<Vec<BatchOutcome>>(StatusCode::OK, "What became of each, in order.")
        .bearer(None);
    document.operation(refusals(batch));
    for file in crate::imports::operations() {
        document.operation(refusals(file));
    }
    document.build()
}
