//! One connection: statements in as few round trips as there can be.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::TryStreamExt;
use futures_util::future::{Future, MaybeDone, maybe_done};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row, RowStream};

use super::driver::Driver;
use super::fault::{defining, running};
use crate::error::StoreError;
use crate::sql::{Columns, Connection, EachRow, Run, Statement, Value};

/// What a connection is for.
pub(super) struct Purpose {
    /// Said once, when it is opened.
    settings: &'static str,
    /// How long one call waits. Longer than the server works on a statement.
    patience: Duration,
}

/// A decision keeps its view open while it thinks, and what loads everything reads for long.
pub(super) const READER: Purpose = Purpose {
    settings: "SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '120s'",
    patience: Duration::from_secs(150),
};

/// All other servers wait for the one that writes. A commit is answered when it is durable, whatever the role's own
/// settings say.
pub(super) const WRITER: Purpose = Purpose {
    settings: "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '10s'; \
               SELECT set_config('synchronous_commit', 'on', false) \
               WHERE current_setting('synchronous_commit') = 'off'",
    patience: Duration::from_secs(45),
};

/// One consistent state, that of the first question.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const WRITE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE";
/// A COMMIT after an error would end the transaction without a trace and without complaint. The question before it fails
/// instead.
const COMMIT: &str = "SELECT 1; COMMIT";

/// A connection.
pub(super) struct Handle {
    client: Client,
    driver: Arc<Driver>,
    patience: Duration,
    prepared: RefCell<HashMap<&'static str, tokio_postgres::Statement>>,
    /// The beginning of a transaction, which travels with its first statements.
    beginning: Cell<Option<&'static str>>,
    in_transaction: Cell<bool>,
    /// Something was not answered in time; what arrives now would be the answer to that.
    broken: Cell<bool>,
}

impl Handle {
    pub(super) fn open(driver: &Arc<Driver>, purpose: &Purpose) -> Result<Self, StoreError> {
        Ok(Self {
            client: driver.connect(purpose.settings)?,
            driver: Arc::clone(driver),
            patience: purpose.patience,
            prepared: RefCell::default(),
            beginning: Cell::new(None),
            in_transaction: Cell::new(false),
            broken: Cell::new(false),
        })
    }

    /// Runs statements as they are.
    pub(super) fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(async { self.client.batch_execute(sql).await.map_err(|error| running(&error)) })
    }

    /// Runs a statement of the schema. Another server may just do the same: that is contention.
    pub(super) fn define(&self, sql: &str) -> Result<(), StoreError> {
        self.wait(async { self.client.batch_execute(sql).await.map_err(|error| defining(&error)) })
    }

    fn begin(&self, how: &'static str) -> Result<(), StoreError> {
        if !self.usable() {
            return Err(StoreError::Unreachable("the connection was closed".into()));
        }
        self.beginning.set(Some(how));
        self.in_transaction.set(true);
        Ok(())
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let outcome = self.driver.wait(self.patience, work);
        if let Err(StoreError::Unreachable(_)) = &outcome {
            self.broken.set(true);
            self.in_transaction.set(false);
        }
        outcome
    }

    /// Sends everything at once and takes the answers one after the other.
    async fn pipeline(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        let beginning = self.beginning.take().map(|begin| Sent::new(self.client.batch_execute(begin)));
        self.prepare(statements).await?;
        let sent: Vec<_> = statements
            .iter()
            .enumerate()
            .filter(|(_, statement)| !finds_nothing(statement))
            .map(|(number, statement)| Ok((number, Sent::new(self.query(statement)?))))
            .collect::<Result<_, StoreError>>()?;
        if let Some(beginning) = beginning {
            beginning.answer().await?;
        }
        for (number, sent) in sent {
            let mut rows = pin!(sent.answer().await?);
            while let Some(row) = rows.try_next().await.map_err(|error| running(&error))? {
                each(number, &row)?;
            }
        }
        Ok(())
    }

    /// Prepares what this connection meets for the first time.
    async fn prepare(&self, statements: &[Statement<'_>]) -> Result<(), StoreError> {
        let mut new: Vec<&'static str> = statements.iter().map(|statement| statement.sql).collect();
        new.retain(|sql| !self.prepared.borrow().contains_key(sql));
        new.sort_unstable();
        new.dedup();
        let sent: Vec<_> = new.iter().map(|sql| Sent::new(self.client.prepare(sql))).collect();
        for (sql, sent) in new.iter().zip(sent) {
            let prepared = sent.answer().await?;
            self.prepared.borrow_mut().insert(sql, prepared);
        }
        Ok(())
    }

    fn query(
        &self,
        statement: &Statement<'_>,
    ) -> Result<impl Future<Output = Result<RowStream, tokio_postgres::Error>>, StoreError> {
        let prepared = self.prepared.borrow().get(statement.sql).cloned().ok_or(StoreError::Closed)?;
        let values: Vec<Parameter<'_>> = statement.values.iter().copied().map(Parameter).collect();
        Ok(async move { self.client.query_raw(&prepared, values).await })
    }
}

/// PostgreSQL has no text with a NUL in it, and takes the question for an error. The answer is that there is none.
fn finds_nothing(statement: &Statement<'_>) -> bool {
    let has_nul = |value: &Value<'_>| matches!(value, Value::Text(text) if text.contains('\0'));
    statement.sql.starts_with("SELECT") && statement.values.iter().any(has_nul)
}

/// A request that is under way: what sends it runs up to where it waits for the answer.
struct Sent<F: Future>(Pin<Box<MaybeDone<F>>>);

impl<T, F: Future<Output = Result<T, tokio_postgres::Error>>> Sent<F> {
    fn new(request: F) -> Self {
        let mut request = Box::pin(maybe_done(request));
        // Whether it is done is asked when its turn has come.
        let _ = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        Self(request)
    }

    async fn answer(mut self) -> Result<T, StoreError> {
        self.0.as_mut().await;
        let answer = self.0.as_mut().take_output().ok_or(StoreError::Closed)?;
        answer.map_err(|error| running(&error))
    }
}

impl Run for Handle {
    fn run(&self, statements: &[Statement<'_>], each: &mut EachRow<'_>) -> Result<(), StoreError> {
        self.wait(self.pipeline(statements, each))
    }
}

impl Connection for Handle {
    fn begin_reading(&self) -> Result<(), StoreError> {
        self.begin(READ)
    }

    fn begin_writing(&self) -> Result<(), StoreError> {
        self.begin(WRITE)
    }

    fn commit(&self) -> Result<(), StoreError> {
        self.execute(COMMIT)?;
        self.in_transaction.set(false);
        Ok(())
    }

    fn rollback(&self) -> Result<(), StoreError> {
        if !self.usable() {
            return Err(StoreError::Unreachable("the connection was closed".into()));
        }
        self.in_transaction.set(false);
        if self.beginning.take().is_none() {
            // Nobody has to wait for the answer: whatever is sent next comes after it.
            drop(Sent::new(self.client.batch_execute("ROLLBACK")));
        }
        Ok(())
    }

    fn in_transaction(&self) -> bool {
        self.in_transaction.get() && self.usable()
    }

    fn usable(&self) -> bool {
        !self.broken.get() && !self.client.is_closed()
    }
}

/// A value on its way to the database.
struct Parameter<'a>(Value<'a>);

/// The driver logs its parameters when it is asked to; there are passwords' hashes and keys among them.
impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match (self.0, of) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(number), &Type::INT8) => number.to_sql(of, out),
            (Value::Text(text), &Type::TEXT) => text.to_sql(of, out),
            (Value::Bytes(bytes), &Type::BYTEA) => bytes.to_sql(of, out),
            (_, of) => Err(format!("the database expects {of} here").into()),
        }
    }

    fn accepts(of: &Type) -> bool {
        matches!(*of, Type::INT8 | Type::TEXT | Type::BYTEA)
    }

    to_sql_checked!();
}

impl Columns for Row {
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.try_get(column).map_err(damaged)
    }

    fn int_or_null(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.try_get(column).map_err(damaged)
    }

    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.try_get(column).map_err(damaged)
    }

    fn text_or_null(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.try_get(column).map_err(damaged)
    }

    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.try_get(column).map_err(damaged)
    }
}

fn damaged(error: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}
