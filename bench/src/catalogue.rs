//! What there is to measure, and under which name.

use clap::ValueEnum;

/// A benchmark, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Choice {
    /// Every benchmark below.
    All,
    /// The appender with one writer against one INSERT per transaction.
    #[value(name = "store_append_1")]
    StoreAppend1,
    /// The appender with 8 writers against one INSERT per transaction.
    #[value(name = "store_append_8")]
    StoreAppend8,
    /// The appender with 64 writers against one INSERT per transaction.
    #[value(name = "store_append_64")]
    StoreAppend64,
    /// Commands over HTTP with 64 connections against one INSERT per request.
    #[value(name = "http_command_64")]
    HttpCommand64,
    /// The same with the relay to NATS beside it.
    #[value(name = "http_command_64_relayed")]
    HttpCommand64Relayed,
    /// Commands with everything that proves who calls against a token that is checked once.
    #[value(name = "full_auth")]
    FullAuth,
    /// Log, fold, rows by the projector's catch-up against COPY BINARY of the payloads.
    #[value(name = "fold_rows")]
    FoldRows,
    /// Tickets built beside, compared and switched, from a million mixed events, against COPY BINARY of the payloads.
    #[value(name = "rebuild_tickets")]
    RebuildTickets,
    /// The same with doors.
    #[value(name = "rebuild_doors")]
    RebuildDoors,
    /// Commands and reads while read models are rebuilt, switched and rolled back, against the same in the quiet.
    #[value(name = "rebuild_under_load")]
    RebuildUnderLoad,
    /// A simple read model following the log in batches of 1,000 against a bare fold with UNNEST upserts; its lag.
    #[value(name = "live_projection")]
    LiveProjection,
    /// The proof that the log is whole against COPY BINARY of the columns it looks at.
    #[value(name = "verify_log")]
    VerifyLog,
    /// The whole log as typed Parquet files against COPY BINARY of the payloads.
    #[value(name = "export_parquet")]
    ExportParquet,
    /// A ticket of 1,000 events as of its end, over HTTP, against reading its events as rows.
    #[value(name = "as_of_1000")]
    AsOf1000,
    /// From the answer to a command until every read model shows it, at 500 commands per second.
    #[value(name = "visible_latency")]
    VisibleLatency,
    /// The same while NATS is stopped.
    #[value(name = "visible_latency_without_nats")]
    VisibleLatencyWithoutNats,
    /// One ticket by its id with 64 connections against one row of JSON by primary key.
    #[value(name = "get_by_id")]
    GetById,
    /// The same with 16 connections.
    #[value(name = "get_by_id_16")]
    GetById16,
    /// The list of a tenant with a million tickets, filtered, searched and paged, and details, against a page by hand-written SQL.
    #[value(name = "ticket_list")]
    TicketList,
    /// One row by its id under row level security with 16 connections against the same without it.
    #[value(name = "rls_get_by_id")]
    RlsGetById,
}

impl Choice {
    /// The name in reports, which others' scripts know.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// The benchmarks that these names stand for, each once, in the order in which they are run.
pub(crate) fn chosen(names: &[Choice]) -> Vec<Choice> {
    let all = names.contains(&Choice::All);
    Choice::value_variants().iter().copied().filter(|c| *c != Choice::All && (all || names.contains(c))).collect()
}

/// Prints the names.
pub(crate) fn list() {
    for choice in Choice::value_variants() {
        if let Some(value) = choice.to_possible_value() {
            println!("{:<30} {}", value.get_name(), value.get_help().map(ToString::to_string).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_scripts_know_stay() {
        let names: Vec<String> = chosen(&[Choice::All]).into_iter().map(Choice::name).collect();
        for known in [
            "store_append_1",
            "store_append_64",
            "http_command_64",
            "fold_rows",
            "verify_log",
            "visible_latency",
            "visible_latency_without_nats",
            "get_by_id",
            "export_parquet",
            "as_of_1000",
            "rebuild_tickets",
            "rebuild_doors",
            "rebuild_under_load",
            "live_projection",
            "full_auth",
            "ticket_list",
        ] {
            assert!(names.iter().any(|name| name == known), "{known} is gone");
        }
    }

    #[test]
    fn a_name_given_twice_is_measured_once() {
        let twice = [Choice::StoreAppend8, Choice::StoreAppend1, Choice::StoreAppend8];
        assert_eq!(chosen(&twice), [Choice::StoreAppend1, Choice::StoreAppend8]);
    }
}
