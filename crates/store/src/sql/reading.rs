//! Snapshots: how each question of a decision is put to the database.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::mirror::{Mirror, Point};
use super::pool::Lent;
use super::{Columns, Run, Statement, Value, query, query_count, query_first};
use crate::batch::{Fingerprint, Row, Within};
use crate::engine::{
    AccessChange, Birth, DeletedRow, EachRow, LedgerRow, ObjectRow, PurgedBytes, Seen, Snapshot, TrafficRow,
};
use crate::error::StoreError;
use crate::object::hash_of;
use crate::sql::writing::{ALIVE, KNOWN, SEEN, stored};

/// Where the database stands.
pub(super) const COUNTERS: &str = "SELECT name, value FROM counters";

/// A transaction that reads.
pub(crate) struct Reading {
    connection: Lent,
    /// Who learns from what is read, where nobody else writes.
    mirror: Option<Arc<Mirror>>,
    point: OnceCell<Point>,
}

impl Reading {
    /// A view of the database as it is now.
    pub(crate) fn begin(connection: Lent, mirror: Option<Arc<Mirror>>) -> Self {
        Self { connection, mirror, point: OnceCell::new() }
    }

    /// Where the database stands, as this transaction sees it.
    fn point(&self) -> Result<Point, StoreError> {
        if let Some(point) = self.point.get() {
            return Ok(*point);
        }
        let mut point = Point::default();
        self.connection.run(&[super::statement(COUNTERS, [])], &mut |_, row| point.read(row))?;
        Ok(*self.point.get_or_init(|| point))
    }

    /// Lets the mirror, if there is one, learn from what was read.
    fn teach(&self, teach: impl FnOnce(&Mirror, i64)) -> Result<(), StoreError> {
        if let Some(mirror) = &self.mirror {
            teach(mirror, self.point()?.revision);
        }
        Ok(())
    }

    fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, StoreError> {
        query(&self.connection, sql, values, read_row)
    }
}

impl Snapshot for Reading {
    fn document(&self, kind: &str, key: &str) -> Result<Option<Row>, StoreError> {
        let sql = "SELECT key, revision, body FROM documents WHERE kind = $1 AND key = $2";
        let row = query_first(&self.connection, sql, &[Value::Text(kind), Value::Text(key)], read_row)?;
        self.teach(|mirror, revision| mirror.learn_document(kind, key, row.as_ref(), revision))?;
        Ok(row)
    }

    fn documents(&self, kind: &str, keys: &[String]) -> Result<Vec<Row>, StoreError> {
        if self.mirror.is_some() {
            // Nothing is far away, and the mirror learns.
            return keys.iter().filter_map(|key| self.document(kind, key).transpose()).collect();
        }
        let sql = "SELECT key, revision, body FROM documents WHERE kind = $1 AND key = $2";
        let statements: Vec<_> =
            keys.iter().map(|key| super::statement(sql, [Value::Text(kind), Value::Text(key)])).collect();
        let mut rows = Vec::new();
        self.connection.run(&statements, &mut |_, row| {
            rows.push(read_row(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    fn range(&self, kind: &str, lower: &str, upper: &str) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT key, revision, body FROM documents WHERE kind = $1 AND key >= $2 AND key < $3 ORDER BY key";
        let rows = self.rows(sql, &[Value::Text(kind), Value::Text(lower), Value::Text(upper)])?;
        self.teach(|mirror, revision| mirror.learn_range(kind, lower, upper, &rows, revision))?;
        Ok(rows)
    }

    fn seen(&self, kind: &str, lower: &str, upper: &str) -> Result<Fingerprint, StoreError> {
        if let Some(mirror) = &self.mirror
            && let Some(seen) = mirror.seen(kind, lower, upper, self.point()?.revision)
        {
            return Ok(seen);
        }
        let values = [Value::Text(kind), Value::Text(lower), Value::Text(upper)];
        let read = |row: &dyn Columns| Ok(Fingerprint { count: row.int(0)?, highest: row.int(1)? });
        let seen = query_first(&self.connection, SEEN, &values, read)?.unwrap_or_default();
        self.teach(|mirror, revision| mirror.learn_seen(kind, lower, upper, seen, revision))?;
        Ok(seen)
    }

    fn changed(&self, kind: &str, lower: &str, upper: &str, after: i64) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT key, revision, body FROM documents
             WHERE kind = $1 AND key >= $2 AND key < $3 AND revision > $4 ORDER BY key";
        self.rows(sql, &[Value::Text(kind), Value::Text(lower), Value::Text(upper), Value::Int(after)])
    }

    fn each(&self, kind: &str, each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let sql = "SELECT key, body FROM documents WHERE kind = $1 ORDER BY key";
        let statement = super::statement(sql, [Value::Text(kind)]);
        self.connection.run(&[statement], &mut |_, row| each(row.text(0)?, row.text(1)?))
    }

    fn lookup(&self, kind: &str, lookup: &str) -> Result<Vec<Row>, StoreError> {
        let sql = "SELECT key, revision, body FROM documents WHERE kind = $1 AND lookup = $2 ORDER BY key";
        let rows = self.rows(sql, &[Value::Text(kind), Value::Text(lookup)])?;
        self.teach(|mirror, revision| mirror.learn_lookup(kind, lookup, &rows, revision))?;
        Ok(rows)
    }

    fn access(&self) -> Result<i64, StoreError> {
        if self.mirror.is_some() {
            return Ok(self.point()?.access);
        }
        // Every decision asks this. One on a database that was moved away would be made on rights of yesterday.
        let sql = "SELECT name, value FROM counters WHERE name = 'access' OR (name = 'moved' AND value <> 0)";
        let read = |row: &dyn Columns| Ok((row.text(0)? == "access", row.int(1)?));
        query(&self.connection, sql, &[], read)?.into_iter().try_fold(0, |found, (access, value)| {
            if access { Ok(found + value) } else { Err(StoreError::Moved) }
        })
    }

    fn access_changes(&self, after: i64) -> Result<Option<Vec<AccessChange>>, StoreError> {
        let now = self.access()?;
        let sql =
            "SELECT revision, kind, key FROM access_log WHERE revision > $1 ORDER BY revision, kind, key";
        let changes = query(&self.connection, sql, &[Value::Int(after)], |row| {
            let (kind, key) = (row.text(1)?.to_string(), row.text(2)?.to_string());
            Ok(AccessChange { revision: row.int(0)?, kind, key })
        })?;
        // Every revision has a row, and rows are dropped from the oldest on.
        let complete = after == now || changes.first().is_some_and(|first| first.revision == after + 1);
        Ok((complete && after <= now).then_some(changes))
    }

    fn object(
        &self,
        repository: &str,
        object_type: &str,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError> {
        let sql = "SELECT name, sequence, content, size, created_at, created_by, checksum FROM objects
             WHERE repository = $1 AND type = $2 AND name = $3 AND deleted_sequence IS NULL";
        let values = [Value::Text(repository), Value::Text(object_type), Value::Text(name)];
        query_first(&self.connection, sql, &values, read_object)
    }

    fn object_known(&self, repository: &str, object_type: &str, name: &str) -> Result<bool, StoreError> {
        let values = [Value::Text(repository), Value::Text(object_type), Value::Text(name)];
        Ok(query_count(&self.connection, KNOWN, &values)? > 0)
    }

    fn refers_to(&self, repository: &str, object_type: &str, content: &str) -> Result<bool, StoreError> {
        // All names but that of the config are the hash that their content begins with.
        let name = if object_type == "config" { "config" } else { hash_of(content) };
        let sql = "SELECT count(*) FROM (SELECT 1 FROM objects
             WHERE repository = $1 AND type = $2 AND name = $3 AND content = $4 LIMIT 1) AS found";
        let values =
            [Value::Text(repository), Value::Text(object_type), Value::Text(name), Value::Text(content)];
        Ok(query_count(&self.connection, sql, &values)? > 0)
    }

    fn births(&self, repository: &str, object_type: &str) -> Result<Vec<Birth>, StoreError> {
        let sql = "SELECT name, sequence, created_at FROM objects WHERE repository = $1 AND type = $2
             ORDER BY sequence";
        query(&self.connection, sql, &[Value::Text(repository), Value::Text(object_type)], read_birth)
    }

    fn alive(&self, repository: &str, object_type: &str) -> Result<i64, StoreError> {
        query_count(&self.connection, ALIVE, &[Value::Text(repository), Value::Text(object_type)])
    }

    fn objects(
        &self,
        repository: &str,
        object_type: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError> {
        let sql = "SELECT name, sequence, content, size, created_at, created_by, checksum FROM objects
             WHERE repository = $1 AND type = $2 AND deleted_sequence IS NULL AND sequence > $3
             ORDER BY sequence LIMIT $4";
        let values =
            [Value::Text(repository), Value::Text(object_type), Value::Int(after), Value::Int(limit)];
        query(&self.connection, sql, &values, read_object)
    }

    fn births_of(&self, repository: &str, object_type: &str, name: &str) -> Result<Vec<Birth>, StoreError> {
        let sql = "SELECT name, sequence, created_at FROM objects
             WHERE repository = $1 AND type = $2 AND name = $3 ORDER BY sequence";
        let values = [Value::Text(repository), Value::Text(object_type), Value::Text(name)];
        query(&self.connection, sql, &values, read_birth)
    }

    fn object_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        name: &str,
    ) -> Result<Option<ObjectRow>, StoreError> {
        let sql = "SELECT name, sequence, content, size, created_at, created_by, checksum FROM objects
             WHERE repository = $1 AND type = $2 AND name = $3 AND sequence <= $4
               AND (deleted_sequence IS NULL OR deleted_sequence > $4 OR deleted_at >= $5)
             ORDER BY sequence LIMIT 1";
        let [place, object_type, name] = [repository, object_type, name].map(Value::Text);
        let [until, deleted_since] = [seen.until, seen.deleted_since].map(Value::Int);
        query_first(&self.connection, sql, &[place, object_type, name, until, deleted_since], read_object)
    }

    fn objects_seen(
        &self,
        repository: &str,
        object_type: &str,
        seen: Seen,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ObjectRow>, StoreError> {
        // An earlier lifetime ended before this one began, so that it is seen only for the time of its deletion.
        let sql = "SELECT name, sequence, content, size, created_at, created_by, checksum FROM objects AS one
             WHERE repository = $1 AND type = $2 AND sequence > $3 AND sequence <= $4
               AND (deleted_sequence IS NULL OR deleted_sequence > $4 OR deleted_at >= $5)
               AND NOT EXISTS (SELECT 1 FROM objects AS earlier
                   WHERE earlier.repository = $1 AND earlier.type = $2 AND earlier.name = one.name
                     AND earlier.sequence < one.sequence AND earlier.deleted_at >= $5)
             ORDER BY sequence LIMIT $6";
        let [place, object_type] = [repository, object_type].map(Value::Text);
        let [after, until, deleted_since, limit] =
            [after, seen.until, seen.deleted_since, limit].map(Value::Int);
        let values = [place, object_type, after, until, deleted_since, limit];
        query(&self.connection, sql, &values, read_object)
    }

    fn stored(&self, within: &Within) -> Result<i64, StoreError> {
        let Statement { sql, values } = stored(within);
        query_count(&self.connection, sql, &values)
    }

    fn traffic(&self, repository: &str, after: i64) -> Result<Vec<TrafficRow>, StoreError> {
        // Three questions, each answered from an index. The types are named so that an index by type serves.
        let arrived = "SELECT type, count(*), CAST(sum(size) AS BIGINT), max(sequence) FROM objects
             WHERE repository = $1 AND type IN ('data', 'index', 'keys', 'snapshots', 'config') AND sequence > $2
             GROUP BY type";
        let deleted = "SELECT type, count(*), CAST(sum(size) AS BIGINT), max(deleted_sequence) FROM objects
             WHERE repository = $1 AND deleted_sequence IS NOT NULL AND deleted_sequence > $2 GROUP BY type";
        let lost =
            "SELECT type, count(*), CAST(sum(size) AS BIGINT), max(deleted_sequence) FROM objects AS gone
             WHERE repository = $1 AND deleted_sequence IS NOT NULL AND deleted_sequence > $2
               AND NOT EXISTS (SELECT 1 FROM objects AS again
                   WHERE again.repository = $1 AND again.type = gone.type AND again.name = gone.name
                     AND again.deleted_sequence IS NULL)
             GROUP BY type";
        let values = [Value::Text(repository), Value::Int(after)];
        let mut rows: BTreeMap<String, TrafficRow> = BTreeMap::new();
        for (place, sql) in [arrived, deleted, lost].into_iter().enumerate() {
            let read =
                |row: &dyn Columns| Ok((row.text(0)?.to_string(), (row.int(1)?, row.int(2)?), row.int(3)?));
            for (object_type, sum, last) in query(&self.connection, sql, &values, read)? {
                let row = rows.entry(object_type.clone()).or_default();
                (row.object_type, row.last) = (object_type, row.last.max(last));
                match place {
                    0 => row.arrived = sum,
                    1 => row.deleted = sum,
                    _ => row.lost = sum,
                }
            }
        }
        Ok(rows.into_values().collect())
    }

    fn dropped(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT repository FROM repositories WHERE state = 'dropped'";
        query(&self.connection, sql, &[], |row| Ok(row.text(0)?.to_string()))
    }

    fn deleted(&self, repository: &str, after: i64, limit: i64) -> Result<Vec<DeletedRow>, StoreError> {
        // All of it is in the index.
        let sql = "SELECT type, name, sequence, size, deleted_sequence, deleted_at FROM objects
             WHERE repository = $1 AND deleted_sequence IS NOT NULL AND deleted_sequence > $2 AND type <> 'config'
             ORDER BY deleted_sequence LIMIT $3";
        let values = [Value::Text(repository), Value::Int(after), Value::Int(limit)];
        query(&self.connection, sql, &values, |row| {
            Ok(DeletedRow {
                object_type: row.text(0)?.to_string(),
                name: row.text(1)?.to_string(),
                sequence: row.int(2)?,
                size: row.int(3)?,
                deleted_sequence: row.int(4)?,
                deleted_at: row.int(5)?,
            })
        })
    }

    fn purged(&self, after: &PurgedBytes, limit: i64) -> Result<Vec<PurgedBytes>, StoreError> {
        let sql =
            "SELECT repository, type, content FROM purged WHERE (repository, type, content) > ($1, $2, $3)
             ORDER BY repository, type, content LIMIT $4";
        let PurgedBytes { repository, object_type, content } = after;
        let [repository, object_type, content] =
            [repository, object_type, content].map(|text| Value::Text(text));
        query(&self.connection, sql, &[repository, object_type, content, Value::Int(limit)], |row| {
            Ok(PurgedBytes {
                repository: row.text(0)?.to_string(),
                object_type: row.text(1)?.to_string(),
                content: row.text(2)?.to_string(),
            })
        })
    }

    fn ledger(&self, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        read_ledger(&self.connection, from, limit)
    }

    fn ledger_back(&self, before: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
        let sql = "SELECT sequence, canonical, leaf, chain FROM ledger WHERE sequence < $1
             ORDER BY sequence DESC LIMIT $2";
        query(&self.connection, sql, &[Value::Int(before), Value::Int(limit)], read_ledger_row)
    }

    fn alarms(&self, target: &str, before: i64, limit: i64) -> Result<Vec<i64>, StoreError> {
        let sql =
            "SELECT sequence FROM alarms WHERE target = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3";
        let values = [Value::Text(target), Value::Int(before), Value::Int(limit)];
        query(&self.connection, sql, &values, |row| row.int(0))
    }

    fn alarms_since(&self) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM counters WHERE name = 'alarms'";
        Ok(query_first(&self.connection, sql, &[], |row| row.int(0))?.unwrap_or(i64::MAX))
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM (SELECT 1 FROM documents LIMIT 1) AS some_document)
             + (SELECT count(*) FROM (SELECT 1 FROM ledger LIMIT 1) AS some_entry)";
        Ok(query_count(&self.connection, sql, &[])? == 0)
    }
}

/// Ledger entries from a sequence on, oldest first.
pub(crate) fn read_ledger(connection: &dyn Run, from: i64, limit: i64) -> Result<Vec<LedgerRow>, StoreError> {
    let sql = "SELECT sequence, canonical, leaf, chain FROM ledger WHERE sequence >= $1
         ORDER BY sequence LIMIT $2";
    query(connection, sql, &[Value::Int(from), Value::Int(limit)], read_ledger_row)
}

fn read_row(row: &dyn Columns) -> Result<Row, StoreError> {
    Ok(Row::new(row.text(0)?.to_string(), row.int(1)?, row.text(2)?.to_string()))
}

fn read_object(row: &dyn Columns) -> Result<ObjectRow, StoreError> {
    Ok(ObjectRow {
        name: row.text(0)?.to_string(),
        sequence: row.int(1)?,
        content: row.text(2)?.to_string(),
        size: row.int(3)?,
        created_at: row.int(4)?,
        created_by: row.text(5)?.to_string(),
        checksum: row.int_or_null(6)?,
    })
}

fn read_birth(row: &dyn Columns) -> Result<Birth, StoreError> {
    Ok(Birth { name: row.text(0)?.to_string(), sequence: row.int(1)?, at: row.int(2)? })
}

fn read_ledger_row(row: &dyn Columns) -> Result<LedgerRow, StoreError> {
    Ok(LedgerRow {
        sequence: row.int(0)?,
        canonical: row.bytes(1)?.to_vec(),
        leaf: row.bytes(2)?.to_vec(),
        chain: row.bytes(3)?.to_vec(),
    })
}
