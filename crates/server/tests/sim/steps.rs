//! The servers' work, step by step. Each piece has a thread, but only one thread ever runs: a piece goes on where it
//! waits for the database when the simulation says so, and meanwhile others do. So decisions on several servers really
//! come between each other, and always in the same way for the same seed.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use server::app::{Job, Steering};

use crate::dice::Dice;

/// How a server's work is steered: pieces begin after a while, in no particular order.
pub struct Steps(pub Dice);

impl Steering for Steps {
    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let begin = self.0.millis(0, 6);
        Box::pin(async move {
            // A task of its own, because it goes on when the client has gone away. It ends with the server.
            let whole = tokio::spawn(async move {
                tokio::time::sleep(begin).await;
                let mut piece = Piece::new(job);
                while let Some(pause) = piece.go_on() {
                    tokio::time::sleep(pause).await;
                }
            });
            let _ = whole.await;
        })
    }
}

/// What a piece of work is told after it waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    GoOn,
    /// Its server has crashed. What is on its way to the database may still arrive there.
    Die,
}

enum Said {
    Waits(Duration),
    Ended,
}

struct Line {
    said: Sender<Said>,
    told: Receiver<Told>,
}

thread_local! {
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
    static DYING: Cell<bool> = const { Cell::new(false) };
}

/// What a piece of work panics with whose server has crashed.
struct Crash;

/// Whether this is a piece of a server's work.
pub fn at_work() -> bool {
    LINE.with_borrow(Option::is_some)
}

/// Lets others go on for a while.
pub fn wait(pause: Duration) -> Told {
    if DYING.get() {
        return Told::Die;
    }
    let told = LINE.with_borrow(|line| {
        let Some(line) = line else { return Told::GoOn };
        line.said.send(Said::Waits(pause)).unwrap();
        line.told.recv().unwrap_or(Told::Die)
    });
    DYING.set(told == Told::Die);
    told
}

/// Ends a piece of work whose server has crashed, wherever it is.
pub fn die() -> ! {
    resume_unwind(Box::new(Crash))
}

/// A piece of work under way. Dropped before its end, it dies.
struct Piece {
    told: Sender<Told>,
    said: Receiver<Said>,
    thread: Option<JoinHandle<()>>,
}

impl Piece {
    fn new(job: Job) -> Self {
        let ((told, tells), (says, said)) = (channel(), channel());
        let thread = std::thread::spawn(move || {
            if tells.recv() != Ok(Told::GoOn) {
                return;
            }
            LINE.set(Some(Line { said: says, told: tells }));
            let outcome = catch_unwind(AssertUnwindSafe(job));
            let line = LINE.take();
            if outcome.is_err_and(|panic| !panic.is::<Crash>()) {
                // Whoever waits for it answers with an error, which fails the run.
                eprintln!("a piece of work panicked");
            }
            if let Some(line) = line {
                let _ = line.said.send(Said::Ended);
            }
        });
        Self { told, said, thread: Some(thread) }
    }

    /// Runs it until it waits, and says for how long; or to its end.
    fn go_on(&mut self) -> Option<Duration> {
        self.tell(Told::GoOn)
    }

    fn tell(&mut self, told: Told) -> Option<Duration> {
        self.thread.as_ref()?;
        let _ = self.told.send(told);
        match self.said.recv() {
            Ok(Said::Waits(pause)) => Some(pause),
            Ok(Said::Ended) | Err(_) => {
                // What it held is free before anything else happens.
                if let Some(thread) = self.thread.take() {
                    let _ = thread.join();
                }
                None
            }
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        while self.tell(Told::Die).is_some() {}
    }
}
