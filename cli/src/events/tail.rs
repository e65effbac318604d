//! `sillage events tail`: the last events, then those that come.

use super::arguments;
use super::line::Lines;
use super::selection::Selection;
use crate::failure::Failure;
use crate::operator::{open, unreadable};
use crate::terminal::print;
use event_store::Tail;
use kernel::{EventData, Position, Recorded};
use std::collections::VecDeque;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Positions that are looked at for the last events, before the whole stretch is.
const NEAR: i64 = 10_000;
/// Events at a time.
const CHUNK: usize = 500;

pub(super) async fn run(arguments: &arguments::Tail) -> Result<(), Failure> {
    let opened = open(&arguments.on).await?;
    let outcome = async {
        let selection = Selection::of(&opened, &arguments.wanted).await?;
        let lines = Lines::new(&selection.head, arguments.json);
        for event in last(&selection, arguments.lines, arguments.wanted.since.is_some()).await? {
            print(&lines.line(event)?);
        }
        if arguments.follow && arguments.wanted.until.is_none() { follow(&selection, &lines).await } else { Ok(()) }
    };
    let outcome = outcome.await;
    opened.close().await;
    outcome
}

/// The last events that fit; where a beginning was given, all from there.
async fn last(selection: &Selection, count: usize, from_there: bool) -> Result<Vec<Recorded<EventData>>, Failure> {
    let finder = selection.finder();
    if from_there {
        let found = finder.find(&selection.filter, selection.after, selection.up_to, usize::MAX, Duration::MAX).await;
        return Ok(found.map_err(unreadable)?.events);
    }
    let mut begin = Position((selection.up_to.0 - NEAR).max(0));
    loop {
        let mut kept = VecDeque::new();
        let mut reached = begin;
        while reached < selection.up_to {
            let found = finder.find(&selection.filter, reached, selection.up_to, CHUNK, Duration::MAX).await;
            let found = found.map_err(unreadable)?;
            reached = found.reached;
            kept.extend(found.events);
            kept.drain(..kept.len().saturating_sub(count));
        }
        if kept.len() >= count || begin == Position::ZERO {
            return Ok(kept.into());
        }
        // Ten times as far back, to the beginning at last.
        begin = Position((selection.up_to.0 - (selection.up_to.0 - begin.0) * 10).max(0));
    }
}

async fn follow(selection: &Selection, lines: &Lines) -> Result<(), Failure> {
    let stop = platform::shutdown::on_signal()
        .map_err(|error| Failure::failed("signals cannot be received").because(error))?;
    let end = CancellationToken::new();
    let tail = Tail::start(selection.log.clone(), None, end.clone()).await.map_err(unreadable)?;
    let mut after = selection.up_to;
    while let Some(read) = stop.run_until_cancelled(tail.next(after, CHUNK)).await {
        let events = read.map_err(|error| Failure::failed("the log cannot be followed").because(error))?;
        for event in events {
            after = event.position;
            if selection.filter.matches(&event) {
                print(&lines.line(Recorded::<EventData>::clone(&event))?);
            }
        }
    }
    end.cancel();
    Ok(())
}
