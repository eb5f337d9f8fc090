//! Batches: whether their conditions hold, and what they write.

use ledger::{Chain, Digest, Head};

use super::{Columns, Connection, Statement, Value, statement};
use crate::batch::{Batch, Condition, DocumentWrite, ObjectWrite};
use crate::engine::ACCESS_LOG;
use crate::error::{CommitError, StoreError};
use crate::moving::FENCE;

/// Whether an object ever existed: a count that is 0 or 1.
pub(super) const KNOWN: &str = "SELECT count(*) FROM (SELECT 1 FROM objects
     WHERE repository = $1 AND type = $2 AND name = $3 LIMIT 1) AS found";

/// How many objects of one type are alive.
pub(super) const ALIVE: &str =
    "SELECT count(*) FROM objects WHERE repository = $1 AND type = $2 AND deleted_sequence IS NULL";

/// What a batch that fails goes back to. It is set from the beginning of a flush to its end.
pub(super) const SAVEPOINT: &str = "SAVEPOINT batch";

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
    /// Reads where the database stands, after the statements that a flush opens with. Those may answer with one number
    /// each, which comes back in their order.
    pub(super) fn read(
        connection: &dyn Connection,
        opening: Vec<Statement<'_>>,
    ) -> Result<(Self, Vec<Option<i64>>), StoreError> {
        let first = opening.len();
        let mut answers = vec![None; first];
        let (mut revision, mut access) = (0, 0);
        let mut head = Head::EMPTY;
        let mut statements = opening;
        statements.push(statement("SELECT name, value FROM counters", []));
        statements.push(statement("SELECT sequence, chain FROM ledger ORDER BY sequence DESC LIMIT 1", []));
        connection.run(&statements, &mut |number, row| {
            if let Some(answer) = answers.get_mut(number) {
                *answer = Some(row.int(0)?);
            } else if number == first {
                match row.text(0)? {
                    "revision" => revision = row.int(1)?,
                    "access" => access = row.int(1)?,
                    FENCE if row.int(1)? != 0 => return Err(StoreError::Moved),
                    _ => {}
                }
            } else {
                let size = u64::try_from(row.int(0)? + 1)
                    .map_err(|_| StoreError::Corrupt("ledger sequence".into()))?;
                head = Head { size, chain: digest(row.bytes(1)?)? };
            }
            Ok(())
        })?;
        Ok((Self { revision, access, chain: Chain::resume(head) }, answers))
    }
}

/// Checks a batch's conditions against everything before it, earlier batches of the same flush included, and writes it.
/// A batch that fails leaves no trace; when that is not certain, the whole flush fails. It began with [`SAVEPOINT`].
pub(crate) fn apply(
    connection: &dyn Connection,
    heads: &mut Heads,
    batch: &Batch,
) -> Result<Result<(), CommitError>, StoreError> {
    let access_holds = |condition: &Condition| match condition {
        Condition::Access(revision) => *revision == heads.access,
        _ => true,
    };
    if !batch.conditions.iter().all(access_holds) || !hold(connection, &batch.conditions)? {
        return Ok(Err(CommitError::Conflict));
    }
    let mut after = heads.clone();
    match write(connection, &mut after, batch) {
        Ok(()) => {
            *heads = after;
            Ok(Ok(()))
        }
        Err(why @ (StoreError::Contention | StoreError::Unreachable(_))) => Err(why),
        // On a full disk, for one, the database may end the transaction by itself. Then everything before is undone, and
        // what comes after would be committed alone.
        Err(why) if !connection.in_transaction() => Err(why),
        Err(why) => {
            connection.run(&[statement("ROLLBACK TO SAVEPOINT batch", [])], &mut no_rows)?;
            Ok(Err(why.into()))
        }
    }
}

pub(super) fn no_rows(_: usize, _: &dyn Columns) -> Result<(), StoreError> {
    Ok(())
}

/// Moves the savepoint behind the batch before. Whether everything that the decision read still reads the same.
fn hold(connection: &dyn Connection, conditions: &[Condition]) -> Result<bool, StoreError> {
    let asked: Vec<(&Condition, Statement<'_>)> =
        conditions.iter().filter_map(|condition| Some((condition, question(condition)?))).collect();
    let (asked, questions): (Vec<&Condition>, Vec<Statement<'_>>) = asked.into_iter().unzip();
    let savepoint = [statement("RELEASE SAVEPOINT batch", []), statement(SAVEPOINT, [])];
    let before = savepoint.len();
    let statements: Vec<Statement<'_>> = savepoint.into_iter().chain(questions).collect();
    // What no row says is not there.
    let mut answers: Vec<[Option<i64>; 2]> = vec![[None; 2]; asked.len()];
    connection.run(&statements, &mut |number, row| {
        let at = number.saturating_sub(before);
        if let (Some(answer), Some(condition)) = (answers.get_mut(at), asked.get(at)) {
            let second = matches!(condition, Condition::Range { .. } | Condition::Lookup { .. });
            *answer = [row.int_or_null(0)?, if second { row.int_or_null(1)? } else { None }];
        }
        Ok(())
    })?;
    Ok(asked.iter().zip(answers).all(|(condition, answer)| holds(condition, answer)))
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
            answer.map(Option::unwrap_or_default) == [seen.count, seen.highest]
        }
        Condition::Object { sequence, .. } => answer == [*sequence, None],
        Condition::ObjectKnown { known, .. } => answer == [Some(i64::from(*known)), None],
        Condition::Room { limit, room, .. } => answer[0].is_some_and(|alive| (alive < *limit) == *room),
    }
}

/// Writes a batch behind the heads, and moves them.
fn write(connection: &dyn Connection, heads: &mut Heads, batch: &Batch) -> Result<(), StoreError> {
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
    let mut statements: Vec<Statement<'_>> = batch.objects.iter().flat_map(write_object).collect();
    let needed = needed_answers(&statements);
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
    let mut answered = Vec::new();
    connection.run(&statements, &mut |number, _| {
        answered.push(number);
        Ok(())
    })?;
    match answered == needed {
        true => Ok(()),
        false => Err(StoreError::Corrupt("there is no such repository to write to".into())),
    }
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

/// The next place in a repository's order. One that was given up, or never was, gets no objects any more: then there is
/// no answer.
const NEXT_SEQUENCE: &str = "UPDATE repositories SET sequence = sequence + 1
     WHERE repository = $1 AND state = 'live' RETURNING sequence";

/// Which of the statements must have answered with a row for the rest to mean anything.
fn needed_answers(statements: &[Statement<'_>]) -> Vec<usize> {
    let next = |(_, statement): &(usize, &Statement<'_>)| statement.sql == NEXT_SEQUENCE;
    statements.iter().enumerate().filter(next).map(|(number, _)| number).collect()
}

fn write_object(write: &ObjectWrite) -> Vec<Statement<'_>> {
    match write {
        ObjectWrite::Put { repository, object_type, name, content, size, at, by } => {
            let sql = "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by)
                 VALUES ($1, $2, $3, (SELECT sequence FROM repositories WHERE repository = $4), $5, $6, $7, $8)";
            let [place, object_type, name, content, by] =
                [repository, *object_type, name, content, by].map(Value::Text);
            let [size, at] = [*size, *at].map(Value::Int);
            let insert = [place, object_type, name, place, content, size, at, by];
            vec![statement(NEXT_SEQUENCE, [place]), statement(sql, insert)]
        }
        ObjectWrite::Tombstone { repository, object_type, name, at, by } => {
            let sql = "UPDATE objects
                 SET deleted_sequence = (SELECT sequence FROM repositories WHERE repository = $1),
                     deleted_at = $2, deleted_by = $3
                 WHERE repository = $4 AND type = $5 AND name = $6 AND deleted_sequence IS NULL";
            let [by, place, object_type, name] = [by, repository, *object_type, name].map(Value::Text);
            let hide = [place, Value::Int(*at), by, place, object_type, name];
            vec![statement(NEXT_SEQUENCE, [place]), statement(sql, hide)]
        }
        ObjectWrite::Forget { repository, object_type, name } => {
            let sql = "DELETE FROM objects WHERE repository = $1 AND type = $2 AND name = $3";
            vec![statement(sql, [repository, *object_type, name].map(Value::Text))]
        }
        ObjectWrite::CreateRepository { repository } => {
            let sql = "INSERT INTO repositories (repository, sequence, state) VALUES ($1, 0, 'live')";
            vec![statement(sql, [Value::Text(repository)])]
        }
        ObjectWrite::DropRepository { repository } => {
            let objects = "DELETE FROM objects WHERE repository = $1";
            vec![statement(objects, [Value::Text(repository)]), set_state(repository, "dropped")]
        }
        ObjectWrite::RepositoryGone { repository } => vec![set_state(repository, "gone")],
    }
}

fn set_state<'a>(repository: &'a str, state: &'static str) -> Statement<'a> {
    let sql = "UPDATE repositories SET state = $1 WHERE repository = $2";
    statement(sql, [Value::Text(state), Value::Text(repository)])
}

/// Reads a stored hash.
pub(crate) fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a hash of the ledger has the wrong length".into()))?;
    Ok(Digest::from_bytes(bytes))
}
