//! Batches: whether their conditions hold, and what they write.

use std::collections::BTreeMap;
use std::ops::Bound;

use ledger::{Chain, Digest, Entry, Head, Link};

use super::mirror::{Mirror, Point};
use super::reading::read_point;
use super::{Columns, Connection, Statement, Value, query_first, statement};
use crate::batch::{Batch, Condition, DocumentWrite, ObjectWrite};
use crate::error::{CommitError, StoreError};

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
    point: Point,
    chain: Chain,
}

impl Heads {
    /// Reads where the database stands.
    pub(crate) fn read(connection: &dyn Connection) -> Result<Self, StoreError> {
        let mut head = Head::EMPTY;
        let last = statement("SELECT sequence, chain FROM ledger ORDER BY sequence DESC LIMIT 1", []);
        connection.run(&[last], &mut |_, row| {
            let size =
                u64::try_from(row.int(0)? + 1).map_err(|_| StoreError::Corrupt("ledger sequence".into()))?;
            head = Head { size, chain: digest(row.bytes(1)?)? };
            Ok(())
        })?;
        Ok(Self { point: read_point(connection)?, chain: Chain::resume(head) })
    }

    /// Where the database stands with them.
    pub(crate) fn point(&self) -> Point {
        self.point
    }

    /// Writes what has moved since: once for all batches of a flush.
    pub(crate) fn write(&self, connection: &dyn Connection, before: Point) -> Result<(), StoreError> {
        let counters = [
            ("revision", before.revision, self.point.revision),
            ("access", before.access, self.point.access),
        ];
        let moved = counters.into_iter().filter(|(_, before, now)| before != now);
        let statements: Vec<_> = moved.map(|(name, _, now)| set_counter(name, now)).collect();
        connection.run(&statements, &mut no_rows)
    }
}

/// What happens to the other batches of a flush when one cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// All fail with it. It is cheaper, and hardly ever does one fail.
    Together,
    /// They are written without it.
    EachAlone,
}

/// What a batch's conditions can be checked against without asking the database.
pub(crate) struct Known<'a> {
    mirror: Option<&'a Mirror>,
    /// Earlier batches of the same flush, with their revisions.
    batches: Vec<(&'a Batch, i64)>,
    /// The revisions of what they wrote, by kind and key; `None` for what they deleted.
    written: BTreeMap<&'a str, BTreeMap<&'a str, Option<i64>>>,
}

impl<'a> Known<'a> {
    /// What is known before the first batch of a flush.
    pub(crate) fn new(mirror: Option<&'a Mirror>) -> Self {
        Self { mirror, batches: Vec::new(), written: BTreeMap::new() }
    }

    /// The batches that were written, and the revisions of their documents.
    pub(crate) fn written(&self) -> impl Iterator<Item = (&'a Batch, i64)> + '_ {
        self.batches.iter().copied()
    }

    fn note(&mut self, batch: &'a Batch, revision: i64) {
        self.batches.push((batch, revision));
        for ((kind, key), write) in &batch.documents {
            let now = matches!(write, DocumentWrite::Put { .. }).then_some(revision);
            self.written.entry(kind).or_default().insert(key, now);
        }
    }

    /// Whether a condition holds, if that is known.
    fn holds(&self, condition: &Condition) -> Option<bool> {
        let written = |kind: &str| self.written.get(kind);
        match condition {
            Condition::Document { kind, key, revision } => {
                if let Some(now) = written(kind).and_then(|keys| keys.get(key.as_str())) {
                    return Some(now == revision);
                }
            }
            Condition::Range { kind, lower, upper, .. } => {
                let within = (Bound::Included(lower.as_str()), Bound::Excluded(upper.as_str()));
                if written(kind)
                    .is_some_and(|keys| lower < upper && keys.range::<str, _>(within).next().is_some())
                {
                    return None;
                }
            }
            Condition::Lookup { kind, .. } if written(kind).is_some() => return None,
            _ => {}
        }
        self.mirror?.holds(condition)
    }
}

/// Checks a batch's conditions against everything before it, earlier batches of the same flush included, and writes it.
/// A batch that fails while each is [alone](Care::EachAlone) leaves no trace.
pub(crate) fn apply<'a>(
    connection: &dyn Connection,
    heads: &mut Heads,
    known: &mut Known<'a>,
    batch: &'a mut Batch,
    care: Care,
) -> Result<(), CommitError> {
    if !hold(connection, heads, known, &batch.conditions)? {
        return Err(CommitError::Conflict);
    }
    let savepoint = care == Care::EachAlone;
    if savepoint {
        connection.run(&[statement("SAVEPOINT batch", [])], &mut no_rows)?;
    }
    let mut after = heads.clone();
    let links = link(&mut after, &mut batch.entries)?;
    let batch: &'a Batch = batch;
    match write(connection, &mut after, batch, &links, savepoint) {
        Ok(()) => {
            known.note(batch, after.point.revision);
            *heads = after;
            Ok(())
        }
        // The whole flush is to be made again, or cannot be finished: there is nothing to go back to.
        Err(error @ (StoreError::Contention | StoreError::Unreachable(_))) => Err(error.into()),
        Err(error) => {
            if savepoint && connection.in_transaction() {
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

/// Whether everything that a decision read still reads the same. The database is asked about what is not known.
fn hold(
    connection: &dyn Connection,
    heads: &Heads,
    known: &Known<'_>,
    conditions: &[Condition],
) -> Result<bool, StoreError> {
    let mut asked: Vec<(&Condition, Statement<'_>)> = Vec::new();
    for condition in conditions {
        let holds = match condition {
            Condition::Access(revision) => Some(*revision == heads.point.access),
            condition => known.holds(condition),
        };
        match holds {
            Some(false) => return Ok(false),
            Some(true) => {}
            None => asked.extend(question(condition).map(|question| (condition, question))),
        }
    }
    if asked.is_empty() {
        return Ok(true);
    }
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

/// Appends entries to the chain. Returns each one's sequence and what is to be stored of it.
fn link(heads: &mut Heads, entries: &mut [Entry]) -> Result<Vec<(i64, Link)>, StoreError> {
    let append = |entry: &mut Entry| {
        entry.sequence = heads.chain.head().size;
        let sequence =
            i64::try_from(entry.sequence).map_err(|_| StoreError::Corrupt("ledger size".into()))?;
        let link = heads.chain.append(entry).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        Ok((sequence, link))
    };
    entries.iter_mut().map(append).collect()
}

/// Writes a batch behind the heads, and moves them.
fn write(
    connection: &dyn Connection,
    heads: &mut Heads,
    batch: &Batch,
    links: &[(i64, Link)],
    savepoint: bool,
) -> Result<(), StoreError> {
    for object in &batch.objects {
        write_object(connection, object)?;
    }
    let mut statements = Vec::new();
    if !batch.documents.is_empty() {
        heads.point.revision += 1;
        let documents = batch.documents.iter();
        statements.extend(documents.map(|((kind, key), write)| put(kind, key, write, heads.point.revision)));
    }
    if !batch.access.is_empty() {
        heads.point.access += 1;
        let log = "INSERT INTO access_log (revision, kind, key) VALUES ($1, $2, $3)";
        let access = heads.point.access;
        statements.extend(
            batch
                .access
                .iter()
                .map(|(kind, key)| statement(log, [Value::Int(access), Value::Text(kind), Value::Text(key)])),
        );
        let forget = "DELETE FROM access_log WHERE revision <= $1";
        statements.push(statement(forget, [Value::Int(access - ACCESS_LOG)]));
    }
    for (sequence, link) in links {
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
    if savepoint {
        statements.push(statement("RELEASE SAVEPOINT batch", []));
    }
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
