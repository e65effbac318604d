//! Style, scripts and signs, inside the binary. Their addresses carry the package's build, so browsers keep them for good.

use crate::PREFIX;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::LazyLock;

/// A file that pages use.
struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// All of them. What others wrote is in `assets/vendor`, with its licence.
const ASSETS: [Asset; 7] = [
    Asset { name: "console.css", media_type: STYLE, content: include_str!("../assets/console.css") },
    Asset { name: "console.js", media_type: SCRIPT, content: include_str!("../assets/console.js") },
    Asset { name: "icon.svg", media_type: "image/svg+xml", content: include_str!("../assets/icon.svg") },
    Asset { name: "htmx.js", media_type: SCRIPT, content: include_str!("../assets/vendor/htmx.min.js") },
    Asset { name: "htmx-sse.js", media_type: SCRIPT, content: include_str!("../assets/vendor/htmx-sse.min.js") },
    Asset { name: "uplot.js", media_type: SCRIPT, content: include_str!("../assets/vendor/uplot.min.js") },
    Asset { name: "uplot.css", media_type: STYLE, content: include_str!("../assets/vendor/uplot.min.css") },
];

/// What tells this build's files from those of another one.
static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    for asset in &ASSETS {
        asset.content.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
});

/// The folder of the files in addresses.
pub(crate) fn folder() -> String {
    format!("{PREFIX}/assets/{}", *EDITION)
}

/// The files at their addresses.
pub(crate) fn router() -> Router {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
        router.route(&format!("{}/{}", folder(), asset.name), get(move || async move { (headers, asset.content) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::digest::{SHA256, digest};
    use std::fmt::Write as _;

    /// What others wrote is here as they published it: `assets/vendor/SHA256SUMS` says what that was.
    #[test]
    fn vendored_files_are_what_was_published() {
        let sums = include_str!("../assets/vendor/SHA256SUMS");
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/vendor");
        let mut named = 0;
        for line in sums.lines() {
            let (sum, name) = line.split_once("  ").unwrap();
            let content = std::fs::read(folder.join(name)).unwrap();
            let found = digest(&SHA256, &content).as_ref().iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            });
            assert_eq!(found, sum, "{name} was changed");
            named += 1;
        }
        let files = std::fs::read_dir(&folder).unwrap().count();
        assert_eq!(named, files - 2, "every file but SHA256SUMS and README.md has its sum");
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for asset in ASSETS.iter().filter(|asset| asset.name.starts_with("console")) {
            assert!(!asset.content.contains("://"), "{}", asset.name);
        }
        assert!(folder().starts_with("/console/assets/"));
    }
}
