//! Checking a whole ledger, row by row, without holding more than a piece of it.

use ledger::{Break, Head, Stored};

use crate::engine::LedgerRow;
use crate::error::StoreError;
use crate::sql::digest;

/// How many rows are held at a time.
const CHUNK: i64 = 1000;

/// Reads at most so many rows from a sequence on.
pub(crate) type ReadLedger<'a> = dyn FnMut(i64, i64) -> Result<Vec<LedgerRow>, StoreError> + 'a;

/// Checks every entry against its hashes, every hash against the one before, and the whole against a head that was
/// noted earlier, if one is given.
///
/// # Errors
/// The inner error names the first entry that does not fit.
pub(crate) fn verify_ledger(
    read: &mut ReadLedger<'_>,
    expected: Option<Head>,
) -> Result<Result<Head, Break>, StoreError> {
    let mut failure = None;
    let rows = Rows { read, next: 0, chunk: Vec::new().into_iter(), failure: &mut failure };
    let verdict = ledger::verify(rows, expected);
    match failure {
        Some(error) => Err(error),
        None => Ok(verdict),
    }
}

/// All rows of the ledger in their order, read chunk by chunk.
struct Rows<'a> {
    read: &'a mut ReadLedger<'a>,
    next: i64,
    chunk: std::vec::IntoIter<LedgerRow>,
    failure: &'a mut Option<StoreError>,
}

impl Rows<'_> {
    fn advance(&mut self) -> Result<Option<Stored<Vec<u8>>>, StoreError> {
        if self.chunk.len() == 0 {
            let rows = (self.read)(self.next, CHUNK)?;
            self.next = rows.last().map_or(self.next, |row| row.sequence + 1);
            self.chunk = rows.into_iter();
        }
        let Some(row) = self.chunk.next() else {
            return Ok(None);
        };
        Ok(Some(Stored { leaf: digest(&row.leaf)?, chain: digest(&row.chain)?, canonical: row.canonical }))
    }
}

impl Iterator for Rows<'_> {
    type Item = Stored<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().unwrap_or_else(|error| {
            *self.failure = Some(error);
            None
        })
    }
}
