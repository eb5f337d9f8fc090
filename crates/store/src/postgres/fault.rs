//! What the driver's errors mean to the store.

use std::error::Error as _;

use rustls::CertificateError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::address::PostgresUrl;
use crate::error::StoreError;

/// An error on a connection that worked before.
pub(super) fn running(error: &Error) -> StoreError {
    let Some(state) = error.code() else {
        // Without a word from the server: the connection is gone, or what arrives on it makes no sense.
        return StoreError::Unreachable(words(error));
    };
    match state {
        &SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED => StoreError::Contention,
        state if is_away(state) => StoreError::Unreachable(words(error)),
        _ => StoreError::Engine(words(error)),
    }
}

/// An error of a statement of the schema. `IF NOT EXISTS` looks first, and may then find that it does exist.
pub(super) fn defining(error: &Error) -> StoreError {
    let raced = [
        SqlState::UNIQUE_VIOLATION,
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        // "tuple concurrently updated"
        SqlState::INTERNAL_ERROR,
    ];
    match error.code() {
        Some(state) if raced.contains(state) => StoreError::Contention,
        _ => running(error),
    }
}

/// The server ends the connection, will not take one, or became a standby.
fn is_away(state: &SqlState) -> bool {
    let away = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        SqlState::IDLE_SESSION_TIMEOUT,
        SqlState::READ_ONLY_SQL_TRANSACTION,
        // CockroachDB: the cluster does not know whether it did.
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
    ];
    // Class 08: connections; class 53: resources, such as too many connections.
    away.contains(state) || state.code().starts_with("08") || state.code().starts_with("53")
}

/// An error while a connection was being made.
pub(super) fn connecting(error: &Error, url: &PostgresUrl) -> StoreError {
    if let Some(untrusted) = certificate(error) {
        return StoreError::Engine(format!("{url}: {untrusted}"));
    }
    let why = format!("{url}: {}", words(error));
    match error.code() {
        Some(state) if is_away(state) => StoreError::Unreachable(why),
        Some(_) => StoreError::Engine(why),
        None if error.source().is_some_and(|cause| cause.is::<std::io::Error>()) || error.is_closed() => {
            StoreError::Unreachable(why)
        }
        None => StoreError::Engine(why),
    }
}

/// Why the server's certificate was not accepted, if that is what happened.
fn certificate(error: &Error) -> Option<String> {
    let tls = error.source()?.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(why) = tls else {
        return None;
    };
    Some(match why {
        // The second is a CA of the same name with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not trusted: it was signed by none of the CAs that are known; name the file \
             with the right one as `sslrootcert=FILE` in the address of the database"
                .into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is not trusted: it is for another host ({why})")
        }
        why => format!("the server's certificate is not trusted: {why}"),
    })
}

/// The whole chain of causes.
fn words(error: &Error) -> String {
    if let Some(fault) = error.as_db_error() {
        let detail = fault.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        return format!("{}{detail} [{}]", fault.message(), fault.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
