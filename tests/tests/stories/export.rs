//! History as files: typed, whole, resumable, and readable by the tools that analysts have.

use crate::world::{World, act, create_building, open_ticket, visit};
use cli::export::{Export, ExportError, Format, Manifest, manifest::ManifestError};
use domain::catalogue::categories;
use event_store::analysis::{Filter, Kinds};
use event_store::{Head, Log, Role};
use kernel::Position;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A node on which something has happened, and its log.
struct Past {
    world: World,
    log: Log,
    head: Head,
}

impl Past {
    async fn new() -> Self {
        let world = World::start().await;
        let (ada, alice, rep) = (world.ada(), world.alice(), world.rep());
        for _ in 0..3 {
            let ticket = open_ticket(&ada).await;
            let body = json!({"content": "=1+1, \"quoted\"\nand é"});
            act(&alice, &format!("/v1/support/tickets/{}/replies", ticket.id), body).await;
        }
        let building = create_building(&rep, 2, 2).await;
        let body = json!({"door_number": "101", "outcome": "appointment_taken", "appointment_date": "2099-01-02",
            "appointment_time": "14:30"});
        // Ten years ahead at most: whatever the domain says, one visit without a date follows.
        rep.post(&format!("/v1/field-sales/buildings/{}/visits", building.id), body).await;
        visit(&rep, &building.id, json!({"door_number": "101", "outcome": "absent"})).await;
        let pool = event_store::schema::connect(&world.node.database_url, "test-export", Role::Engine, 2).await;
        let log = Log::new(pool.expect("Postgres answers"));
        let head = log.durable_head().await.expect("the log answers");
        Self { world, log, head }
    }

    fn export(&self, format: Format, folder: &Path) -> Export {
        Export {
            format,
            folder: folder.to_owned(),
            filter: Filter::default(),
            after: Position::ZERO,
            up_to: self.head.position,
            stretch: 4,
        }
    }

    async fn run(&self, export: &Export) -> Result<Manifest, ExportError> {
        Ok(export.run(&self.log, &self.head, categories(), |_, _| {}).await?.manifest)
    }

    /// How many events of each type the log has.
    async fn counted(&self) -> BTreeMap<String, u64> {
        let mut counted = BTreeMap::new();
        for event in self.log.read(Position::ZERO, 1_000).await.expect("the log answers") {
            *counted.entry(format!("{}.{}", event.category, event.event.event_type)).or_default() += 1;
        }
        counted
    }
}

fn folder() -> PathBuf {
    test_support::scratch("export")
}

/// The folder with pyarrow; it is fetched once per checkout.
fn pyarrow() -> PathBuf {
    const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stories/requirements.txt");
    let target = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target");
    let folder = target.join("pyarrow-26");
    if !folder.join("pyarrow").exists() {
        // Beside it and then renamed: another test program may be fetching, too.
        let fresh = target.join(format!("pyarrow-{}", std::process::id()));
        let pip = Command::new("python3")
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"])
            .args(["--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", REQUIREMENTS, "--target"])
            .arg(&fresh)
            .output()
            .expect("python3 with pip is there: the tests read files with pyarrow");
        assert!(pip.status.success(), "{}", String::from_utf8_lossy(&pip.stderr));
        if fs::rename(&fresh, &folder).is_err() {
            assert!(folder.join("pyarrow").exists(), "nobody has put pyarrow into {}", folder.display());
            fs::remove_dir_all(&fresh).expect("a folder of ours can be removed");
        }
    }
    folder
}

/// What pyarrow says about the files of a manifest.
fn read_by_pyarrow(folder: &Path) -> Value {
    const SCRIPT: &str = r#"
import json, sys, pyarrow.parquet as pq
folder = sys.argv[1]
manifest = json.load(open(folder + "/manifest.json"))
answer = {}
for part in manifest["files"]:
    table = pq.read_table(folder + "/" + part["path"], partitioning=None)
    assert table.num_rows == part["rows"], part
    one = answer.setdefault(part["path"].split("/")[0], {"rows": 0, "types": {}, "first": None})
    one["rows"] += table.num_rows
    for field in table.schema:
        if str(field.type).startswith("struct"):
            for inner in field.type:
                one["types"]["data." + inner.name] = str(inner.type)
        else:
            one["types"][field.name] = str(field.type)
    one["first"] = one["first"] or json.loads(json.dumps(table.slice(0, 1).to_pylist()[0], default=str))
print(json.dumps(answer))
"#;
    let output = Command::new("python3")
        .env("PYTHONPATH", pyarrow())
        .args(["-c", SCRIPT])
        .arg(folder)
        .output()
        .expect("python can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_typed_and_whole_as_pyarrow_reads_it() {
    let past = Past::new().await;
    let folder = folder();
    let manifest = past.run(&past.export(Format::Parquet, &folder)).await.expect("it is exported");
    assert!(manifest.is_complete && manifest.rows == past.head.position.0.unsigned_abs());
    manifest.verify(&folder).expect("the files are as listed");

    let read = read_by_pyarrow(&folder);
    let rows: BTreeMap<String, u64> = read
        .as_object()
        .expect("tables")
        .iter()
        .map(|(name, table)| (name.clone(), table["rows"].as_u64().expect("rows")))
        .collect();
    assert_eq!(rows, past.counted().await, "every event once, by type");

    let opened = &read["support.ticket.opened"];
    for (column, expected) in [
        ("position", "int64"),
        ("version", "int32"),
        ("event_id", "string"),
        ("occurred_at", "timestamp[us, tz=UTC]"),
        ("recorded_at", "timestamp[us, tz=UTC]"),
        ("number", "int64"),
        ("data.subject", "string"),
        ("data.tags", "string"),
    ] {
        assert_eq!(opened["types"][column], expected, "{column}");
    }
    let visits = &read["field_sales.door.visit_recorded"]["types"];
    assert_eq!(visits["data.number_of_contracts"], "int64");
    assert_eq!(visits["data.counts_as_return_visit"], "bool");
    assert_eq!(visits["data.visited_at"], "timestamp[us, tz=UTC]");
    assert_eq!(opened["first"]["data"]["subject"], "[masked]");
    assert_eq!(opened["first"]["number"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_export_goes_on_and_repeats_nothing() {
    let past = Past::new().await;
    let (whole, folder) = (folder(), folder());
    let expected = past.run(&past.export(Format::Parquet, &whole)).await.expect("it is exported");
    assert!(expected.files.len() > 3, "several stretches");

    // After two stretches, in the middle of the third: its files are there, the manifest does not know them.
    let mut first = past.export(Format::Parquet, &folder);
    first.up_to = Position(8);
    past.run(&first).await.expect("the first part is exported");
    let table = folder.join("support.ticket.opened");
    let day = fs::read_dir(&table).expect("a table").next().expect("a day").expect("an entry").path();
    let orphan = day.join("9-11.parquet");
    fs::write(&orphan, "half").expect("a file can be written");
    fs::write(day.join("mine.txt"), "kept").expect("a file can be written");

    let resumed = past.run(&past.export(Format::Parquet, &folder)).await.expect("it goes on");
    assert_eq!(resumed, expected, "the same files with the same bytes as in one go");
    resumed.verify(&folder).expect("the files are as listed");
    assert!(!orphan.exists() && day.join("mine.txt").exists());
    let again = past.run(&past.export(Format::Parquet, &folder)).await.expect("there is nothing left to do");
    assert_eq!(again, expected);

    let other = past.export(Format::Csv, &folder);
    assert!(matches!(past.run(&other).await, Err(ExportError::Another(..))));
    let mut other = past.export(Format::Parquet, &folder);
    other.filter.kinds = Kinds { categories: vec!["support.ticket".into()], types: Vec::new() };
    assert!(matches!(past.run(&other).await, Err(ExportError::Another(..))));
    let file = folder.join(&expected.files[0].path);
    let mut bytes = fs::read(&file).expect("the file is there");
    bytes[10] ^= 1;
    fs::write(&file, bytes).expect("a file can be written");
    assert!(matches!(resumed.verify(&folder), Err(ManifestError::Altered(path)) if path == file));
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_safe_and_lines_are_cloud_events() {
    let past = Past::new().await;
    let (csv, lines) = (folder(), folder());
    let manifest = past.run(&past.export(Format::Csv, &csv)).await.expect("it is exported");
    let replies = manifest.files.iter().find(|part| part.path.starts_with("support.ticket.agent_replied/"));
    let text = fs::read_to_string(csv.join(&replies.expect("replies").path)).expect("text");
    assert!(text.starts_with("position,epoch,event_id,") && text.contains(",data.content"), "{text}");
    assert!(text.contains("[masked]") && !text.contains("=1+1"), "what people wrote stays where it is: {text}");

    let mut export = past.export(Format::Ndjson, &lines);
    export.filter.kinds = Kinds { categories: vec!["support.ticket".into()], types: vec!["opened".into()] };
    let manifest = past.run(&export).await.expect("it is exported");
    assert_eq!(manifest.rows, 3);
    for part in &manifest.files {
        let text = fs::read_to_string(lines.join(&part.path)).expect("text");
        assert_eq!(text.lines().count() as u64, part.rows);
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).expect("a line is JSON");
            assert_eq!((&event["specversion"], &event["type"]), (&json!("1.0"), &json!("support.ticket.opened")));
        }
    }
    drop(past.world);
}
