//! The files of an archive: whether they are what was archived, and the events in them.

use crate::export::manifest::{Manifest, ManifestError, NAME, Part};
use crate::export::{files, raw_file};
use event_store::archive::{Archive, ContentHash, Hasher};
use kernel::{EventData, Position, Recorded};
use std::path::{Path, PathBuf};

/// What is wrong with the files of an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no manifest.
    #[error("{0} is not there")]
    Missing(PathBuf),
    /// The manifest is another one than when the archive was made.
    #[error("{0} is not the manifest that was written")]
    AnotherManifest(PathBuf),
    /// A file is no file of an archive.
    #[error("reading {0}")]
    Parquet(PathBuf, #[source] parquet::errors::ParquetError),
    /// Events are missing, or are not those that went away.
    #[error("{0}: {1}")]
    Content(PathBuf, String),
}

/// What was found in the files.
pub(crate) struct Content {
    pub(crate) hash: ContentHash,
    pub(crate) first: Recorded<EventData>,
    pub(crate) last: Recorded<EventData>,
}

/// The folder of an archive: where it was written, or where the archives were moved to.
pub(crate) fn folder_of(archive: &Archive, moved_to: Option<&Path>) -> PathBuf {
    match moved_to {
        Some(moved_to) => moved_to.join(name(archive.first, archive.last)),
        None => Path::new(&archive.manifest).parent().unwrap_or_else(|| Path::new(".")).to_owned(),
    }
}

/// What the folder of a stretch is called.
pub(crate) fn name(first: Position, last: Position) -> String {
    format!("{first}-{last}")
}

/// The manifest of an archive, if it is the one that was written.
pub(crate) fn manifest_of(archive: &Archive, folder: &Path) -> Result<Manifest, Trouble> {
    let path = folder.join(NAME);
    let manifest = Manifest::read(folder)?.ok_or_else(|| Trouble::Missing(path.clone()))?;
    if manifest_hash(folder)? != archive.manifest_sha256 {
        return Err(Trouble::AnotherManifest(path));
    }
    Ok(manifest)
}

/// SHA-256 of the manifest in a folder.
pub(crate) fn manifest_hash(folder: &Path) -> Result<Vec<u8>, Trouble> {
    let path = folder.join(NAME);
    let bytes = std::fs::read(&path).map_err(|error| ManifestError::File(path, error))?;
    Ok(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes).as_ref().to_vec())
}

/// The events of one file, if it is what the manifest lists and they follow from `after`.
pub(crate) fn events_of(folder: &Path, part: &Part, after: Position) -> Result<Vec<Recorded<EventData>>, Trouble> {
    let path = folder.join(&part.path);
    let (sha256, length) = files::sha256_of(&path).map_err(|error| ManifestError::File(path.clone(), error))?;
    if sha256 != part.sha256 || length != part.size_bytes {
        return Err(ManifestError::Altered(path).into());
    }
    let events = raw_file::read(&path).map_err(|error| Trouble::Parquet(path.clone(), error))?;
    if events.len() as u64 != part.rows {
        let what = format!("{} events, and the manifest lists {}", events.len(), part.rows);
        return Err(Trouble::Content(path, what));
    }
    let places = (after.0 + 1..).map(Position);
    if let Some((event, place)) = events.iter().zip(places).find(|(event, place)| event.position != *place) {
        return Err(Trouble::Content(
            path,
            format!("the event at position {place} is missing; {} comes", event.position),
        ));
    }
    Ok(events)
}

/// Reads everything: each file is what the manifest lists, and together they are the whole stretch. `progress` hears up to
/// which position.
pub(crate) fn read_through(
    folder: &Path,
    manifest: &Manifest,
    last: Position,
    progress: impl Fn(Position),
) -> Result<Content, Trouble> {
    let (mut at, mut hasher) = (manifest.after, Hasher::of_events());
    let (mut begin, mut end) = (None, None);
    for part in &manifest.files {
        for event in events_of(folder, part, at)? {
            hasher.event(&event);
            at = event.position;
            if begin.is_none() {
                begin = Some(event.clone());
            }
            end = Some(event);
        }
        progress(at);
    }
    let (Some(first), Some(end)) = (begin, end) else {
        return Err(Trouble::Content(folder.to_owned(), "there are no events".to_owned()));
    };
    if at != last {
        let what = format!("the events end at position {at} and not at {last}");
        return Err(Trouble::Content(folder.to_owned(), what));
    }
    Ok(Content { hash: hasher.finish(), first, last: end })
}

/// Everything about an archive: its manifest, its files, its events.
pub(crate) fn check(archive: &Archive, folder: &Path, progress: impl Fn(Position)) -> Result<Manifest, Trouble> {
    let manifest = manifest_of(archive, folder)?;
    let content = read_through(folder, &manifest, archive.last, progress)?;
    if content.hash[..] != archive.content_sha256[..] {
        return Err(Trouble::Content(folder.to_owned(), "the events are not those that were archived".to_owned()));
    }
    Ok(manifest)
}
