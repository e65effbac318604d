//! `sillage import`: tickets and articles from files of other desks, looked at first, brought in, and taken out again. Over HTTP,
//! as an administrator of the tenant or of its support.

use crate::doors::{Caller, Session, There, Unanswered, text};
use crate::export::files::sha256;
use crate::failure::Failure;
use crate::terminal::{Meter, print, print_json, table};
use clap::{Args, Subcommand};
use reqwest::Url;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// Problems that are printed, one by one.
const MOST_PROBLEMS: usize = 20;
/// How often a rollback is looked at.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Subcommand, Debug)]
pub(crate) enum ImportCommand {
    /// Imports tickets from a CSV or NDJSON file. Says first what it would do.
    Tickets(Box<FromFile>),
    /// Imports articles of the knowledge base from a CSV or NDJSON file.
    Articles(Box<FromFile>),
    /// Prints how far an import has come, and why rows were refused; all imports where none is named.
    Show(Box<Show>),
    /// Undoes what an import has made, but for what somebody has worked on since.
    Rollback(Box<Rollback>),
}

#[derive(Args, Debug)]
pub(crate) struct FromFile {
    /// The file: .csv with a header, or .ndjson or .jsonl with an object per line. UTF-8.
    file: PathBuf,
    /// Only says what it would do, and changes nothing.
    #[arg(long)]
    preview: bool,
    /// Asks nothing.
    #[arg(long)]
    yes: bool,
    /// Once more, also where the same file was imported and rolled back before.
    #[arg(long)]
    again: bool,
    /// Where times are meant that say no zone.
    #[arg(long, value_name = "ZONE", default_value = "Europe/Paris")]
    time_zone: String,
    #[command(flatten)]
    there: There,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The import.
    import: Option<Uuid>,
    #[command(flatten)]
    there: There,
}

#[derive(Args, Debug)]
pub(crate) struct Rollback {
    /// The import.
    import: Uuid,
    /// Asks nothing.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    there: There,
}

pub(crate) async fn run(command: &ImportCommand) -> Result<(), Failure> {
    match command {
        ImportCommand::Tickets(wanted) => from_file("tickets", wanted).await,
        ImportCommand::Articles(wanted) => from_file("articles", wanted).await,
        ImportCommand::Show(wanted) => show(wanted).await,
        ImportCommand::Rollback(wanted) => roll_back(wanted).await,
    }
}

async fn from_file(kind: &str, wanted: &FromFile) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.there.acting)?;
    let session = caller.in_tenant(wanted.there.tenant.as_ref()).await?;
    let media_type = media_type(&wanted.file)?;
    let bytes = std::fs::read(&wanted.file)
        .map_err(|error| Failure::failed(format!("{} cannot be read", wanted.file.display())).because(error))?;
    let question = question(kind, wanted);
    let file = || bytes.clone();
    let preview = format!("/v1/support/imports/preview?{question}");
    let told = session.hand_over(&preview, media_type, file(), None).await?;
    if wanted.there.json && wanted.preview {
        print_json(&told);
        return Ok(());
    }
    if !wanted.there.json {
        print(&preview_text(&told));
    }
    if wanted.preview {
        return Ok(());
    }
    let usable = told["usable"].as_i64().unwrap_or_default();
    if usable == 0 {
        return Err(
            Failure::failed("no row can be imported").remedy("Correct the file, and look at it again with --preview.")
        );
    }
    if !wanted.yes && !agreed(&format!("Import {usable} {kind}?"))? {
        return Err(Failure::failed("nothing was imported"));
    }
    // The same file is the same import: a command that was killed goes on where it was.
    let once = if wanted.again { format!("-{}", Uuid::now_v7()) } else { String::new() };
    let key = format!("{kind}-{}{once}", sha256(&bytes));
    let meter = Meter::new("importing", "rows", told["rows"].as_i64().unwrap_or_default(), wanted.there.json);
    let path = format!("/v1/support/imports?{question}");
    let done = loop {
        let answer = session.hand_over(&path, media_type, file(), Some(key.clone())).await.map_err(rolled_back)?;
        meter.at(answer["done"].as_i64().unwrap_or_default());
        if answer["status"] != "running" {
            break answer;
        }
    };
    meter.end();
    if wanted.there.json {
        print_json(&done);
        return Ok(());
    }
    let (import, count) = (text(&done, "import_id"), |field: &str| done[field].as_i64().unwrap_or_default());
    print(&format!(
        "{} {kind} imported, {} rows refused. Import {import}.\n`sillage import show {import}` tells why; `sillage import \
         rollback {import}` undoes it.",
        count("accepted"),
        count("refused"),
    ));
    Ok(())
}

/// An import that was rolled back is not begun again by accident.
fn rolled_back(unanswered: Unanswered) -> Failure {
    match unanswered {
        Unanswered::Refused(refused) if refused.code == "support.import_rolled_back" => {
            Failure::failed("this file was imported before, and rolled back")
                .remedy("Give --again to import it once more.")
        }
        other => other.into(),
    }
}

fn question(kind: &str, wanted: &FromFile) -> String {
    let name = wanted.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut url = Url::parse("http://localhost/").expect("an address");
    url.query_pairs_mut()
        .append_pair("kind", kind)
        .append_pair("time_zone", &wanted.time_zone)
        .append_pair("file_name", &name);
    url.query().unwrap_or_default().to_owned()
}

fn media_type(file: &Path) -> Result<&'static str, Failure> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        "csv" | "tsv" | "txt" => Ok("text/csv"),
        "ndjson" | "jsonl" => Ok("application/x-ndjson"),
        _ => Err(Failure::usage(format!("{} is no .csv, .ndjson or .jsonl", file.display()))
            .remedy("Save spreadsheets as \u{ab} CSV UTF-8 \u{bb}.")),
    }
}

fn preview_text(told: &Value) -> String {
    let count = |field: &str| told[field].as_i64().unwrap_or_default();
    let rows = |field: &str| told[field].as_array().map(Vec::as_slice).unwrap_or_default().to_vec();
    let mut lines =
        vec![format!("{} rows: {} can be imported, {} cannot.", count("rows"), count("usable"), count("unusable"))];
    let unknown: Vec<String> = rows("columns")
        .iter()
        .filter(|column| column["field"].is_null())
        .map(|column| text(column, "heading").to_owned())
        .collect();
    if !unknown.is_empty() {
        lines.push(format!("Left out, since they mean nothing here: {}.", unknown.join(", ")));
    }
    let problems = rows("problems");
    let shown = problems.iter().take(MOST_PROBLEMS).map(|problem| {
        [problem["line"].to_string(), text(problem, "field").to_owned(), text(problem, "remedy").to_owned()]
    });
    let shown: Vec<[String; 3]> = shown.collect();
    if !shown.is_empty() {
        lines.push(table(["LINE", "FIELD", "WHAT TO DO"], &shown));
        let more = problems.len() - shown.len() + usize::try_from(count("more_problems")).unwrap_or_default();
        if more > 0 {
            lines.push(format!("… and {more} more."));
        }
    }
    let samples: Vec<[String; 3]> = rows("samples")
        .iter()
        .map(|it| [text(it, "created_at").to_owned(), text(it, "status").to_owned(), text(it, "title").to_owned()])
        .collect();
    if !samples.is_empty() {
        lines.push(table(["WHEN", "STATUS", "WHAT"], &samples));
    }
    lines.join("\n")
}

/// Whether somebody says yes; without a terminal nobody does.
fn agreed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is here to ask").remedy("Give --yes, or --preview to look only."));
    }
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut said = String::new();
    std::io::stdin().read_line(&mut said).map_err(|error| Failure::failed("no answer").because(error))?;
    Ok(matches!(said.trim().to_lowercase().as_str(), "y" | "yes" | "o" | "oui"))
}

async fn show(wanted: &Show) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.there.acting)?;
    let session = caller.in_tenant(wanted.there.tenant.as_ref()).await?;
    let Some(import) = wanted.import else {
        let imports = session.list("/v1/support/imports").await?;
        if wanted.there.json {
            print_json(&imports);
            return Ok(());
        }
        let rows: Vec<[String; 5]> = imports.iter().map(one_line).collect();
        print(&table(["IMPORT", "BEGUN", "STATUS", "ROWS", "FILE"], &rows));
        return Ok(());
    };
    let found = session.get(&format!("/v1/support/imports/{import}")).await?;
    let refused = session.list(&format!("/v1/support/imports/{import}/rows?status=refused,left")).await?;
    if wanted.there.json {
        print_json(&json!({ "import": found, "rows": refused }));
        return Ok(());
    }
    let mut lines = vec![table(["IMPORT", "BEGUN", "STATUS", "ROWS", "FILE"], &[one_line(&found)])];
    if !refused.is_empty() {
        let rows: Vec<[String; 4]> = refused
            .iter()
            .map(|row| {
                [
                    row["line"].to_string(),
                    text(row, "status").to_owned(),
                    text(row, "field").to_owned(),
                    text(row, "problem").to_owned(),
                ]
            })
            .collect();
        lines.push(table(["LINE", "STATUS", "FIELD", "PROBLEM"], &rows));
    }
    print(&lines.join("\n"));
    Ok(())
}

fn one_line(import: &Value) -> [String; 5] {
    let of = |field: &str| text(import, field).to_owned();
    let rows = format!("{} of {}, {} refused", import["done_count"], import["row_count"], import["refused_count"]);
    [of("import_id"), of("begun_at"), of("status"), rows, of("file_name")]
}

async fn roll_back(wanted: &Rollback) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.there.acting)?;
    let session: Session<'_> = caller.in_tenant(wanted.there.tenant.as_ref()).await?;
    let path = format!("/v1/support/imports/{}", wanted.import);
    let found = session.get(&path).await?;
    let made = found["accepted_count"].as_i64().unwrap_or_default();
    if !wanted.yes && !agreed(&format!("Undo the {made} {} of this import?", text(&found, "kind")))? {
        return Err(Failure::failed("nothing was undone"));
    }
    let answer = session.command(&format!("{path}/rollback"), json!({})).await?;
    let meter = Meter::new("undoing", "rows", made, wanted.there.json);
    let after = format!("{path}?min_position={}", answer["position"]);
    let done = loop {
        let now = session.get(&after).await?;
        let count = |field: &str| now[field].as_i64().unwrap_or_default();
        meter.at(count("undone_count") + count("left_count"));
        if now["status"] == "rolled_back" {
            break now;
        }
        tokio::time::sleep(LOOK).await;
    };
    meter.end();
    if wanted.there.json {
        print_json(&done);
        return Ok(());
    }
    let mut said = format!("{} undone.", done["undone_count"]);
    if done["left_count"].as_i64().unwrap_or_default() > 0 {
        said = format!(
            "{said} {} left, since somebody has worked on them: `sillage import show {}` names them.",
            done["left_count"], wanted.import
        );
    }
    print(&said);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_says_what_would_be_and_what_to_do() {
        let told = json!({
            "rows": 3, "usable": 1, "unusable": 2, "more_problems": 1,
            "columns": [{ "heading": "Client", "field": "customer" }, { "heading": "Colour", "field": null }],
            "problems": [{ "row": 2, "line": 3, "field": "customer", "remedy": "Invite this person first." }],
            "samples": [{ "title": "Printer on fire", "status": "open", "created_at": "2025-03-31T10:00:00Z" }],
        });
        let said = preview_text(&told);
        for part in ["3 rows: 1 can be imported, 2 cannot.", "Colour", "Invite this person first.", "1 more", "Printer"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("Left out, since they mean nothing here: Client"));
    }

    #[test]
    fn a_file_says_what_it_is_by_its_ending() {
        assert_eq!(media_type(Path::new("a.CSV")).unwrap(), "text/csv");
        assert_eq!(media_type(Path::new("a.jsonl")).unwrap(), "application/x-ndjson");
        assert!(media_type(Path::new("a.xlsx")).unwrap_err().to_string().contains("CSV UTF-8"));
    }
}
