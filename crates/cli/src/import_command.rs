//! `countersign import`: a repository that restic or rest-server has in a folder becomes an item's repository.
//!
//! It is a client like any other: everything goes through the server's own door, which checks each name against its
//! bytes and decides what becomes a recovery point. What is there already is left out, so that an import that broke off
//! goes on where it was.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use clap::Args;
use ledger::Digester;
use reqwest::blocking::{Body, Client, Response};
use reqwest::header::{ACCEPT, CONTENT_LENGTH};
use reqwest::redirect::Policy;
use reqwest::{Certificate, StatusCode, Url};
use serde::Deserialize;
use server::settings::is_loopback;

/// Folders in the order in which they go: nothing arrives before what it needs.
const FOLDERS: [&str; 4] = ["keys", "data", "index", "snapshots"];
/// Objects under way at a time.
const WORKERS: usize = 4;
/// How often an object is sent, when the server does not answer or says that it cannot just now.
const ATTEMPTS: u32 = 8;
/// How long is waited before the second attempt; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(500);
/// How long an answer may take, beside the time that the bytes take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The slowest connection that is waited for, in bytes per second.
const SLOWEST: u64 = 128 << 10;

/// Bring a repository that restic or rest-server has in a folder into the repository of an item.
///
/// Each snapshot becomes a recovery point that arrives now: its retention counts from the import. Locks are left out. An
/// import that broke off goes on when it is called again.
#[derive(Args)]
pub(crate) struct Import {
    /// The folder with `config`, `data`, `index`, `keys` and `snapshots`. Nothing in it is changed.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The repository, as an item's `repositoryUrl` has it.
    #[arg(long, value_name = "URL")]
    to: Url,
    /// The user name of a credential of the item that may write.
    #[arg(long, env = "RESTIC_REST_USERNAME")]
    user: String,
    /// Its secret.
    // Better from the environment: a command line can be seen by everybody on the machine.
    #[arg(long, env = "RESTIC_REST_PASSWORD", hide_env_values = true, value_name = "SECRET")]
    password: String,
    /// The server's certificate authority, if it is none of the system's: `DIR/tls/ca.pem`.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// An object in the folder.
#[derive(Debug)]
struct Source {
    name: String,
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

/// What became of an object.
enum Outcome {
    Imported,
    /// It is not what its name says, or too large, or cannot be read.
    Damaged(String),
}

/// What came of it all.
#[derive(Debug, Default)]
struct Tally {
    imported: usize,
    present: usize,
    foreign: usize,
    damaged: usize,
}

impl Import {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let config = self.from.join("config");
        ensure!(config.is_file(), "`{}` is no repository: it has no file `config`", self.from.display());
        let target = Target::new(&self)?;
        let mut tally = Tally::default();
        leave_out(&others(&self.from)?, &mut tally);
        match target.send("config", &source(config, "config".into())?, None)? {
            Outcome::Imported => {}
            Outcome::Damaged(why) => bail!("the config cannot be imported: {why}"),
        }
        for folder in FOLDERS {
            let (sources, foreign) = list(&self.from, folder)?;
            leave_out(&foreign, &mut tally);
            target.send_all(folder, sources, &mut tally)?;
        }
        let Tally { imported, present, foreign, damaged } = tally;
        println!(
            "{imported} objects imported, {present} were there, {foreign} files left out, {damaged} damaged"
        );
        ensure!(damaged == 0, "{damaged} objects are damaged and were not imported; they are named above");
        Ok(())
    }
}

fn leave_out(foreign: &[PathBuf], tally: &mut Tally) {
    for path in foreign {
        eprintln!("{}: nothing of a repository, left out", path.display());
    }
    tally.foreign += foreign.len();
}

/// What is beside the parts of a repository.
fn others(from: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    let known = |name: &str| FOLDERS.contains(&name) || matches!(name, "config" | "locks");
    paths.retain(|path| !path.file_name().and_then(|name| name.to_str()).is_some_and(known));
    paths.sort();
    Ok(paths)
}

/// The objects in one of the folders in the order of their age, and the files that are none.
fn list(from: &Path, folder: &str) -> anyhow::Result<(Vec<Source>, Vec<PathBuf>)> {
    let (mut sources, mut foreign) = (Vec::new(), Vec::new());
    let mut folders = vec![from.join(folder)];
    while let Some(at) = folders.pop() {
        let entries = match fs::read_dir(&at) {
            // A folder that nothing was put in yet may be missing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("cannot read `{}`", at.display()))?,
        };
        for entry in entries {
            let entry = entry?;
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            let top = at.ends_with(folder);
            let is_half = name.len() == 2 && is_hex(&name);
            if entry.file_type()?.is_dir() && top && folder == "data" && is_half {
                folders.push(path);
            } else if entry.file_type()?.is_file() && name.len() == 64 && is_hex(&name) {
                sources.push(source(path, name)?);
            } else {
                foreign.push(path);
            }
        }
    }
    sources.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    foreign.sort();
    Ok((sources, foreign))
}

fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn source(path: PathBuf, name: String) -> anyhow::Result<Source> {
    let metadata = fs::metadata(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(Source { size: metadata.len(), modified: metadata.modified()?, path, name })
}

/// The repository that is imported into.
struct Target {
    client: Client,
    base: Url,
    user: String,
    password: String,
}

/// An object as the server lists it.
#[derive(Deserialize)]
struct Listed {
    name: String,
    size: u64,
}

impl Target {
    fn new(import: &Import) -> anyhow::Result<Self> {
        let mut client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        if import.to.host_str().is_some_and(is_loopback) {
            client = client.no_proxy();
        }
        if let Some(file) = &import.ca {
            let pem = fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            client = client.tls_certs_merge(Certificate::from_pem_bundle(&pem)?);
        }
        let mut base = import.to.clone();
        ensure!(base.scheme() == "https", "`--to` must be like https://localhost:8443/repositories/…");
        ensure!(
            base.username().is_empty() && base.password().is_none(),
            "the credential does not belong into `--to`"
        );
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self {
            client: client.build()?,
            base,
            user: import.user.clone(),
            password: import.password.clone(),
        })
    }

    /// What the server has of one folder, by name.
    fn present(&self, folder: &str) -> anyhow::Result<HashMap<String, u64>> {
        let url = self.base.join(&format!("{folder}/"))?;
        let request = self.client.get(url).basic_auth(&self.user, Some(&self.password));
        let answer = request.header(ACCEPT, "application/vnd.x.restic.rest.v2").send()?;
        // Who may only write does not see what is there: then all of it is sent, and the server knows it when it sees it.
        if answer.status() == StatusCode::FORBIDDEN {
            return Ok(HashMap::new());
        }
        ensure!(answer.status().is_success(), "the server does not list `{folder}`: {}", said(answer));
        let listed: Vec<Listed> = answer.json()?;
        Ok(listed.into_iter().map(|each| (each.name, each.size)).collect())
    }

    /// Sends what is not there: snapshots one after the other, because their order is that of the recovery points.
    fn send_all(&self, folder: &str, sources: Vec<Source>, tally: &mut Tally) -> anyhow::Result<()> {
        let present = self.present(folder)?;
        let (there, missing): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|source| present.get(&source.name) == Some(&source.size));
        tally.present += there.len();
        let workers = if folder == "snapshots" { 1 } else { WORKERS };
        let (next, failed, done) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicUsize::new(0));
        let work = || -> anyhow::Result<(usize, usize)> {
            let (mut imported, mut damaged) = (0, 0);
            while let Some(source) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                if failed.load(Ordering::Relaxed) {
                    break;
                }
                match self.send(folder, source, Some(&source.name)) {
                    Ok(Outcome::Imported) => imported += 1,
                    Ok(Outcome::Damaged(why)) => {
                        eprintln!("{}: damaged: {why}", source.path.display());
                        damaged += 1;
                    }
                    Err(error) => {
                        failed.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                }
                tell(folder, done.fetch_add(1, Ordering::Relaxed) + 1, missing.len());
            }
            Ok((imported, damaged))
        };
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join()).collect()
        });
        for outcome in outcomes {
            let (imported, damaged) =
                outcome.map_err(|_| anyhow::anyhow!("an import ended abnormally"))??;
            tally.imported += imported;
            tally.damaged += damaged;
        }
        Ok(())
    }

    /// Sends one object, after comparing it with its name.
    fn send(&self, folder: &str, source: &Source, name: Option<&str>) -> anyhow::Result<Outcome> {
        let opened = File::open(&source.path).and_then(|mut file| Ok((hash(&mut file)?, file)));
        let (hash, file) = match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Outcome::Damaged(error.to_string())),
        };
        if name.is_some_and(|name| name != hash) {
            return Ok(Outcome::Damaged(format!("its bytes hash to {hash}")));
        }
        let url =
            name.map_or_else(|| self.base.join(folder), |name| self.base.join(&format!("{folder}/{name}")))?;
        let mut attempt = 1;
        loop {
            let sent = self.send_once(&url, &file, source.size)?;
            let why = match sent {
                Ok(answer) if answer.status() == StatusCode::OK => return Ok(Outcome::Imported),
                Ok(answer) if answer.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                    return Ok(Outcome::Damaged(said(answer)));
                }
                Ok(answer) if !is_passing(answer.status()) => {
                    bail!("`{}` is refused: {}", source.path.display(), said(answer))
                }
                Ok(answer) => said(answer),
                Err(error) => format!("{:#}", anyhow::Error::from(error)),
            };
            ensure!(attempt < ATTEMPTS, "`{}` cannot be sent: {why}", source.path.display());
            std::thread::sleep(PAUSE * 2_u32.pow(attempt - 1));
            attempt += 1;
        }
    }

    fn send_once(&self, url: &Url, mut file: &File, size: u64) -> io::Result<reqwest::Result<Response>> {
        file.rewind()?;
        let body = Body::sized(file.try_clone()?, size);
        let request = self.client.post(url.clone()).basic_auth(&self.user, Some(&self.password));
        let patience = PATIENCE + Duration::from_secs(size / SLOWEST);
        Ok(request.header(CONTENT_LENGTH, size).timeout(patience).body(body).send())
    }
}

/// Says how far it is, a hundred times at most.
fn tell(folder: &str, done: usize, all: usize) {
    if done == all || done * 100 / all > (done - 1) * 100 / all {
        eprintln!("{folder}: {done} of {all}");
    }
}

/// Whether it helps to come back.
fn is_passing(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    passing.contains(&status) || status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE
}

/// What the server says, for people.
fn said(answer: Response) -> String {
    let status = answer.status();
    match answer.text() {
        Ok(text) if !text.trim().is_empty() => format!("{} ({status})", text.trim()),
        _ => status.to_string(),
    }
}

/// The SHA-256 of a file in lower-case hex.
fn hash(file: &mut File) -> io::Result<String> {
    let mut hash = Digester::default();
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finish().to_string()),
            read => hash.update(piece.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_from_other_files_and_go_in_the_order_of_their_age() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("data/ab/deep")).unwrap();
        fs::create_dir_all(root.join("snapshots/ab")).unwrap();
        let name = |digit: &str| digit.repeat(64);
        let place = |path: &str, age: u64| {
            let file = File::create(root.join(path)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1000 - age)).unwrap();
        };
        place(&format!("data/ab/{}", name("a")), 1);
        place(&format!("data/{}", name("b")), 3);
        place("data/ab/tmp-1", 0);
        place(&format!("data/ab/{}", name("A")), 0);
        place(&format!("data/ab/deep/{}", name("c")), 0);
        for (digit, age) in [("1", 5), ("2", 9), ("3", 5)] {
            place(&format!("snapshots/{}", name(digit)), age);
        }
        let told = |folder: &str| {
            let (sources, foreign) = list(root, folder).unwrap();
            (sources.into_iter().map(|source| source.name).collect::<Vec<_>>(), foreign.len())
        };
        assert_eq!(told("data"), (vec![name("b"), name("a")], 3));
        assert_eq!(told("snapshots"), (vec![name("2"), name("1"), name("3")], 1));
        assert_eq!(told("index"), (vec![], 0));
    }
}
