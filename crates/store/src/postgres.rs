//! PostgreSQL, and databases that speak its dialect: many servers on one database.
//!
//! A commit is SERIALIZABLE, and a decision's conditions are asked again in it. A decision reads from a snapshot of its
//! own, which no other transaction can make fail.

mod address;
mod driver;
mod fault;
mod handle;
mod schema;

use std::sync::Arc;
use std::time::Duration;

pub use address::PostgresUrl;

use crate::engine::Snapshot;
use crate::error::StoreError;
use crate::sql::{Backend, Connection, SqlEngine, inspect};
use driver::Driver;
use handle::{Handle, READER, WRITER};

/// What is waited for a database that went away: this long, twice as long the next time, and so on.
const PAUSE: Duration = Duration::from_millis(100);

/// A database.
pub(crate) struct Postgres {
    driver: Arc<Driver>,
}

impl Postgres {
    /// Opens the database, brings its schema up to date and starts the writer.
    pub(crate) fn open(url: &PostgresUrl) -> Result<SqlEngine, StoreError> {
        let driver = Driver::start(url.clone())?;
        let writer = Handle::open(&driver, &WRITER)?;
        schema::migrate(&writer)?;
        SqlEngine::start(Self { driver }, Box::new(writer))
    }

    /// A connection that writes, to a database whose schema is up to date.
    pub(crate) fn connect(url: &PostgresUrl) -> Result<Box<dyn Connection>, StoreError> {
        let driver = Driver::start(url.clone())?;
        let writer = Handle::open(&driver, &WRITER)?;
        schema::migrate(&writer)?;
        Ok(Box::new(writer))
    }

    /// A view of a database that is only looked at.
    pub(crate) fn inspect(url: &PostgresUrl) -> Result<Box<dyn Snapshot>, StoreError> {
        let driver = Driver::start(url.clone())?;
        schema::check(&Handle::open(&driver, &READER)?)?;
        inspect(Self { driver })
    }
}

impl Backend for Postgres {
    const EXCLUSIVE: bool = false;

    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        Ok(Box::new(Handle::open(&self.driver, &READER)?))
    }

    fn writer(&self) -> Result<Box<dyn Connection>, StoreError> {
        Ok(Box::new(Handle::open(&self.driver, &WRITER)?))
    }

    fn readers(&self) -> usize {
        self.driver.readers()
    }

    fn pause(&self, times: usize) {
        std::thread::sleep(PAUSE * (1 << times.min(6)));
    }
}
