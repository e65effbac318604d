//! What a person sees: progress while something starts, colour where there is a terminal, tables.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells what is going on, on standard error: standard output stays for results and logs.
#[derive(Clone, Debug)]
pub struct Progress {
    began: Arc<Instant>,
    quiet: bool,
    colour: bool,
}

impl Progress {
    /// Says everything, or nothing.
    pub fn new(quiet: bool) -> Self {
        Self { began: Arc::new(Instant::now()), quiet, colour: std::io::stderr().is_terminal() }
    }

    /// One line per step that takes time or explains a choice.
    pub fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        let seconds = self.began.elapsed().as_secs_f32();
        let (dim, plain) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        // Whoever closed standard error does not want to hear.
        let _ = writeln!(std::io::stderr().lock(), "{dim}{seconds:6.1} s{plain}  {line}");
    }

    /// Whether nothing is said.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f32 {
        self.began.elapsed().as_secs_f32()
    }
}

/// How far something long has come, on standard error: a bar with rate and time left, or a line now and then where there
/// is no terminal.
pub struct Meter {
    bar: ProgressBar,
    what: &'static str,
    unit: &'static str,
    said: Mutex<Instant>,
    is_plain: bool,
}

impl Meter {
    /// Begins at nothing; `of` is the whole.
    pub fn new(what: &'static str, unit: &'static str, of: i64, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(of.max(0).unsigned_abs()), ProgressDrawTarget::stderr());
        let is_plain = quiet || bar.is_hidden();
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let form = "{prefix} {wide_bar} {human_pos}/{human_len} {msg} {per_sec} ETA {eta}";
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        bar.set_message(unit);
        // Nobody is told anything in the quiet: as if it had just been said, for ever.
        let said = if quiet { Instant::now() + Duration::from_hours(24 * 365) } else { Instant::now() };
        Self { bar, what, unit, said: Mutex::new(said), is_plain }
    }

    /// For something that somebody else does and tells about: see [`Meter::tell`].
    pub fn told(what: &'static str, quiet: bool) -> Self {
        let meter = Self::new(what, "events", 0, quiet);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {human_pos}/{human_len} {msg}") {
            meter.bar.set_style(style);
        }
        meter
    }

    /// So much of so much is done, and this is how it goes.
    pub fn tell(&self, done: i64, of: i64, how: &str) {
        self.bar.set_length(of.max(0).unsigned_abs());
        self.bar.set_position(done.max(0).unsigned_abs());
        let is_news = self.bar.message().split(',').next() != how.split(',').next();
        self.bar.set_message(how.to_owned());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        // `elapsed` of an instant that is to come is nothing: who is quiet stays so.
        let is_due = said.elapsed() >= Duration::from_secs(5) || (is_news && *said <= Instant::now());
        if self.is_plain && is_due {
            *said = Instant::now();
            let _ = writeln!(std::io::stderr().lock(), "{}: {done} of {of} {}: {how}", self.what, self.unit);
        }
    }

    /// So much is done.
    pub fn at(&self, done: i64) {
        self.bar.set_position(done.max(0).unsigned_abs());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_plain && said.elapsed() >= Duration::from_secs(5) {
            *said = Instant::now();
            let (of, left) = (self.bar.length().unwrap_or_default(), self.bar.eta().as_secs());
            let line = format!(
                "{}: {} of {of} {}, {:.0}/s, {left} s left",
                self.what,
                self.bar.position(),
                self.unit,
                self.bar.per_sec()
            );
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }

    /// It is done; the bar goes away.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Text for standard output, with or without colour.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// With colour if standard output is a terminal.
    pub fn detect() -> Self {
        Self { colour: std::io::stdout().is_terminal() }
    }

    /// What matters most.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What matters less.
    pub fn dim(self, text: &str) -> String {
        if self.colour { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Prints to standard output; a reader that has gone away is no error.
pub fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// Prints one JSON document, for programs.
pub fn print_json(value: &impl serde::Serialize) {
    print(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Rows under headings, each column as wide as its widest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(headings)];
    lines.extend(rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str()))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_table_are_aligned() {
        let rows = [["a".to_owned(), "1".to_owned()], ["éé é".to_owned(), "22".to_owned()]];
        assert_eq!(table(["name", "n"], &rows), "name  n\na     1\néé é  22");
    }
}
