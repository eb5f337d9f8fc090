//! The schema of a PostgreSQL database. No more is used than its relatives have, too: each statement is a transaction
//! of its own, and nothing is locked. So servers that start at once may get into each other's way, and try again.

use std::time::Duration;

use super::handle::Handle;
use crate::error::StoreError;
use crate::sql::query_first;

/// The newest schema this program knows. Each number has a file in `schema/postgres/`.
const MIGRATIONS: &[&str] = &[
    include_str!("../schema/postgres/0001.sql"),
    include_str!("../schema/postgres/0002.sql"),
    include_str!("../schema/postgres/0003.sql"),
    include_str!("../schema/postgres/0004.sql"),
    include_str!("../schema/postgres/0005.sql"),
    include_str!("../schema/postgres/0006.sql"),
];

const NUMBER: &str = "CREATE TABLE IF NOT EXISTS schema_number (
    id     BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
)";

/// How often the schema is tried, and how long is waited in between.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Brings the schema up to date.
pub(super) fn migrate(handle: &Handle) -> Result<(), StoreError> {
    for _ in 1..ATTEMPTS {
        match apply(handle) {
            Err(StoreError::Contention) => std::thread::sleep(PAUSE),
            outcome => return outcome,
        }
    }
    apply(handle)
}

fn apply(handle: &Handle) -> Result<(), StoreError> {
    handle.define(NUMBER)?;
    for (number, statements) in MIGRATIONS.iter().enumerate().skip(check(handle)?) {
        for statement in statements.split(";\n").filter(|statement| !statement.trim().is_empty()) {
            handle.define(statement)?;
        }
        handle.execute(&format!(
            "INSERT INTO schema_number (id, number) VALUES (1, {}) ON CONFLICT (id)
             DO UPDATE SET number = excluded.number WHERE schema_number.number < excluded.number",
            number + 1
        ))?;
    }
    Ok(())
}

/// The schema's number, if this program knows it.
pub(super) fn check(handle: &Handle) -> Result<usize, StoreError> {
    let encoding = "SELECT current_setting('server_encoding')";
    let encoding =
        query_first(handle, encoding, &[], |row| Ok(row.text(0)?.to_string()))?.unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("utf8") {
        let why = format!("the database has the encoding {encoding}; make one with ENCODING 'UTF8'");
        return Err(StoreError::Unsuitable(why));
    }
    let found = query_first(handle, "SELECT number FROM schema_number", &[], |row| row.int(0))?.unwrap_or(0);
    let found = usize::try_from(found).map_err(|_| StoreError::Corrupt("the schema's number".into()))?;
    if found > MIGRATIONS.len() {
        return Err(StoreError::NewerSchema { found, known: MIGRATIONS.len() });
    }
    Ok(found)
}
