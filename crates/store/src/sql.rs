//! What the SQL engines share: one text for every statement, how batches are written, and the pool of readers.
//!
//! Statements use what SQLite, PostgreSQL and the databases that speak PostgreSQL's dialect have in common. Parameters
//! are written `$1`, `$2` … and first mentioned in that order, which makes them mean the same to all.

mod engine;
mod flush;
mod pool;
mod reading;
mod ticket;
mod writing;

use crate::error::StoreError;

pub(crate) use engine::{SqlEngine, inspect};
pub(crate) use reading::read_ledger;
pub(crate) use writing::digest;

/// A value in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Null,
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'static str,
    pub(crate) values: Vec<Value<'a>>,
}

/// Puts a statement and its values together.
pub(crate) fn statement<'a, const N: usize>(sql: &'static str, values: [Value<'a>; N]) -> Statement<'a> {
    Statement { sql, values: values.to_vec() }
}

/// One row of an answer. Columns are counted from 0; one of another type than asked for is damage.
pub(crate) trait Columns {
    fn int(&self, column: usize) -> Result<i64, StoreError>;
    fn int_or_null(&self, column: usize) -> Result<Option<i64>, StoreError>;
    /// The text, for as long as the row is at hand.
    fn text(&self, column: usize) -> Result<&str, StoreError>;
    fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError>;
    fn bytes(&self, column: usize) -> Result<&[u8], StoreError>;
}

/// Takes the rows of several statements: the number of the statement, and a row.
pub(crate) type EachRow<'a> = dyn FnMut(usize, &dyn Columns) -> Result<(), StoreError> + 'a;

/// What runs statements.
pub(crate) trait Run {
    /// Runs statements one after the other, in as few round trips as the database allows, and hands on their rows.
    fn run(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError>;
}

/// A connection to a database.
///
/// Its functions fail with [`StoreError::Contention`] when the whole transaction must be made again, and with
/// [`StoreError::Unreachable`] when the connection is gone.
pub(crate) trait Connection: Run + Send {
    /// Begins a transaction that reads one consistent state.
    fn begin_reading(&self) -> Result<(), StoreError>;

    /// Begins a transaction that behaves as if it were alone.
    fn begin_writing(&self) -> Result<(), StoreError>;

    /// Makes the transaction durable. Only after [`StoreError::Contention`] is it certain that it did not.
    fn commit(&self) -> Result<(), StoreError>;

    /// Ends a transaction without a trace.
    fn rollback(&self) -> Result<(), StoreError>;

    /// Whether a transaction is still open: a database may end one by itself, as on a full disk.
    fn in_transaction(&self) -> bool;

    /// Whether it is worth trying again on this connection, as far as is known without asking.
    fn usable(&self) -> bool {
        true
    }

    /// Called before a writing connection ends for good.
    fn finish(&self) {}
}

/// Where connections come from.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Whether no other server can write to the database, so that what was written last is known without asking.
    const EXCLUSIVE: bool;

    /// A connection to read with.
    fn reader(&self) -> Result<Box<dyn Connection>, StoreError>;

    /// A connection to write with.
    fn writer(&self) -> Result<Box<dyn Connection>, StoreError>;

    /// How many connections may read at once.
    fn readers(&self) -> usize;

    /// Waits a moment before a database that went away is tried again; longer with each time.
    fn pause(&self, _times: usize) {}
}

/// Runs one statement and reads each of its rows.
pub(crate) fn query<T>(
    connection: &dyn Run,
    sql: &'static str,
    values: &[Value<'_>],
    mut read: impl FnMut(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut rows = Vec::new();
    connection.run(&[Statement { sql, values: values.to_vec() }], &mut |_, row| {
        rows.push(read(row)?);
        Ok(())
    })?;
    Ok(rows)
}

/// Runs one statement and reads its first row, if it has one.
pub(crate) fn query_first<T>(
    connection: &dyn Run,
    sql: &'static str,
    values: &[Value<'_>],
    read: impl FnMut(&dyn Columns) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    Ok(query(connection, sql, values, read)?.into_iter().next())
}

/// Runs one statement that counts something.
pub(crate) fn query_count(
    connection: &dyn Run,
    sql: &'static str,
    values: &[Value<'_>],
) -> Result<i64, StoreError> {
    Ok(query_first(connection, sql, values, |row| row.int(0))?.unwrap_or(0))
}
