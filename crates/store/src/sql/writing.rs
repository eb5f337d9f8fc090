//! Batches: whether their conditions hold, and what they write.

use std::collections::BTreeMap;
use std::ops::Bound;

use ledger::{Chain, Digest, Entry, Head, Link};

use super::mirror::{Mirror, Point};
use super::reading::COUNTERS;
use super::{Columns, Connection, Statement, Value, statement};
use crate::ObjectType;
use crate::batch::{Batch, Condition, DocumentWrite, ObjectWrite, Within};
use crate::engine::ACCESS_LOG;
use crate::error::{CommitError, StoreError};
use crate::trail::alarms;

/// What tells a range of documents from the same range at another time: their number, and their highest revision.
pub(super) const SEEN: &str = "SELECT count(*), coalesce(max(revision), 0) FROM documents
     WHERE kind = $1 AND key >= $2 AND key < $3";

/// Whether an object ever existed: a count that is 0 or 1.
pub(super) const KNOWN: &str = "SELECT count(*) FROM (SELECT 1 FROM objects
     WHERE repository = $1 AND type = $2 AND name = $3 LIMIT 1) AS found";

/// How many objects of one type are alive.
pub(super) const ALIVE: &str =
    "SELECT count(*) FROM objects WHERE repository = $1 AND type = $2 AND deleted_sequence IS NULL";

/// How many bytes are stored: one row with one number.
pub(super) fn stored(within: &Within) -> Statement<'_> {
    match within {
        Within::Repository(repository) => statement(
            "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM stored_bytes WHERE repository = $1",
            [Value::Text(repository)],
        ),
        Within::Items { lower, upper } => statement(
            "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM stored_bytes WHERE repository IN
                 (SELECT lookup FROM documents WHERE kind = 'item' AND key >= $1 AND key < $2)",
            [Value::Text(lower), Value::Text(upper)],
        ),
    }
}

/// What a batch that fails goes back to. It is set from the beginning of a flush to its end.
pub(super) const SAVEPOINT: &str = "SAVEPOINT batch";

/// What the next batch continues.
#[derive(Clone, Debug)]
pub(crate) struct Heads {
    point: Point,
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
        let mut point = Point::default();
        let mut head = Head::EMPTY;
        let mut statements = opening;
        statements.push(statement(COUNTERS, []));
        statements.push(statement("SELECT sequence, chain FROM ledger ORDER BY sequence DESC LIMIT 1", []));
        connection.run(&statements, &mut |number, row| {
            if let Some(answer) = answers.get_mut(number) {
                *answer = Some(row.int(0)?);
            } else if number == first {
                point.read(row)?;
            } else {
                let size = u64::try_from(row.int(0)? + 1)
                    .map_err(|_| StoreError::Corrupt("ledger sequence".into()))?;
                head = Head { size, chain: digest(row.bytes(1)?)? };
            }
            Ok(())
        })?;
        Ok((Self { point, chain: Chain::resume(head) }, answers))
    }

    /// Where the database stands with them.
    pub(super) fn point(&self) -> Point {
        self.point
    }

    /// Writes the counters that have moved: once for all batches of a flush.
    pub(super) fn write(&self, connection: &dyn Connection, before: Point) -> Result<(), StoreError> {
        let counters = [
            ("revision", before.revision, self.point.revision),
            ("access", before.access, self.point.access),
        ];
        let moved = counters.into_iter().filter(|(_, before, now)| before != now);
        let statements: Vec<_> = moved.map(|(name, _, now)| set_counter(name, now)).collect();
        match statements.is_empty() {
            true => Ok(()),
            false => connection.run(&statements, &mut no_rows),
        }
    }
}

/// What becomes of the other batches of a flush when one cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// All fail with it. Hardly ever does one fail, and to be able to go back costs something each time.
    Together,
    /// They are written without it.
    EachAlone,
}

/// What the conditions of a flush's next batch can be checked against without asking the database.
pub(super) struct Known<'a> {
    mirror: Option<&'a Mirror>,
    /// The batches before it, with their revisions.
    batches: Vec<(&'a Batch, i64)>,
    /// The revisions of what they wrote, by kind and key; `None` for what they deleted.
    written: BTreeMap<&'a str, BTreeMap<&'a str, Option<i64>>>,
}

impl<'a> Known<'a> {
    /// What is known before the first batch.
    pub(super) fn new(mirror: Option<&'a Mirror>) -> Self {
        Self { mirror, batches: Vec::new(), written: BTreeMap::new() }
    }

    /// The batches that were written, with the revisions of their documents.
    pub(super) fn written(&self) -> impl Iterator<Item = (&'a Batch, i64)> + '_ {
        self.batches.iter().copied()
    }

    fn note(&mut self, batch: &'a Batch, revision: i64) {
        if self.mirror.is_none() {
            return;
        }
        self.batches.push((batch, revision));
        for ((kind, key), write) in &batch.documents {
            let now = matches!(write, DocumentWrite::Put { .. }).then_some(revision);
            self.written.entry(kind).or_default().insert(key, now);
        }
    }

    /// Whether a condition holds, if that is known.
    fn holds(&self, condition: &Condition) -> Option<bool> {
        let mirror = self.mirror?;
        match condition {
            Condition::Document { kind, key, revision } => {
                if let Some(now) = self.written.get(kind).and_then(|keys| keys.get(key.as_str())) {
                    return Some(now == revision);
                }
            }
            Condition::Range { kind, lower, upper, .. } => {
                let within = (Bound::Included(lower.as_str()), Bound::Excluded(upper.as_str()));
                let keys = self.written.get(kind).filter(|_| lower < upper);
                if keys.is_some_and(|keys| keys.range::<str, _>(within).next().is_some()) {
                    return None;
                }
            }
            Condition::Lookup { kind, .. } if self.written.contains_key(kind) => return None,
            _ => {}
        }
        mirror.holds(condition)
    }
}

/// Checks a batch's conditions against everything before it, earlier batches of the same flush included, and writes it.
/// Where each is [alone](Care::EachAlone), the flush began with [`SAVEPOINT`], and a batch that fails leaves no trace; when
/// that is not certain, the whole flush fails.
pub(super) fn apply<'a>(
    connection: &dyn Connection,
    heads: &mut Heads,
    known: &mut Known<'a>,
    batch: &'a mut Batch,
    care: Care,
) -> Result<Result<(), CommitError>, StoreError> {
    if !hold(connection, heads, known, &batch.conditions, care)? {
        return Ok(Err(CommitError::Conflict));
    }
    let mut after = heads.clone();
    let links = link(&mut after, &mut batch.entries)?;
    let batch: &'a Batch = batch;
    match write(connection, &mut after, batch, &links) {
        Ok(()) => {
            known.note(batch, after.point.revision);
            *heads = after;
            Ok(Ok(()))
        }
        Err(why) if care == Care::Together => Err(why),
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

/// Moves the savepoint behind the batch before. Whether everything that the decision read still reads the same; the
/// database is asked about what is not known.
fn hold(
    connection: &dyn Connection,
    heads: &Heads,
    known: &Known<'_>,
    conditions: &[Condition],
    care: Care,
) -> Result<bool, StoreError> {
    let mut asked = Vec::new();
    let mut statements = match care {
        Care::Together => Vec::new(),
        Care::EachAlone => vec![statement("RELEASE SAVEPOINT batch", []), statement(SAVEPOINT, [])],
    };
    let before = statements.len();
    for condition in conditions {
        let holds = match condition {
            Condition::Access(revision) => Some(*revision == heads.point.access),
            condition => known.holds(condition),
        };
        match (holds, question(condition)) {
            (Some(false), _) => return Ok(false),
            (None, Some(question)) => {
                asked.push(condition);
                statements.push(question);
            }
            (Some(true), _) | (None, None) => {}
        }
    }
    if statements.is_empty() {
        return Ok(true);
    }
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
        Condition::Range { kind, lower, upper, .. } => {
            statement(SEEN, [Value::Text(kind), Value::Text(lower), Value::Text(upper)])
        }
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
        Condition::LastLifetime { repository, object_type, name, .. } => statement(
            "SELECT max(sequence) FROM objects WHERE repository = $1 AND type = $2 AND name = $3",
            [Value::Text(repository), Value::Text(object_type), Value::Text(name)],
        ),
        Condition::Space { within, .. } => stored(within),
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
        Condition::Object { sequence, .. } | Condition::LastLifetime { sequence, .. } => {
            answer == [*sequence, None]
        }
        Condition::ObjectKnown { known, .. } => answer == [Some(i64::from(*known)), None],
        Condition::Space { most, room, .. } => answer[0].is_some_and(|stored| (stored <= *most) == *room),
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

/// Whom an entry's alerts concern, each with the entry's sequence.
fn alarms_of((entry, (sequence, _)): (&Entry, &(i64, Link))) -> impl Iterator<Item = (String, i64)> {
    alarms(entry).into_iter().map(|target| (target, *sequence))
}

/// Writes a batch behind the heads, and moves them.
fn write(
    connection: &dyn Connection,
    heads: &mut Heads,
    batch: &Batch,
    links: &[(i64, Link)],
) -> Result<(), StoreError> {
    let alarms: Vec<(String, i64)> = batch.entries.iter().zip(links).flat_map(alarms_of).collect();
    let mut statements: Vec<Statement<'_>> = batch.objects.iter().flat_map(write_object).collect();
    let needed = needed_answers(&statements);
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
    let alarm = "INSERT INTO alarms (target, sequence) VALUES ($1, $2)";
    statements.extend(
        alarms
            .iter()
            .map(|(target, sequence)| statement(alarm, [Value::Text(target), Value::Int(*sequence)])),
    );
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
        DocumentWrite::Put { lookup, body, .. } => statement(
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

/// Counts the bytes of an object that arrives, unless an earlier lifetime of it has them already.
const COUNT_BYTES: &str = "INSERT INTO stored_bytes (repository, bytes)
     SELECT $1, CAST($2 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM objects
         WHERE repository = $3 AND type = $4 AND name = $5 AND content = $6)
     ON CONFLICT (repository) DO UPDATE SET bytes = stored_bytes.bytes + excluded.bytes";

/// Takes the bytes of a deleted lifetime off, unless another one has them as well.
const UNCOUNT_BYTES: &str =
    "UPDATE stored_bytes SET bytes = bytes - coalesce((SELECT one.size FROM objects AS one
         WHERE one.repository = $1 AND one.type = $2 AND one.name = $3 AND one.sequence = $4
           AND one.deleted_sequence IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM objects AS other
               WHERE other.repository = $1 AND other.type = $2 AND other.name = $3
                 AND other.content = one.content AND other.sequence <> $4)), 0)
     WHERE repository = $1";

/// Which of the statements must have answered with a row for the rest to mean anything.
fn needed_answers(statements: &[Statement<'_>]) -> Vec<usize> {
    let next = |(_, statement): &(usize, &Statement<'_>)| statement.sql == NEXT_SEQUENCE;
    statements.iter().enumerate().filter(next).map(|(number, _)| number).collect()
}

fn write_object(write: &ObjectWrite) -> Vec<Statement<'_>> {
    match write {
        ObjectWrite::Put { repository, object_type, name, content, size, at, by, checksum } => {
            let sql = "INSERT INTO objects (repository, type, name, sequence, content, size, created_at, created_by,
                     checksum)
                 VALUES ($1, $2, $3, (SELECT sequence FROM repositories WHERE repository = $4), $5, $6, $7, $8, $9)";
            let [place, object_type, name, content, by] =
                [repository, *object_type, name, content, by].map(Value::Text);
            let [size, at] = [*size, *at].map(Value::Int);
            let checksum = checksum.map_or(Value::Null, Value::Int);
            let insert = [place, object_type, name, place, content, size, at, by, checksum];
            let mut statements = vec![statement(NEXT_SEQUENCE, [place])];
            if object_type != Value::Text(ObjectType::Locks.as_str()) {
                let count = [place, size, place, object_type, name, content];
                statements.push(statement(COUNT_BYTES, count));
            }
            statements.push(statement(sql, insert));
            statements
        }
        ObjectWrite::DropChecksum { repository, object_type, name, content } => {
            let sql = "UPDATE objects SET checksum = NULL
                 WHERE repository = $1 AND type = $2 AND name = $3 AND content = $4";
            vec![statement(sql, [repository, *object_type, name, content].map(Value::Text))]
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
        ObjectWrite::MoveContent { repository, object_type, name, from, to } => {
            let sql = "UPDATE objects SET content = $1
                 WHERE repository = $2 AND type = $3 AND name = $4 AND content = $5";
            vec![statement(sql, [to, repository, *object_type, name, from].map(Value::Text))]
        }
        ObjectWrite::Purge { repository, object_type, name, sequence } => {
            let list = "INSERT INTO purged (repository, type, content)
                 SELECT repository, type, content FROM objects
                 WHERE repository = $1 AND type = $2 AND name = $3 AND sequence = $4 AND deleted_sequence IS NOT NULL
                 ON CONFLICT (repository, type, content) DO NOTHING";
            let remove =
                "DELETE FROM objects WHERE repository = $1 AND type = $2 AND name = $3 AND sequence = $4
                 AND deleted_sequence IS NOT NULL";
            let [place, object_type, name] = [repository, *object_type, name].map(Value::Text);
            let lifetime = [place, object_type, name, Value::Int(*sequence)];
            vec![statement(UNCOUNT_BYTES, lifetime), statement(list, lifetime), statement(remove, lifetime)]
        }
        ObjectWrite::BytesGone { bytes } => {
            let sql = "DELETE FROM purged WHERE repository = $1 AND type = $2 AND content = $3";
            let place = [&bytes.repository, &bytes.object_type, &bytes.content];
            vec![statement(sql, place.map(|text| Value::Text(text)))]
        }
        ObjectWrite::CreateRepository { repository } => {
            let sql = "INSERT INTO repositories (repository, sequence, state) VALUES ($1, 0, 'live')";
            vec![statement(sql, [Value::Text(repository)])]
        }
        ObjectWrite::DropRepository { repository } => drop_repository(repository),
        ObjectWrite::RepositoryGone { repository } => vec![set_state(repository, "gone")],
    }
}

fn drop_repository(repository: &str) -> Vec<Statement<'_>> {
    let objects = "DELETE FROM objects WHERE repository = $1";
    let bytes = "DELETE FROM stored_bytes WHERE repository = $1";
    // All its bytes go with it.
    let purged = "DELETE FROM purged WHERE repository = $1";
    let [objects, bytes, purged] =
        [objects, bytes, purged].map(|sql| statement(sql, [Value::Text(repository)]));
    vec![objects, bytes, purged, set_state(repository, "dropped")]
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
