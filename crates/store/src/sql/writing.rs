//! Batches: whether their conditions hold, and what they write.

use ledger::{Chain, Digest, Head};

use super::{Columns, Connection, Statement, Value, query_first, statement};
use crate::batch::{Batch, Condition, DocumentWrite, ObjectWrite};
use crate::error::{CommitError, StoreError};
use crate::moving::FENCE;

/// Whether an object ever existed: a count that is 0 or 1.
pub(super) const KNOWN: &str = "SELECT count(*) FROM (SELECT 1 FROM objects
     WHERE repository = $1 AND type = $2 AND name = $3 LIMIT 1) AS found";

/// How many objects of one type are alive.
pub(super) const ALIVE: &str =
    "SELECT count(*) FROM objects WHERE repository = $1 AND type = $2 AND deleted_sequence IS NULL";

/// How many revisions of access can be followed change by change. Who is further behind reads everything.
const ACCESS_LOG: i64 = 100_000;

/// What the next batch continues.
#[derive(Clone, Debug)]
pub(crate) struct Heads {
    /// The last revision given to a document.
    revision: i64,
    /// The revision of what decisions about access read.
    access: i64,
    chain: Chain,
}

impl Heads {
    /// Reads where the database stands.
    pub(crate) fn read(connection: &dyn Connection) -> Result<Self, StoreError> {
        let (mut revision, mut access) = (0, 0);
        let mut head = Head::EMPTY;
        let statements = [
            statement("SELECT name, value FROM counters", []),
            statement("SELECT sequence, chain FROM ledger ORDER BY sequence DESC LIMIT 1", []),
        ];
        connection.run(&statements, &mut |number, row| {
            if number == 0 {
                match row.text(0)? {
                    "revision" => revision = row.int(1)?,
                    "access" => access = row.int(1)?,
                    FENCE if row.int(1)? != 0 => return Err(StoreError::Moved),
                    _ => {}
                }
                return Ok(());
            }
            let size =
                u64::try_from(row.int(0)? + 1).map_err(|_| StoreError::Corrupt("ledger sequence".into()))?;
            head = Head { size, chain: digest(row.bytes(1)?)? };
            Ok(())
        })?;
        Ok(Self { revision, access, chain: Chain::resume(head) })
    }
}

/// Checks a batch's conditions against everything before it, earlier batches of the same flush included, and writes it.
/// A batch that fails leaves no trace.
pub(crate) fn apply(
    connection: &dyn Connection,
    heads: &mut Heads,
    batch: &Batch,
) -> Result<(), CommitError> {
    if !hold(connection, heads, &batch.conditions)? {
        return Err(CommitError::Conflict);
    }
    connection.run(&[statement("SAVEPOINT batch", [])], &mut no_rows)?;
    let mut after = heads.clone();
    match write(connection, &mut after, batch) {
        Ok(()) => {
            *heads = after;
            Ok(())
        }
        // The whole flush is to be made again, or cannot be finished: there is nothing to go back to.
        Err(error @ (StoreError::Contention | StoreError::Unreachable(_))) => Err(error.into()),
        Err(error) => {
            if connection.in_transaction() {
                let undo =
                    [statement("ROLLBACK TO SAVEPOINT batch", []), statement("RELEASE SAVEPOINT batch", [])];
                connection.run(&undo, &mut no_rows)?;
            }
            Err(error.into())
        }
    }
}

fn no_rows(_: usize, _: &dyn Columns) -> Result<(), StoreError> {
    Ok(())
}

/// Whether everything that a decision read still reads the same.
fn hold(connection: &dyn Connection, heads: &Heads, conditions: &[Condition]) -> Result<bool, StoreError> {
    let access_holds = |condition: &Condition| match condition {
        Condition::Access(revision) => *revision == heads.access,
        _ => true,
    };
    if !conditions.iter().all(access_holds) {
        return Ok(false);
    }
    let asked: Vec<(&Condition, Statement<'_>)> =
        conditions.iter().filter_map(|condition| Some((condition, question(condition)?))).collect();
    let (conditions, statements): (Vec<&Condition>, Vec<Statement<'_>>) = asked.into_iter().unzip();
    // What no row says is not there.
    let mut answers: Vec<[Option<i64>; 2]> = vec![[None; 2]; statements.len()];
    connection.run(&statements, &mut |number, row| {
        if let Some(answer) = answers.get_mut(number) {
            let second =
                matches!(conditions.get(number), Some(Condition::Range { .. } | Condition::Lookup { .. }));
            *answer = [row.int_or_null(0)?, if second { row.int_or_null(1)? } else { None }];
        }
        Ok(())
    })?;
    Ok(conditions.iter().zip(answers).all(|(condition, answer)| holds(condition, answer)))
}

/// What to ask the database about a condition. The revision of access is known already.
fn question(condition: &Condition) -> Option<Statement<'_>> {
    Some(match condition {
        Condition::Access(_) => return None,
        Condition::Document { kind, key, .. } => statement(
            "SELECT revision FROM documents WHERE kind = $1 AND key = $2",
            [Value::Text(kind), Value::Text(key)],
        ),
        Condition::Range { kind, lower, upper, .. } => statement(
            "SELECT count(*), coalesce(max(revision), 0) FROM documents
             WHERE kind = $1 AND key >= $2 AND key < $3",
            [Value::Text(kind), Value::Text(lower), Value::Text(upper)],
        ),
        Condition::Lookup { kind, lookup, .. } => statement(
            "SELECT count(*), coalesce(max(revision), 0) FROM documents WHERE kind = $1 AND lookup = $2",
            [Value::Text(kind), Value::Text(lookup)],
        ),
        Condition::Object { repository, object_type, name, .. } => statement(
            "SELECT sequence FROM objects
             WHERE repository = $1 AND type = $2 AND name = $3 AND deleted_sequence IS NULL",
            [Value::Text(repository), Value::Text(object_type), Value::Text(name)],
        ),
        Condition::ObjectKnown { repository, object_type, name, .. } => {
            statement(KNOWN, [Value::Text(repository), Value::Text(object_type), Value::Text(name)])
        }
        Condition::Room { repository, object_type, .. } => {
            statement(ALIVE, [Value::Text(repository), Value::Text(object_type)])
        }
    })
}

fn holds(condition: &Condition, answer: [Option<i64>; 2]) -> bool {
    match condition {
        Condition::Access(_) => true,
        Condition::Document { revision, .. } => answer == [*revision, None],
        Condition::Range { seen, .. } | Condition::Lookup { seen, .. } => {
            answer == [Some(seen.count), Some(seen.highest)]
        }
        Condition::Object { sequence, .. } => answer == [*sequence, None],
        Condition::ObjectKnown { known, .. } => answer == [Some(i64::from(*known)), None],
        Condition::Room { limit, room, .. } => answer[0].is_some_and(|alive| (alive < *limit) == *room),
    }
}

/// Writes a batch behind the heads, and moves them.
fn write(connection: &dyn Connection, heads: &mut Heads, batch: &Batch) -> Result<(), StoreError> {
    for object in &batch.objects {
        write_object(connection, object)?;
    }
    let links = batch
        .entries
        .iter()
        .map(|entry| {
            let mut entry = entry.clone();
            entry.sequence = heads.chain.head().size;
            let sequence =
                i64::try_from(entry.sequence).map_err(|_| StoreError::Corrupt("ledger size".into()))?;
            let link = heads.chain.append(&entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
            Ok((sequence, link))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let mut statements = Vec::new();
    if !batch.documents.is_empty() {
        heads.revision += 1;
        statements.push(set_counter("revision", heads.revision));
        let documents = batch.documents.iter();
        statements.extend(documents.map(|((kind, key), write)| put(kind, key, write, heads.revision)));
    }
    if !batch.access.is_empty() {
        heads.access += 1;
        statements.push(set_counter("access", heads.access));
        let log = "INSERT INTO access_log (revision, kind, key) VALUES ($1, $2, $3)";
        let access = heads.access;
        statements.extend(
            batch
                .access
                .iter()
                .map(|(kind, key)| statement(log, [Value::Int(access), Value::Text(kind), Value::Text(key)])),
        );
        let forget = "DELETE FROM access_log WHERE revision <= $1";
        statements.push(statement(forget, [Value::Int(heads.access - ACCESS_LOG)]));
    }
    for (sequence, link) in &links {
        statements.push(statement(
            "INSERT INTO ledger (sequence, canonical, leaf, chain) VALUES ($1, $2, $3, $4)",
            [
                Value::Int(*sequence),
                Value::Bytes(&link.canonical),
                Value::Bytes(link.leaf.as_bytes()),
                Value::Bytes(link.head.chain.as_bytes()),
            ],
        ));
    }
    statements.push(statement("RELEASE SAVEPOINT batch", []));
    connection.run(&statements, &mut no_rows)
}

fn set_counter(name: &'static str, value: i64) -> Statement<'static> {
    statement(
        "INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [Value::Text(name), Value::Int(value)],
    )
}

fn put<'a>(kind: &'a str, key: &'a str, write: &'a DocumentWrite, revision: i64) -> Statement<'a> {
    match write {
        DocumentWrite::Put { lookup, body } => statement(
            "INSERT INTO documents (kind, key, lookup, revision, body) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (kind, key) DO UPDATE
             SET lookup = excluded.lookup, revision = excluded.revision, body = excluded.body",
            [
                Value::Text(kind),
                Value::Text(key),
                lookup.as_deref().into(),
                Value::Int(revision),
                Value::Text(body),
            ],
        ),
        DocumentWrite::Delete => statement(
            "DELETE FROM documents WHERE kind = $1 AND key = $2",
            [Value::Text(kind), Value::Text(key)],
        ),
    }
}

fn write_object(connection: &dyn Connection, write: &ObjectWrite) -> Result<(), StoreError> {
    match write {
        ObjectWrite::Put { repository, object_type, name, content, size, at, by } => {
            let sequence = next_sequence(connection, repository)?;
            let sql = "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
            let [repository, object_type, name, content, by] =
                [repository, *object_type, name, content, by].map(Value::Text);
            let [sequence, size, at] = [sequence, *size, *at].map(Value::Int);
            run(connection, sql, [repository, object_type, name, sequence, content, size, at, by])
        }
        ObjectWrite::Tombstone { repository, object_type, name, at, by } => {
            let sequence = next_sequence(connection, repository)?;
            let sql = "UPDATE objects SET deleted_sequence = $1, deleted_at = $2, deleted_by = $3
                 WHERE repository = $4 AND type = $5 AND name = $6 AND deleted_sequence IS NULL";
            let [by, repository, object_type, name] = [by, repository, *object_type, name].map(Value::Text);
            run(connection, sql, [Value::Int(sequence), Value::Int(*at), by, repository, object_type, name])
        }
        ObjectWrite::Forget { repository, object_type, name } => {
            let sql = "DELETE FROM objects WHERE repository = $1 AND type = $2 AND name = $3";
            run(connection, sql, [repository, *object_type, name].map(Value::Text))
        }
        ObjectWrite::CreateRepository { repository } => {
            let sql = "INSERT INTO repositories (repository, sequence, state) VALUES ($1, 0, 'live')";
            run(connection, sql, [Value::Text(repository)])
        }
        ObjectWrite::DropRepository { repository } => {
            run(connection, "DELETE FROM objects WHERE repository = $1", [Value::Text(repository)])?;
            set_state(connection, repository, "dropped")
        }
        ObjectWrite::RepositoryGone { repository } => set_state(connection, repository, "gone"),
    }
}

fn run<const N: usize>(
    connection: &dyn Connection,
    sql: &'static str,
    values: [Value<'_>; N],
) -> Result<(), StoreError> {
    connection.run(&[statement(sql, values)], &mut no_rows)
}

fn set_state(connection: &dyn Connection, repository: &str, state: &str) -> Result<(), StoreError> {
    let sql = "UPDATE repositories SET state = $1 WHERE repository = $2";
    run(connection, sql, [Value::Text(state), Value::Text(repository)])
}

/// The next place in a repository's order. One that was given up, or never was, gets no objects any more.
fn next_sequence(connection: &dyn Connection, repository: &str) -> Result<i64, StoreError> {
    let sql = "UPDATE repositories SET sequence = sequence + 1 WHERE repository = $1 AND state = 'live'
         RETURNING sequence";
    query_first(connection, sql, &[Value::Text(repository)], |row| row.int(0))?
        .ok_or_else(|| StoreError::Corrupt(format!("there is no repository `{repository}` to write to")))
}

/// Reads a stored hash.
pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a hash of the ledger has the wrong length".into()))?;
    Ok(Digest::from_bytes(bytes))
}
