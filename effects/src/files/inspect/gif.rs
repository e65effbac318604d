//! GIF: blocks until the trailer, and nothing behind it. <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>

use domain::files::stored_file::FileRefusal;

const HEAD: usize = 13;
const EXTENSION: u8 = 0x21;
const PICTURE: u8 = 0x2c;
const TRAILER: u8 = 0x3b;
const CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;

/// The same pictures with the blocks alone that show them, and how many they are. Comments and what applications note go.
pub(super) fn bare(bytes: &[u8]) -> Result<(Vec<u8>, usize), FileRefusal> {
    let (bare, frames, end) = walk(bytes).ok_or(FileRefusal::Damaged)?;
    if frames == 0 {
        return Err(FileRefusal::Damaged);
    }
    if bytes[end..].iter().all(|byte| *byte == 0) { Ok((bare, frames)) } else { Err(FileRefusal::Ambiguous) }
}

fn walk(bytes: &[u8]) -> Option<(Vec<u8>, usize, usize)> {
    let mut at = HEAD + colours(*bytes.get(10)?);
    let mut bare = bytes.get(..at)?.to_vec();
    let mut frames = 0;
    loop {
        let begin = at;
        match *bytes.get(at)? {
            EXTENSION => {
                let label = *bytes.get(at + 1)?;
                at = sub_blocks(bytes, at + 2)?;
                let repeats = label == APPLICATION && bytes[begin..].get(3..14) == Some(b"NETSCAPE2.0");
                if label == CONTROL || repeats {
                    bare.extend_from_slice(&bytes[begin..at]);
                }
            }
            PICTURE => {
                at += 10 + colours(*bytes.get(at + 9)?) + 1;
                at = sub_blocks(bytes, at)?;
                bare.extend_from_slice(&bytes[begin..at]);
                frames += 1;
            }
            TRAILER => {
                bare.push(TRAILER);
                return Some((bare, frames, at + 1));
            }
            _ => return None,
        }
    }
}

/// How long a table of colours is, from the byte that tells of it.
const fn colours(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}

/// Behind a chain of blocks, each with its length in front.
fn sub_blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return (at <= bytes.len()).then_some(at);
        }
    }
}
