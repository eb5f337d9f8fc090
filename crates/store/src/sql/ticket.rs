//! How a server finds out whether a commit was made whose answer was lost.
//!
//! Each server that shares a database has a row of its own with a number, and each of its flushes moves that number on
//! in the same transaction. When a commit is not answered, the server moves the number from where it was before the
//! flush to somewhere else. If that works, the flush was not committed, and cannot be any more, because the row is not
//! as it left it. If not, it was.

use super::writing::no_rows;
use super::{Connection, Statement, Value, query_first, statement};
use crate::error::StoreError;

/// All flushes of all servers move this counter before they read anything else, so that they come one after the other.
const TURN: &str = "UPDATE counters SET value = value + 1 WHERE name = 'flush' RETURNING value";

/// A server's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    server: i64,
    number: i64,
}

impl Ticket {
    /// Makes a row for this server. One that is made and then not heard of stays behind, and harms nobody.
    pub(super) fn draw(connection: &dyn Connection) -> Result<Self, StoreError> {
        connection.begin_writing()?;
        let sql = "UPDATE counters SET value = value + 1 WHERE name = 'server' RETURNING value";
        let server = query_first(connection, sql, &[], |row| row.int(0))?
            .ok_or_else(|| StoreError::Corrupt("the counter of servers is missing".into()))?;
        let sql = "INSERT INTO flushes (server, number) VALUES ($1, 0)";
        connection.run(&[statement(sql, [Value::Int(server)])], &mut no_rows)?;
        connection.commit()?;
        Ok(Self { server, number: 0 })
    }

    /// What a flush begins with. Each of the statements answers with a number.
    pub(super) fn opening(self) -> Vec<Statement<'static>> {
        let sql = "UPDATE flushes SET number = $1 WHERE server = $2 AND number = $3 RETURNING number";
        let values = [self.number + 1, self.server, self.number].map(Value::Int);
        vec![statement(TURN, []), statement(sql, values)]
    }

    /// After a flush that was committed.
    pub(super) fn advance(&mut self) {
        self.number += 1;
    }

    /// Finds out whether the last flush was committed, and sees to it that it cannot be later.
    pub(super) fn settle(&mut self, connection: &dyn Connection) -> Result<bool, StoreError> {
        let (before, committed, abandoned) = (self.number, self.number + 1, self.number + 2);
        connection.begin_writing()?;
        let [server, from, to] = [self.server, before, abandoned].map(Value::Int);
        let statements = [
            statement("UPDATE flushes SET number = $1 WHERE server = $2 AND number = $3", [to, server, from]),
            statement("SELECT number FROM flushes WHERE server = $1", [server]),
        ];
        let mut found = None;
        connection.run(&statements, &mut |_, row| {
            found = Some(row.int(0)?);
            Ok(())
        })?;
        connection.commit()?;
        match found {
            Some(number) if number == committed || number == abandoned => {
                self.number = number;
                Ok(number == committed)
            }
            _ => Err(lost()),
        }
    }

    /// Removes the row at an orderly end.
    pub(super) fn give_back(self, connection: &dyn Connection) -> Result<(), StoreError> {
        connection.begin_writing()?;
        let sql = "DELETE FROM flushes WHERE server = $1";
        connection.run(&[statement(sql, [Value::Int(self.server)])], &mut no_rows)?;
        connection.commit()
    }
}

/// The row is not as this server left it.
pub(super) fn lost() -> StoreError {
    StoreError::Corrupt(
        "the database does not show what this server wrote last: it was restored from a backup, or a standby that \
         lacks acknowledged commits took over; restart the server when that is understood"
            .into(),
    )
}
