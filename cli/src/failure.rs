//! What the person at the terminal reads when something went wrong, and the exit code that scripts read.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// What the exit codes mean, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes: 0 it is done (or stopped on request), 1 it failed, 2 the command line or a setting is wrong, \
3 Postgres or NATS cannot be had, 130 ended at once by a second signal.";

/// How a failure ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It was tried and failed.
    Failed = 1,
    /// The command line or a setting is wrong.
    Usage = 2,
    /// Postgres or NATS cannot be had.
    NoServers = 3,
}

/// Why a command of the CLI did not do what was asked: one sentence, its causes, and what to do.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    sentence: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    remedy: Option<Cow<'static, str>>,
}

impl Failure {
    /// A failure said in one sentence, without its cause.
    pub fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: sentence.into(), source: None, remedy: None }
    }

    /// It was tried and failed.
    pub fn failed(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Failed, sentence)
    }

    /// The command line or a setting is wrong.
    pub fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Exit::Usage, sentence)
    }

    /// What caused it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// How it ends the process.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// The same as a status for the shell.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

/// The sentence and its causes with colons between, then what to do on a line of its own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        let mut said = self.sentence.clone();
        let mut cause = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = cause {
            // Transparent wrappers say the same twice.
            let text = error.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
                said = text;
            }
            cause = error.source();
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "\n  {remedy}")?;
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_tells_its_causes_once_and_what_to_do() {
        let cause = std::io::Error::other("disk full");
        let failure = Failure::failed("the key cannot be written").because(cause).remedy("Make room.");
        assert_eq!(failure.to_string(), "the key cannot be written: disk full\n  Make room.");
        let twice = Failure::failed("disk full").because(std::io::Error::other("disk full"));
        assert_eq!(twice.to_string(), "disk full");
    }
}
