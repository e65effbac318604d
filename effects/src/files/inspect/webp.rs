//! WebP: one RIFF, exactly as long as it says. <https://developers.google.com/speed/webp/docs/riff_container>

use domain::files::stored_file::FileRefusal;

const HEAD: usize = 12;
/// Colour profile, Exif, XMP: what `VP8X` says is there, and what is left out.
const UNSEEN_FLAGS: u8 = 0x20 | 0x08 | 0x04;
const NEEDED: [&[u8]; 6] = [b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"];

/// The same pictures with the chunks alone that show them, and how many they are.
pub(super) fn bare(bytes: &[u8]) -> Result<(Vec<u8>, usize), FileRefusal> {
    let said = bytes.get(4..8).map(number).ok_or(FileRefusal::Damaged)?;
    match said.checked_add(8) {
        Some(said) if said == bytes.len() => {}
        Some(said) if said < bytes.len() => return Err(FileRefusal::Ambiguous),
        _ => return Err(FileRefusal::Damaged),
    }
    let mut bare = bytes[..HEAD].to_vec();
    let (mut at, mut frames) = (HEAD, 0);
    while at < bytes.len() {
        let head = bytes.get(at..at + 8).ok_or(FileRefusal::Damaged)?;
        let (name, length) = (&head[..4], number(&head[4..8]));
        // Chunks of odd length have one byte more.
        let end = length.checked_add(at + 8 + (length & 1)).ok_or(FileRefusal::Damaged)?;
        let chunk = bytes.get(at..end).ok_or(FileRefusal::Damaged)?;
        if NEEDED.contains(&name) {
            let begin = bare.len();
            bare.extend_from_slice(chunk);
            if name == b"VP8X" {
                *bare.get_mut(begin + 8).ok_or(FileRefusal::Damaged)? &= !UNSEEN_FLAGS;
            }
        }
        frames += usize::from(name == b"ANMF");
        at = end;
    }
    let length = u32::try_from(bare.len() - 8).map_err(|_| FileRefusal::TooLarge)?;
    bare[4..8].copy_from_slice(&length.to_le_bytes());
    Ok((bare, frames.max(1)))
}

/// Four bytes, the lowest first.
fn number(bytes: &[u8]) -> usize {
    let bytes = bytes.try_into().unwrap_or_default();
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}
