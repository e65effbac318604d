//! What personal data becomes when it is written, and what it is read as.
//!
//! Serde has no place for a key, so the key is lent for the length of a synchronous call on this thread: [`sealing`] for
//! what goes into the log, [`showing`] for what is answered, [`shown`] for what a table holds. Outside of them sealed data
//! is written as it is and fresh data is refused: clear text cannot get anywhere by accident.

use super::{ERASED, Sealed};
use crate::ids::SubjectId;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

/// Why personal data could not be written. Holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Clear text was about to be written where nobody lent a key.
    #[error("personal data is written in clear nowhere but in answers")]
    NoScope,
    /// The keys that were lent do not include the subject's.
    #[error("there is no key for subject {0}")]
    NoKey(SubjectId),
    /// The cipher would not work.
    #[error("personal data of subject {0} could not be sealed")]
    Cipher(SubjectId),
}

/// Encrypts: holds the keys of the subjects at hand. The vault implements it.
pub trait Seals: Send + Sync {
    /// Seals a text about `subject`.
    ///
    /// # Errors
    /// There is no key for the subject.
    fn seal(&self, subject: SubjectId, text: &str) -> Result<Sealed, SealError>;
}

/// Knows clear texts. The vault implements it.
pub trait Shows: Send + Sync {
    /// The clear text; `None` where it is erased, or not for this reader.
    fn show(&self, sealed: &Sealed) -> Option<Arc<str>>;
}

#[derive(Clone)]
enum Writing {
    /// Sealed data as it is; fresh data is refused.
    Stored,
    /// Notes whose data there is, and writes nothing of it.
    Collecting,
    Sealing(Arc<dyn Seals>),
    /// Notes which sealed data there is, and writes it as it is.
    Listing,
    Showing(Arc<dyn Shows>),
}

/// What a text is read as.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// A sealed form.
    Stored,
    /// Clear text, or nothing.
    Shown,
    /// A form that a spec sealed, and opens again.
    Specs,
}

thread_local! {
    static WRITING: RefCell<Writing> = const { RefCell::new(Writing::Stored) };
    static READING: Cell<Reading> = const { Cell::new(Reading::Stored) };
    static SUBJECTS: RefCell<BTreeSet<SubjectId>> = const { RefCell::new(BTreeSet::new()) };
    static NOTED: RefCell<Option<Vec<Sealed>>> = const { RefCell::new(None) };
    static LISTED: RefCell<Vec<Sealed>> = const { RefCell::new(Vec::new()) };
}

/// Puts the scope back that was before, also when the call panics.
struct Before(Option<Writing>, Option<Reading>);

impl Drop for Before {
    fn drop(&mut self) {
        if let Some(writing) = self.0.take() {
            WRITING.set(writing);
        }
        if let Some(reading) = self.1.take() {
            READING.set(reading);
        }
    }
}

fn writing<R>(scope: Writing, work: impl FnOnce() -> R) -> R {
    let _before = Before(Some(WRITING.replace(scope)), None);
    work()
}

fn reading_as<R>(scope: Reading, work: impl FnOnce() -> R) -> R {
    let _before = Before(None, Some(READING.replace(scope)));
    work()
}

/// Runs `work`, in which fresh personal data is written sealed by `seals`.
pub fn sealing<R>(seals: Arc<dyn Seals>, work: impl FnOnce() -> R) -> R {
    writing(Writing::Sealing(seals), work)
}

/// Runs `work`, in which fresh personal data is left out, and answers whose it was. What was written is whole if that is
/// nobody.
pub fn collecting<R>(work: impl FnOnce() -> R) -> (R, BTreeSet<SubjectId>) {
    let before = SUBJECTS.take();
    let done = writing(Writing::Collecting, work);
    (done, SUBJECTS.replace(before))
}

/// Runs `work`, which writes what is going to be answered, and answers which sealed data is in it: what has to be opened
/// before [`showing`].
pub fn listing<R>(work: impl FnOnce() -> R) -> (R, Vec<Sealed>) {
    let before = LISTED.take();
    let done = writing(Writing::Listing, work);
    (done, LISTED.replace(before))
}

/// Runs `work`, in which personal data is written in clear as `shows` knows it, else as [`ERASED`]. For answers.
pub fn showing<R>(shows: Arc<dyn Shows>, work: impl FnOnce() -> R) -> R {
    writing(Writing::Showing(shows), work)
}

/// Runs `work`, in which personal data is read as a read model's table shows it: in clear, or [`ERASED`]. It can then be
/// written inside [`showing`] only.
pub fn shown<R>(work: impl FnOnce() -> R) -> R {
    reading_as(Reading::Shown, work)
}

/// Runs `work`, which reads stored events or rows, and answers which sealed data it read: exactly what its types say is
/// personal, whatever other texts look like.
pub fn noting<R>(work: impl FnOnce() -> R) -> (R, Vec<Sealed>) {
    struct Before(Option<Vec<Sealed>>);
    impl Drop for Before {
        fn drop(&mut self) {
            NOTED.set(self.0.take());
        }
    }
    let before = Before(NOTED.replace(Some(Vec::new())));
    let done = work();
    let noted = NOTED.take().unwrap_or_default();
    drop(before);
    (done, noted)
}

pub(super) fn note(sealed: &Sealed) {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            noted.push(sealed.clone());
        }
    });
}

/// Runs `work`, in which specs read what specs sealed.
pub(crate) fn opening_specs<R>(work: impl FnOnce() -> R) -> R {
    reading_as(Reading::Specs, work)
}

pub(super) fn reading() -> Reading {
    READING.get()
}

fn current() -> Writing {
    WRITING.with_borrow(Clone::clone)
}

pub(super) fn write_plain(subject: SubjectId, value: &impl Display) -> Result<Cow<'static, str>, SealError> {
    match current() {
        Writing::Stored => Err(SealError::NoScope),
        Writing::Collecting => {
            SUBJECTS.with_borrow_mut(|subjects| subjects.insert(subject));
            Ok(Cow::Borrowed(""))
        }
        Writing::Sealing(seals) => Ok(Cow::Owned(seals.seal(subject, &value.to_string())?.as_str().to_owned())),
        Writing::Listing => Ok(Cow::Borrowed("")),
        Writing::Showing(_) => Ok(Cow::Owned(value.to_string())),
    }
}

pub(super) fn write_sealed(sealed: &Sealed) -> Cow<'_, str> {
    match current() {
        Writing::Stored | Writing::Collecting | Writing::Sealing(_) => Cow::Borrowed(sealed.as_str()),
        Writing::Listing => {
            LISTED.with_borrow_mut(|listed| listed.push(sealed.clone()));
            Cow::Borrowed(sealed.as_str())
        }
        Writing::Showing(shows) => {
            shows.show(sealed).map_or(Cow::Borrowed(ERASED), |text| Cow::Owned(text.as_ref().to_owned()))
        }
    }
}

pub(super) fn write_shown(text: &str) -> Result<Cow<'_, str>, SealError> {
    match current() {
        Writing::Stored | Writing::Collecting | Writing::Sealing(_) => Err(SealError::NoScope),
        Writing::Listing | Writing::Showing(_) => Ok(Cow::Borrowed(text)),
    }
}
