//! Every route of both APIs, read from their descriptions: a new one is covered without a word here.

use serde_json::Value;

/// One route.
pub(crate) struct Operation {
    /// With its parameter: `/v1/support/tickets/{ticket_id}`.
    pub(crate) path: String,
    /// `support.get_ticket`.
    pub(crate) id: String,
    /// The names of its query parameters.
    parameters: Vec<String>,
}

impl Operation {
    /// Whether the path names a thing.
    pub(crate) fn has_target(&self) -> bool {
        self.path.contains('{')
    }

    /// The name of the path's parameter: `ticket_id`.
    pub(crate) fn target(&self) -> Option<&str> {
        self.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name)
    }

    /// The path with this id in it.
    pub(crate) fn at(&self, id: &str) -> String {
        match (self.path.split_once('{'), self.path.split_once('}')) {
            (Some((before, _)), Some((_, after))) => format!("{before}{id}{after}"),
            _ => self.path.clone(),
        }
    }

    /// Whether it answers a page of rows.
    pub(crate) fn is_list(&self) -> bool {
        self.takes("limit")
    }

    /// Whether it knows this query parameter.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| known == parameter)
    }

    /// The filters of a list.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &String> {
        const NO_FILTERS: [&str; 5] = ["sort", "limit", "cursor", "min_position", "as_of"];
        self.parameters.iter().filter(|name| !NO_FILTERS.contains(&name.as_str()))
    }
}

/// Every route of the command API; the batch endpoint too.
pub(crate) fn commands() -> Vec<Operation> {
    operations(&serde_json::to_value(command_api::openapi()).expect("a description is JSON"), "post")
}

/// Every route of the query API that shows a tenant's data.
pub(crate) fn queries() -> Vec<Operation> {
    let mut queries = operations(&serde_json::to_value(query_api::openapi()).expect("a description is JSON"), "get");
    // The labels are no tenant's, and a stream never ends.
    queries.retain(|query| !["labels", "analyst.stream_events"].contains(&query.id.as_str()));
    queries
}

fn operations(document: &Value, method: &str) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    let found: Vec<Operation> = paths.iter().map(|(path, methods)| operation(path, &methods[method])).collect();
    assert!(found.len() > 12, "the description is read");
    found
}

fn operation(path: &str, operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter(|parameter| parameter["in"] == "query");
    Operation {
        path: path.to_owned(),
        id: operation["operationId"].as_str().expect("an operation id").to_owned(),
        parameters: parameters.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect(),
    }
}
