//! The program as an operator starts and stops it.

#![cfg(test)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

const BOOTSTRAP: &str = r#"
[[tenants]]
name = "Contoso"
domain = "contoso.example"
users = [{ upn = "alice@contoso.example", password = { env = "ALICE_PASSWORD" } }]
subscriptions = [{ name = "Backup production", owners = ["alice@contoso.example"] }]
"#;

struct Server {
    child: Child,
    origin: String,
}

fn countersign() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .env("ALICE_PASSWORD", "Correct-Horse-9")
        .env("RUST_LOG", "warn")
        .env_remove("COUNTERSIGN_DATABASE");
    command
}

fn serve(folder: &Path) -> Command {
    let mut command = countersign();
    command.arg("serve").arg("--data").arg(folder.join("data")).args([
        "--listen",
        "127.0.0.1:0",
        "--graph-listen",
        "127.0.0.1:0",
    ]);
    command
}

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(origin) = line.strip_prefix("countersign is ready at ") else {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("not ready: {line} {errors}");
        };
        Self { origin: origin.trim().to_string(), child }
    }

    fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

fn get(folder: &Path, url: &str) -> (u16, String) {
    let ca = std::fs::read(folder.join("data/tls/ca.pem")).unwrap();
    let client = reqwest::blocking::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()])
        .build()
        .unwrap();
    let answer = client.get(url).send().unwrap();
    (answer.status().as_u16(), answer.text().unwrap())
}

fn run(mut command: Command) -> Output {
    command.output().unwrap()
}

fn bootstrapped(folder: &Path) -> Command {
    let file = folder.join("organisations.toml");
    std::fs::write(&file, BOOTSTRAP).unwrap();
    let mut command = serve(folder);
    command.arg("--bootstrap").arg(file);
    command
}

#[test]
fn it_starts_says_so_stops_cleanly_and_finds_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(bootstrapped(folder.path()));
    for (path, says) in
        [("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "countersign_refused_critical_operations")]
    {
        let (status, text) = get(folder.path(), &format!("{}{path}", server.origin));
        assert_eq!(status, 200, "{path}");
        assert!(text.contains(says), "{path}: {text}");
    }
    let ca = std::fs::read(folder.path().join("data/tls/ca.pem")).unwrap();
    assert!(server.terminate().success());

    let again = Server::start(serve(folder.path()));
    assert_eq!(std::fs::read(folder.path().join("data/tls/ca.pem")).unwrap(), ca, "the CA stays");
    assert_eq!(get(folder.path(), &format!("{}/readyz", again.origin)).0, 200);
    // A second process keeps its hands off the folder.
    let second = run(serve(folder.path()));
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("in use"));
    assert!(again.terminate().success());
}

#[test]
fn a_bootstrap_file_fills_an_empty_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Server::start(bootstrapped(folder.path())).terminate().success());
    let refused = run(bootstrapped(folder.path()));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not empty"));

    let other = tempfile::tempdir().unwrap();
    let mut without_password = bootstrapped(other.path());
    without_password.env_remove("ALICE_PASSWORD");
    let refused = run(without_password);
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("line 5") && errors.contains("ALICE_PASSWORD"), "{errors}");
}

#[test]
fn the_ledger_is_checked_against_what_somebody_noted() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Server::start(bootstrapped(folder.path())).terminate().success());
    let verify = |expect: Option<&str>| {
        let mut command = countersign();
        command.args(["ledger", "verify", "--data"]).arg(folder.path().join("data"));
        command.args(expect.iter().flat_map(|head| ["--expect", head]));
        run(command)
    };
    let whole = verify(None);
    let text = String::from_utf8(whole.stdout).unwrap();
    let head = text.trim().rsplit_once("head ").unwrap().1.to_string();
    assert!(whole.status.success() && head.starts_with("1:"), "{text}");
    assert!(verify(Some(&head)).status.success());
    // A ledger that once was longer, or another one, is found out.
    for wrong in [head.replacen("1:", "2:", 1), format!("1:{}", "0".repeat(64))] {
        let found = verify(Some(&wrong));
        assert_eq!(found.status.code(), Some(1), "{wrong}");
    }
    let mut show = countersign();
    show.args(["ledger", "show", "--data"]).arg(folder.path().join("data"));
    let shown = String::from_utf8(run(show).stdout).unwrap();
    assert!(shown.contains("countersign.bootstrap"), "{shown}");
}

#[test]
fn a_purge_is_shown_beside_the_running_server_and_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(bootstrapped(folder.path()));
    let purge = |arguments: &[&str]| {
        let mut command = countersign();
        command.arg("purge").args(arguments).arg("--data").arg(folder.path().join("data"));
        run(command)
    };
    let shown = purge(&["--dry-run", "--vault", "v"]);
    assert!(shown.status.success(), "{shown:?}");
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), "there are no items\n");
    let refused = purge(&[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--dry-run"));
    assert!(server.terminate().success());
}

/// A new database on the server that the tests were given.
#[test]
fn all_that_is_stored_is_verified_beside_a_server() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(bootstrapped(home.path()));
    let mut scrub = countersign();
    scrub.args(["scrub", "--data"]).arg(home.path().join("data"));
    let done = run(scrub);
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("all 0 objects are whole"), "{done:?}");
    assert!(server.terminate().success());
}

#[test]
fn the_clock_is_shown_and_vouched_for_when_no_server_runs() {
    let home = tempfile::tempdir().unwrap();
    let clock = |word: &str| {
        let mut command = countersign();
        command.args(["clock", word, "--data"]).arg(home.path().join("data"));
        run(command)
    };
    let server = Server::start(bootstrapped(home.path()));
    let refused = clock("accept");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("must be stopped"), "{refused:?}");
    assert!(server.terminate().success());
    let shown = String::from_utf8(clock("show").stdout).unwrap();
    assert!(shown.contains("expiry and purges go by") && shown.contains("none"), "{shown}");
    let accepted = clock("accept");
    assert!(accepted.status.success(), "{accepted:?}");
    let mut show = countersign();
    show.args(["ledger", "show", "--data"]).arg(home.path().join("data"));
    assert!(String::from_utf8(run(show).stdout).unwrap().contains("clock.accept"));
}

fn new_database(name: &str) -> String {
    let first = std::env::var("COUNTERSIGN_TEST_DATABASE")
        .expect("these tests need PostgreSQL: run them as `scripts/with-postgres cargo test …`");
    let name = format!("program_{name}_{}", std::process::id());
    let mut server = postgres::Client::connect(&first, postgres::NoTls).unwrap();
    server.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
    let (server, _) = first.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

#[test]
fn several_servers_share_a_database() {
    let (database, home) = (new_database("shared"), tempfile::tempdir().unwrap());
    let folder = |name: &str| {
        let folder = home.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    let shared = |mut command: Command| {
        command.args(["--database", &database, "--repositories"]).arg(home.path().join("repositories"));
        command
    };
    let first = Server::start(shared(bootstrapped(&folder("first"))));
    // What one made, the other finds, and does not make again.
    let refused = run(shared(bootstrapped(&folder("second"))));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not empty"));
    let second = Server::start(shared(serve(&folder("second"))));
    for (name, server) in [("first", &first), ("second", &second)] {
        let (status, text) = get(&folder(name), &format!("{}/metrics", server.origin));
        assert_eq!(status, 200);
        for counter in ["batches", "flushes", "contentions"] {
            assert!(text.contains(&format!("countersign_store_{counter} ")), "{text}");
        }
    }
    // The ledger is looked at while they run, with the address as an argument or from the environment.
    let mut verify = countersign();
    verify.args(["ledger", "verify", "--database", &database]);
    let text = String::from_utf8(run(verify).stdout).unwrap();
    assert!(text.contains("the ledger is whole: 1 entries"), "{text}");
    let mut show = countersign();
    show.args(["ledger", "show"]).env("COUNTERSIGN_DATABASE", &database);
    let shown = String::from_utf8(run(show).stdout).unwrap();
    assert!(shown.contains("countersign.bootstrap"), "{shown}");
    assert!(first.terminate().success() && second.terminate().success());
    // Nothing of it is in the servers' own folders.
    assert!(!folder("first").join("data/countersign.db").exists());
    assert!(!folder("first").join("data/repositories").exists());
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    for wrong in
        ["postgres://u:sesame@127.0.0.1:1/x", "postgres://u:sesame@h/x?options=y", "mysql://u:sesame@h/x"]
    {
        for debug in ["warn", "trace"] {
            let mut command = serve(home.path());
            command.args(["--database", wrong]).env("RUST_LOG", debug);
            let refused = run(command);
            assert!(!refused.status.success());
            let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!errors.contains("sesame"), "{errors}");
        }
        let mut migrate = countersign();
        migrate.args(["migrate", "--to", wrong, "--data"]).arg(home.path().join("data"));
        let mut verify = countersign();
        verify.args(["ledger", "verify", "--database", wrong]);
        for command in [migrate, verify] {
            let refused = run(command);
            assert!(!refused.status.success());
            let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(!errors.contains("sesame"), "{errors}");
        }
    }
    let mut help = countersign();
    help.args(["serve", "--help"]).env("COUNTERSIGN_DATABASE", "postgres://u:sesame@h/x");
    assert!(!String::from_utf8_lossy(&run(help).stdout).contains("sesame"));
}
