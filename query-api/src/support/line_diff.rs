//! What two texts differ in, line by line.

use serde::Serialize;
use utoipa::ToSchema;

/// Comparisons of two lines that one answer may cost; beyond that, what differs is one block.
const MOST: usize = 4_000_000;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineSide {
    /// In both texts.
    Both,
    /// In the older one only.
    Removed,
    /// In the newer one only.
    Added,
}

/// Lines that follow each other on the same side.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LineBlock {
    /// Where they stand.
    pub(crate) side: LineSide,
    /// The lines.
    pub(crate) lines: Vec<String>,
}

/// The shortest way from one text to the other: the older lines without the removed ones, with the added ones.
pub(crate) fn line_diff(from: &str, to: &str) -> Vec<LineBlock> {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let head = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let rest = from.len().min(to.len()) - head;
    let tail = from.iter().rev().zip(to.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let (old, new) = (&from[head..from.len() - tail], &to[head..to.len() - tail]);
    let mut lines = Vec::new();
    add(&mut lines, LineSide::Both, &from[..head]);
    if old.len().saturating_mul(new.len()) > MOST {
        add(&mut lines, LineSide::Removed, old);
        add(&mut lines, LineSide::Added, new);
    } else {
        middle(&mut lines, old, new);
    }
    add(&mut lines, LineSide::Both, &from[from.len() - tail..]);
    lines
}

fn middle(lines: &mut Vec<LineBlock>, old: &[&str], new: &[&str]) {
    // common[o][n]: the longest common subsequence of what comes from o and n on.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for o in (0..old.len()).rev() {
        for n in (0..new.len()).rev() {
            common[o * width + n] = if old[o] == new[n] {
                common[(o + 1) * width + n + 1] + 1
            } else {
                common[(o + 1) * width + n].max(common[o * width + n + 1])
            };
        }
    }
    let (mut o, mut n) = (0, 0);
    while o < old.len() || n < new.len() {
        if o < old.len() && n < new.len() && old[o] == new[n] {
            add(lines, LineSide::Both, &old[o..=o]);
            (o, n) = (o + 1, n + 1);
        } else if n == new.len() || (o < old.len() && common[(o + 1) * width + n] >= common[o * width + n + 1]) {
            add(lines, LineSide::Removed, &old[o..=o]);
            o += 1;
        } else {
            add(lines, LineSide::Added, &new[n..=n]);
            n += 1;
        }
    }
}

fn add(lines: &mut Vec<LineBlock>, side: LineSide, more: &[&str]) {
    if more.is_empty() {
        return;
    }
    let more = more.iter().map(|line| (*line).to_owned());
    match lines.last_mut() {
        Some(last) if last.side == side => last.lines.extend(more),
        _ => lines.push(LineBlock { side, lines: more.collect() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: &str, to: &str) -> String {
        let sign = |side| match side {
            LineSide::Both => ' ',
            LineSide::Removed => '-',
            LineSide::Added => '+',
        };
        line_diff(from, to)
            .iter()
            .flat_map(|part| part.lines.iter().map(move |line| format!("{}{line}", sign(part.side))))
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn only_what_changed_is_shown_as_changed() {
        assert_eq!(told("a\nb\nc", "a\nb\nc"), " a| b| c");
        assert_eq!(told("a\nb\nc", "a\nx\nc"), " a|-b|+x| c");
        assert_eq!(told("", "a"), "+a");
        assert_eq!(told("a\na", "a"), " a|-a");
        assert_eq!(told("a\nb\nc\nd", "b\nd\ne"), "-a| b|-c| d|+e");
    }

    #[test]
    fn both_texts_can_be_read_back() {
        let texts = ["", "a", "a\nb\na", "b\nc\nd\na\nb", "x\ny\nz", "a\nb\nc\na\nb\nc"];
        for from in texts {
            for to in texts {
                let parts = line_diff(from, to);
                let side = |kept: LineSide| {
                    let lines = parts.iter().filter(|part| part.side == LineSide::Both || part.side == kept);
                    lines.flat_map(|part| part.lines.clone()).collect::<Vec<_>>().join("\n")
                };
                assert_eq!((side(LineSide::Removed), side(LineSide::Added)), (from.to_owned(), to.to_owned()));
            }
        }
    }

    #[test]
    fn huge_differences_are_one_block() {
        let many = |letter: &str| vec![letter; 3_000].join("\n");
        assert_eq!(line_diff(&many("a"), &many("b")).len(), 2);
    }
}
