//! `sillage config check`: every setting, where it comes from, and what is wrong.

use crate::arguments::{ConfigCheck, Sillage};
use crate::failure::Failure;
use crate::postgres::Database;
use crate::terminal::{Progress, print, table};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};
use std::process::ExitCode;
use std::time::Duration;

/// Settings that the check itself has.
const OWN: [&str; 2] = ["connect", "help"];

/// Prints the settings of `sillage up` as they are, and what is wrong; exit 1 if something is.
pub(crate) async fn run(check: &ConfigCheck, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Some(("config", config)) = matches.subcommand() else { return Ok(ExitCode::SUCCESS) };
    let Some(("check", given)) = config.subcommand() else { return Ok(ExitCode::SUCCESS) };
    print(&table(["SETTING", "VALUE", "FROM"], &settings(given)));
    let mut findings = check.up.findings();
    if check.connect && findings.is_empty() {
        findings.extend(connect(check).await.err().map(|failure| failure.to_string()));
    }
    if findings.is_empty() {
        print("\nNothing is wrong.");
        return Ok(ExitCode::SUCCESS);
    }
    print(&format!("\nWrong:\n  {}", findings.join("\n  ")));
    Ok(ExitCode::FAILURE)
}

async fn connect(check: &ConfigCheck) -> Result<(), Failure> {
    let Some(url) = &check.up.database.database_url else { return Ok(()) };
    let allow_unsafe = check.up.start.allow_unsafe_postgres;
    Database::open(url.expose(), Duration::from_secs(5), allow_unsafe, &Progress::new(true)).await.map(drop)
}

fn settings(given: &ArgMatches) -> Vec<[String; 3]> {
    let mut root = Sillage::command();
    root.build();
    let Some(check) = root.find_subcommand("config").and_then(|config| config.find_subcommand("check")) else {
        return Vec::new();
    };
    let wanted = check.get_arguments().filter(|argument| !OWN.contains(&argument.get_id().as_str()));
    let rows = wanted.map(|argument| {
        let id = argument.get_id().as_str();
        let values = given.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        let values: Vec<String> = values.collect();
        let value = match values.first() {
            None => "-".to_owned(),
            Some(value) if argument.is_hide_env_values_set() => redacted(value),
            Some(value) => value.clone(),
        };
        let from = match given.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            _ => "default",
        };
        let name = argument.get_env().map_or_else(|| id.to_owned(), |name| name.to_string_lossy().into_owned());
        [name, value, from.to_owned()]
    });
    rows.collect()
}

/// URLs without their passwords; whatever else it is, nothing of it.
fn redacted(text: &str) -> String {
    const HIDDEN: &str = "‹redacted›";
    let one = |url: &str| {
        let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
        let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?‹redacted›"));
        let Some((user, place)) = rest.rsplit_once('@') else { return format!("{scheme}://{rest}{query}") };
        let user = match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}"),
            // A name alone may be a token, as NATS has them.
            None if scheme.starts_with("postgres") => user.to_owned(),
            None => HIDDEN.to_owned(),
        };
        format!("{scheme}://{user}@{place}{query}")
    };
    text.split(',').map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        for (text, shown) in [
            ("postgres://u:p@ss@h:5432/d?sslmode=require", "postgres://u:‹redacted›@h:5432/d?‹redacted›"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("nats://token@h:4222,nats://h2:4222", "nats://‹redacted›@h:4222,nats://h2:4222"),
            ("hunter2", "‹redacted›"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }
}
