//! Files that are compared with what the code says, and written when `UPDATE=1`.

use std::fs;
use std::path::{Path, PathBuf};

/// How to write what is new.
pub(crate) const HOW: &str = "UPDATE=1 cargo test -p tests --test contracts";

/// What a file is called while it is written.
const UNFINISHED: &str = "new";

/// Whether a file is still being written.
pub(crate) fn is_unfinished(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == UNFINISHED)
}

/// A place in the workspace.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}

/// Whether files are to be written.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value == "1")
}

/// Writes a file in one step, so that a test that reads it at the same time sees the old or the new one.
pub(crate) fn write(relative: &str, text: &str) {
    let path = path(relative);
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
    let beside = path.with_extension(UNFINISHED);
    fs::write(&beside, text).expect("the file can be written");
    fs::rename(&beside, &path).expect("the file can be moved to its place");
}

/// Fails where a generated document is not what the code says; rewrites it when `UPDATE=1`.
pub(crate) fn expect_generated(relative: &str, now: &str) {
    let stored = fs::read_to_string(path(relative)).unwrap_or_default();
    if stored == now {
        return;
    }
    if updating() {
        write(relative, now);
        return;
    }
    panic!(
        "\n\n{relative} is not what the code says:\n{}\nIf the change is meant, `{HOW}` writes it; the review reads the \
         difference, and so do the API's users.\n",
        first_difference(&stored, now)
    );
}

fn first_difference(stored: &str, now: &str) -> String {
    let (mut old, mut new) = (stored.lines(), now.lines());
    for line in 1.. {
        let pair = (old.next(), new.next());
        if pair.0 != pair.1 {
            let (old, new) = (pair.0.unwrap_or("(end of file)"), pair.1.unwrap_or("(end of file)"));
            return format!("  line {line}\n  - {old}\n  + {new}");
        }
        if pair == (None, None) {
            break;
        }
    }
    "  the line ends differ".to_owned()
}

#[test]
fn the_first_difference_is_shown() {
    assert_eq!(first_difference("a\nb\n", "a\nc\n"), "  line 2\n  - b\n  + c");
    assert_eq!(first_difference("a\n", "a\nb\n"), "  line 2\n  - (end of file)\n  + b");
    assert_eq!(first_difference("a\r\n", "a\n"), "  the line ends differ");
}
