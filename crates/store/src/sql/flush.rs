//! The one writer of a server. Batches that wait while a flush is under way share the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use super::ticket::{self, Ticket};
use super::writing::{Heads, SAVEPOINT, apply, no_rows};
use super::{Backend, Connection, statement};
use crate::batch::Batch;
use crate::engine::Tally;
use crate::error::{CommitError, StoreError};

/// How many batches go into one flush at the most.
const BATCHES_PER_FLUSH: usize = 256;

/// How often a flush is made again because another server's came between. Each time that one was committed, so that
/// somebody gets on; it is a matter of luck who does.
const ATTEMPTS: usize = 256;

/// How often a database that went away is tried again in one flush.
const RECONNECTS: usize = 6;

/// A batch that waits for the writer.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) done: Sender<Result<(), CommitError>>,
}

/// What the writer did; read by others.
#[derive(Default)]
pub(super) struct Counters {
    batches: AtomicU64,
    flushes: AtomicU64,
    contentions: AtomicU64,
}

impl Counters {
    pub(super) fn tally(&self) -> Tally {
        Tally {
            batches: self.batches.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
            contentions: self.contentions.load(Ordering::Relaxed),
        }
    }
}

/// The writer.
pub(super) struct Writer<B> {
    backend: Arc<B>,
    connection: Option<Box<dyn Connection>>,
    /// Where the database stands, if nobody else can have moved it.
    heads: Option<Heads>,
    /// If others can.
    ticket: Option<Ticket>,
    /// A flush whose commit was not answered. Before it is settled, nothing else is written.
    doubt: Option<Doubt>,
    counters: Arc<Counters>,
}

/// The results of a flush's batches, in their order.
type Results = Vec<Result<(), CommitError>>;

/// What is not known of a flush is whether it was committed.
enum Doubt {
    /// The batches still wait. These are their results if it was.
    Waiting(Results),
    /// They were told that it is not known.
    Told,
}

impl<B: Backend> Writer<B> {
    pub(super) fn new(backend: Arc<B>, connection: Box<dyn Connection>, counters: Arc<Counters>) -> Self {
        Self { backend, connection: Some(connection), heads: None, ticket: None, doubt: None, counters }
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let waiting: Vec<Job> =
                std::iter::once(first).chain(jobs.try_iter().take(BATCHES_PER_FLUSH - 1)).collect();
            self.flush(waiting);
        }
        if let Some(connection) = &self.connection {
            if let (Some(ticket), None) = (self.ticket, &self.doubt)
                && let Err(error) = ticket.give_back(&**connection)
            {
                tracing::debug!(%error, "this server's row stays in the database");
            }
            connection.finish();
        }
    }

    pub(super) fn flush(&mut self, jobs: Vec<Job>) {
        let (batches, waiting): (Vec<Batch>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.done)).unzip();
        for (result, done) in self.write(&batches).into_iter().zip(waiting) {
            // The request that waited may have gone away; what was committed stays committed.
            let _ = done.send(result);
        }
    }

    /// Writes batches in one commit. This is the one place where a commit is tried again.
    fn write(&mut self, batches: &[Batch]) -> Results {
        let (mut contentions, mut reconnects) = (0, 0);
        let why = loop {
            let why = match self.attempt(batches) {
                Ok(results) => {
                    let committed = results.iter().filter(|result| result.is_ok()).count();
                    self.counters.batches.fetch_add(committed as u64, Ordering::Relaxed);
                    self.counters.flushes.fetch_add(u64::from(committed > 0), Ordering::Relaxed);
                    return results;
                }
                Err(why) => why,
            };
            match &why {
                StoreError::Contention if contentions < ATTEMPTS => {
                    self.counters.contentions.fetch_add(1, Ordering::Relaxed);
                    contentions += 1;
                }
                // Nothing of the flush was committed, or that is settled first.
                StoreError::Unreachable(_) if reconnects < RECONNECTS => {
                    tracing::warn!(%why, "the database went away during a flush; it is tried again");
                    self.backend.pause(reconnects);
                    reconnects += 1;
                }
                _ => break why,
            }
        };
        let unknown = matches!(self.doubt, Some(Doubt::Waiting(_)));
        tracing::error!(%why, unknown, "a flush failed");
        self.doubt = self.doubt.take().map(|_| Doubt::Told);
        let result = || match unknown {
            true => StoreError::Unknown(why.to_string()),
            false => why.again(),
        };
        batches.iter().map(|_| Err(CommitError::Failed(result()))).collect()
    }

    /// One transaction, after what is in doubt has been settled. Fails as a whole, or tells for each batch whether it
    /// was committed.
    fn attempt(&mut self, batches: &[Batch]) -> Result<Results, StoreError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.backend.writer()?,
        };
        let outcome = match self.settle(&*connection) {
            Ok(Some(results)) => Ok(results),
            Ok(None) => self.transact(&*connection, batches),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            self.heads = None;
        }
        if outcome.is_ok() || undo(&*connection) {
            self.connection = Some(connection);
        }
        outcome
    }

    /// Settles what is in doubt. Returns the results of the batches that wait, if they turn out to be committed.
    fn settle(&mut self, connection: &dyn Connection) -> Result<Option<Results>, StoreError> {
        let (Some(ticket), Some(doubt)) = (&mut self.ticket, &mut self.doubt) else {
            return Ok(None);
        };
        let committed = ticket.settle(connection)?;
        let results = match doubt {
            Doubt::Waiting(results) if committed => Some(std::mem::take(results)),
            Doubt::Waiting(_) => None,
            Doubt::Told => {
                tracing::warn!(committed, "what became of an earlier flush is known now");
                None
            }
        };
        self.doubt = None;
        Ok(results)
    }

    fn transact(&mut self, connection: &dyn Connection, batches: &[Batch]) -> Result<Results, StoreError> {
        if !B::EXCLUSIVE && self.ticket.is_none() {
            self.ticket = Some(Ticket::draw(connection)?);
        }
        connection.begin_writing()?;
        let mut heads = self.open(connection)?;
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            results.push(apply(connection, &mut heads, batch)?);
        }
        if !results.iter().any(Result::is_ok) {
            connection.rollback()?;
            return Ok(results);
        }
        match connection.commit() {
            Ok(()) => {}
            Err(why) if B::EXCLUSIVE || matches!(why, StoreError::Contention) => return Err(why),
            Err(why) => {
                self.doubt = Some(Doubt::Waiting(results));
                return Err(StoreError::Unreachable(why.to_string()));
            }
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.advance();
        }
        self.heads = B::EXCLUSIVE.then_some(heads);
        Ok(results)
    }

    /// Opens a flush: takes its turn, and finds out where the database stands.
    fn open(&self, connection: &dyn Connection) -> Result<Heads, StoreError> {
        let mut opening = self.ticket.map(Ticket::opening).unwrap_or_default();
        let numbers = opening.len();
        opening.push(statement(SAVEPOINT, []));
        if let Some(heads) = &self.heads {
            connection.run(&opening, &mut no_rows)?;
            return Ok(heads.clone());
        }
        let (heads, answers) = Heads::read(connection, opening)?;
        match answers.iter().take(numbers).all(Option::is_some) {
            true => Ok(heads),
            false => Err(ticket::lost()),
        }
    }
}

/// Ends a transaction that failed. Returns whether the connection can still be used.
fn undo(connection: &dyn Connection) -> bool {
    match connection.in_transaction() {
        true => connection.rollback().is_ok(),
        false => connection.usable(),
    }
}

#[cfg(test)]
mod tests;
