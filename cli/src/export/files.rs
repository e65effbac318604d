//! Files that are there as a whole or not at all.

use aws_lc_rs::digest;
use std::fs::{self, File};
use std::io::{Read, Result, Write};
use std::path::Path;

/// Writes a file so that a crash leaves the old one, or none, or the new one.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// Removes the files of stretches that were begun and not finished: a reader of the whole folder would take them for data.
/// Only names that an export gives are touched: `<table>/day=<day>/<first>-<last>.<extension>`.
pub(super) fn remove_unlisted(folder: &Path, is_listed: impl Fn(&str) -> bool) -> Result<()> {
    let subfolders = |folder: &Path| -> Result<Vec<fs::DirEntry>> {
        if folder.is_dir() { fs::read_dir(folder)?.collect() } else { Ok(Vec::new()) }
    };
    for table in subfolders(folder)? {
        for day in subfolders(&table.path())? {
            let (table, day_name) = (table.file_name(), day.file_name());
            if !day_name.to_string_lossy().starts_with("day=") {
                continue;
            }
            for file in subfolders(&day.path())? {
                let name = file.file_name().to_string_lossy().into_owned();
                let listed = format!("{}/{}/{name}", table.to_string_lossy(), day_name.to_string_lossy());
                if is_a_part(&name) && !is_listed(&listed) {
                    fs::remove_file(file.path())?;
                }
            }
        }
    }
    Ok(())
}

/// `1-100000.parquet`, also unfinished.
fn is_a_part(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.split_once('-').is_some_and(|(first, last)| is_number(first) && is_number(last))
}

/// The SHA-256 of a file, in hexadecimal, and its length.
pub(crate) fn sha256_of(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut length = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hexadecimal(context.finish().as_ref()), length));
        }
        context.update(&buffer[..read]);
        length += read as u64;
    }
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Bytes in hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
