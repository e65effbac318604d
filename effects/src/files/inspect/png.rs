//! PNG: chunks until the one that says that it is over, and nothing behind it.
//! <https://www.w3.org/TR/png-3/>

use domain::files::stored_file::FileRefusal;

const SIGNATURE: usize = 8;
/// What it takes to show the picture. Texts, profiles, times and previews are left out, animations stand still.
const NEEDED: [&[u8]; 8] = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB"];

/// The same picture with the chunks alone that show it.
pub(super) fn bare(bytes: &[u8]) -> Result<Vec<u8>, FileRefusal> {
    let mut bare = bytes[..SIGNATURE].to_vec();
    let mut at = SIGNATURE;
    loop {
        let head = bytes.get(at..at + 8).ok_or(FileRefusal::Damaged)?;
        let length = usize::try_from(u32::from_be_bytes([head[0], head[1], head[2], head[3]])).unwrap_or(usize::MAX);
        let end = length.checked_add(at + 12).ok_or(FileRefusal::Damaged)?;
        let chunk = bytes.get(at..end).ok_or(FileRefusal::Damaged)?;
        let name = &chunk[4..8];
        if NEEDED.contains(&name) {
            bare.extend_from_slice(chunk);
        }
        at = end;
        if name == b"IEND" {
            break;
        }
    }
    if at == bytes.len() { Ok(bare) } else { Err(FileRefusal::Ambiguous) }
}
