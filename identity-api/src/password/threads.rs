//! Threads that work when nobody else wants to.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How much they give way, of 19. At 10 they have a tenth of a core that everybody wants: signing in takes longer then, and
/// comes to an end.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Work = Box<dyn FnOnce() + Send>;

/// Some threads of a low priority. They end when this is dropped and their work is done.
pub(super) struct Threads(Sender<Work>);

impl Threads {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new().name("passwords".to_owned()).spawn(move || work(&receiver))?;
        }
        Ok(Self(sender))
    }

    /// Runs it on the next free one.
    pub(super) fn run(&self, work: impl FnOnce() + Send + 'static) {
        // They are there for as long as this is.
        self.0.send(Box::new(work)).ok();
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    give_way();
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else { return };
        // Who waits for it hears that there is no answer, and the thread goes on.
        catch_unwind(AssertUnwindSafe(work)).ok();
    }
}

/// A low priority for this thread: only on Linux has each thread its own.
#[cfg(target_os = "linux")]
fn give_way() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "passwords are hashed with the priority of everything else"
        );
    }
}

#[cfg(not(target_os = "linux"))]
const fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_that_panics_takes_no_thread_with_it() {
        let threads = Threads::start(1).unwrap();
        let (done, told) = channel();
        threads.run(|| panic!("on purpose"));
        threads.run(move || done.send(thread::current().name().map(str::to_owned)).unwrap());
        assert_eq!(told.recv_timeout(Duration::from_mins(1)).unwrap().as_deref(), Some("passwords"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn they_give_way_and_whoever_starts_them_does_not() {
        let threads = Threads::start(1).unwrap();
        let (done, told) = channel();
        let before = rustix::process::nice(0).unwrap();
        threads.run(move || done.send(rustix::process::nice(0).unwrap()).unwrap());
        assert_eq!(told.recv_timeout(Duration::from_mins(1)).unwrap(), before + NICE);
        assert_eq!(rustix::process::nice(0).unwrap(), before);
    }
}
