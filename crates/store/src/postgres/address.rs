//! `postgres://…`: where a database is, and how to get there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How many connections may read at once, unless the address says otherwise.
const READERS: usize = 16;

/// What a connection attempt, and then a dead connection, may cost.
const CONNECT: Duration = Duration::from_secs(5);
const DEAD: Duration = Duration::from_secs(15);
const PROBE: Duration = Duration::from_secs(5);

/// The parameters of an address that go to the driver as they are.
const KNOWN: [&str; 9] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "load_balance_hosts",
    "password",
    "port",
    "user",
];

/// A PostgreSQL database, as `--database` names it. What it shows of itself has no password in it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    pub(super) config: Config,
    pub(super) tls: Tls,
    pub(super) readers: usize,
}

/// Whether the connection is encrypted and the server's certificate checked. There is nothing in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Plain. What goes over it, passwords' hashes and keys among it, can be read and changed on the way.
    Off,
    /// The certificate must be good for the host's name, and signed by a CA in this file or else by one that the machine
    /// trusts.
    On(Option<PathBuf>),
}

impl PostgresUrl {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/NAME?PARAMETER=VALUE&…`.
    ///
    /// # Errors
    /// In words for the person who wrote it, and without repeating it: there is a password in it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut kept = Vec::new();
        let (mut mode, mut root, mut readers) = (None, None, READERS);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "sslmode" => mode = Some(decode(value)?),
                "sslrootcert" => root = Some(decode(value)?),
                "readers" => readers = read_readers(value)?,
                name if KNOWN.contains(&name) => kept.push(pair),
                _ => return Err(unknown()),
            }
        }
        let rest = format!("{base}?{}", kept.join("&"));
        // The driver's own words may quote the address.
        let mut config: Config = rest.parse().map_err(|_| malformed())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("the address of the database names no host".into());
        }
        let tls = read_tls(&config, mode.as_deref(), root)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        config
            .tcp_user_timeout(DEAD)
            .keepalives(true)
            .keepalives_idle(PROBE)
            .keepalives_interval(PROBE)
            .keepalives_retries(2)
            // A standby lags behind, and cannot be written.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .ssl_mode(if tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, tls, readers })
    }
}

fn malformed() -> String {
    "the address of the database cannot be read; it should be postgres://USER:PASSWORD@HOST:PORT/NAME, with \
     characters other than letters and digits in user name and password percent-encoded"
        .into()
}

fn unknown() -> String {
    format!(
        "the address of the database has a parameter that is not known; known are sslmode, sslrootcert, readers, {}",
        KNOWN.join(", ")
    )
}

fn decode(value: &str) -> Result<String, String> {
    let decoded = percent_decode_str(value).decode_utf8().map_err(|_| malformed())?;
    Ok(decoded.into_owned())
}

fn read_readers(value: &str) -> Result<usize, String> {
    let wrong =
        "`readers` in the address of the database is how many connections may read at once: 1 to 1000";
    value.parse().ok().filter(|readers| (1..=1000).contains(readers)).ok_or_else(|| wrong.to_string())
}

/// Without a word, only what stays on this machine goes unencrypted.
fn read_tls(config: &Config, mode: Option<&str>, root: Option<String>) -> Result<Tls, String> {
    let root = root.filter(|file| file != "system").map(PathBuf::from);
    match mode {
        Some("disable") if root.is_some() => {
            Err("`sslrootcert` makes no sense with `sslmode=disable` in the address of the database".into())
        }
        Some("disable") => Ok(Tls::Off),
        Some("require" | "verify-ca" | "verify-full") => Ok(Tls::On(root)),
        Some("allow" | "prefer") => {
            Err("`sslmode` in the address of the database cannot be `allow` or `prefer`: \
             whoever is on the way could turn encryption off; say `require` or `disable`"
                .into())
        }
        Some(_) => Err("`sslmode` in the address of the database is `disable` or `require`".into()),
        None if root.is_none() && is_local(config) => Ok(Tls::Off),
        None => Ok(Tls::On(root)),
    }
}

fn is_local(config: &Config) -> bool {
    let hosts = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    });
    hosts && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(f, "PostgreSQL database `{database}` at ")?;
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match host {
                Host::Tcp(name) => write!(f, "{comma}{name}")?,
                Host::Unix(path) => write!(f, "{comma}{}", path.display())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Tls {
        PostgresUrl::parse(url).unwrap().tls
    }

    #[test]
    fn only_what_stays_on_the_machine_goes_unencrypted_without_a_word() {
        for local in [
            "postgres://localhost/x",
            "postgresql://u:p@127.0.0.1:5433/x",
            "postgres://[::1]/x",
            "postgres:///x?host=/run/postgresql",
            "postgres://u@%2Frun%2Fpostgresql/x",
        ] {
            assert_eq!(tls(local), Tls::Off, "{local}");
        }
        for far in [
            "postgres://db.example/x",
            "postgres://localhost,db.example/x",
            "postgres://localhost/x?hostaddr=192.0.2.1",
            "postgres://192.0.2.1/x",
            "postgres://localhost/x?sslmode=require",
            "postgres://localhost/x?sslmode=verify-full&sslrootcert=system",
        ] {
            assert_eq!(tls(far), Tls::On(None), "{far}");
        }
        assert_eq!(tls("postgres://db.example/x?sslmode=disable"), Tls::Off);
        let root = Some(PathBuf::from("/a b/ca.pem"));
        assert_eq!(tls("postgres://localhost/x?sslrootcert=/a%20b/ca.pem"), Tls::On(root));
    }

    #[test]
    fn the_driver_may_not_fall_back_to_plain_text() {
        let mode = |url: &str| PostgresUrl::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://db.example/x"), SslMode::Require);
        assert_eq!(mode("postgres://localhost/x"), SslMode::Disable);
    }

    #[test]
    fn a_wrong_address_is_explained_and_not_repeated() {
        for (wrong, why) in [
            ("postgres://u:sesame@db.example:port/x", "cannot be read"),
            ("postgres://u:ses?ame@db.example/x", "not known"),
            ("postgres://u:sesame@/x", "no host"),
            ("postgres://u:sesame@db.example/x?sslmode=prefer", "turn encryption off"),
            ("postgres://u:sesame@db.example/x?sslmode=sesame", "is `disable` or `require`"),
            ("postgres://u:sesame@db.example/x?sslmode=disable&sslrootcert=f", "no sense"),
            ("postgres://u:sesame@db.example/x?readers=0", "1 to 1000"),
            ("postgres://u:sesame@db.example/x?readers=many", "1 to 1000"),
            ("postgres://u:sesame@db.example/x?options=-c%20fsync%3Doff", "not known"),
            ("postgres://u:sesame@db.example/x?sslrootcert=%ff", "cannot be read"),
        ] {
            let refused = PostgresUrl::parse(wrong).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
            assert!(!refused.contains("ses"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let url = PostgresUrl::parse("postgres://u:sesame@db.example:5433/name?readers=3").unwrap();
        assert_eq!(url.readers, 3);
        assert_eq!(format!("{url}"), "PostgreSQL database `name` at db.example");
        assert_eq!(format!("{url:?}"), format!("{url}"));
    }
}
