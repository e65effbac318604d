//! JPEG: segments, then scans, until the marker that ends it.

use domain::files::stored_file::FileRefusal;

const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
/// Markers that stand alone: restarts, and one that old encoders write.
const ALONE: [u8; 9] = [0x01, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7];

/// The picture up to its end. Phones put further pictures behind it, which are let go; anything else there is refused.
pub(super) fn checked(bytes: &[u8]) -> Result<Vec<u8>, FileRefusal> {
    let end = end(bytes).ok_or(FileRefusal::Damaged)?;
    let behind = &bytes[end..];
    let picture = behind.starts_with(&[0xff, 0xd8, 0xff]) || behind.ends_with(b"SEFT");
    if behind.iter().all(|byte| *byte == 0) || picture {
        Ok(bytes[..end].to_vec())
    } else {
        Err(FileRefusal::Ambiguous)
    }
}

/// Where the first picture ends.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        at += 2;
        match marker {
            // Padding before a marker.
            0xff => at -= 1,
            END => return Some(at),
            marker if ALONE.contains(&marker) => {}
            marker => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
                at += length.max(2);
                if marker == SCAN {
                    at += scan(bytes.get(at..)?)?;
                }
            }
        }
    }
}

/// How long the packed part is: up to a marker that is no restart.
fn scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        let next = *bytes.get(at + 1)?;
        if next == 0 || ALONE.contains(&next) {
            at += 2;
        } else {
            return Some(at);
        }
    }
}
