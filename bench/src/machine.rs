//! What the numbers were measured on.

use crate::Failure;
use crate::interleave::median;
use crate::servers::Bench;
use serde_json::{Map, Value, json};
use sqlx::{Connection, PgConnection, Row};
use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::time::Instant;

/// The settings that decide whether the numbers mean anything.
const SETTINGS: &str = "select name, current_setting(name) from pg_settings where name in ('fsync', \
    'full_page_writes', 'synchronous_commit', 'wal_sync_method', 'commit_delay', 'commit_siblings', \
    'shared_buffers', 'max_wal_size', 'min_wal_size', 'checkpoint_timeout', 'autovacuum', 'wal_compression', 'server_version') order by name";

/// Machine and servers, as the report's first line.
pub(crate) async fn describe(bench: &Bench, quick: bool) -> Result<Map<String, Value>, Failure> {
    let mut machine = Map::new();
    machine.insert("name".into(), json!("machine"));
    machine.insert("cores".into(), json!(std::thread::available_parallelism()?.get()));
    machine.insert("cpu".into(), json!(line_of("/proc/cpuinfo", "model name").unwrap_or_default()));
    machine.insert("memory".into(), json!(line_of("/proc/meminfo", "MemTotal").unwrap_or_default()));
    machine.insert("load".into(), json!(std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()));
    machine.insert("os".into(), json!(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)));
    let mut connection = PgConnection::connect(&bench.servers.database_url).await?;
    for row in sqlx::query(SETTINGS).fetch_all(&mut connection).await? {
        let name: String = row.try_get(0)?;
        let name = if name == "server_version" { "postgres".to_owned() } else { name };
        machine.insert(name, json!(row.try_get::<String, _>(1)?));
    }
    connection.close().await?;
    machine.insert("flush_us".into(), json!(flush_us(&bench.data_dir())?));
    machine.insert("flush_ms_added".into(), json!(bench.flush_ms));
    machine.insert("quick".into(), json!(quick));
    Ok(machine)
}

/// What a flush of one page costs where Postgres keeps its data: the median of a hundred.
///
/// A few microseconds mean that the folder is on a RAM disk or the disk lies; absolute numbers are then worthless.
fn flush_us(folder: &Path) -> Result<f64, Failure> {
    let path = folder.join("bench-flush");
    let mut file = File::create(&path)?;
    let page = [0x5a_u8; 8_192];
    let mut times = Vec::new();
    for _ in 0..100 {
        file.rewind()?;
        file.write_all(&page)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    std::fs::remove_file(&path)?;
    Ok(median(&times).round())
}

/// The value of the first line that starts with `name`, as Linux tells it; nothing elsewhere.
fn line_of(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}
