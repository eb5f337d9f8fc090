//! A machine that is backed up with real restic to the item of a [`World`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::harness::ALICE;
use crate::repository::world::{ITEM, SECRET, VAULT, World, hash, item_id};

/// What the client's user knows.
const PASSWORD: &str = "only the clients know this";

/// The program: the newest that the test tools brought, else the system's.
pub fn restic() -> PathBuf {
    std::env::var_os("COUNTERSIGN_RESTIC").map_or_else(|| "restic".into(), PathBuf::from)
}

/// A folder's files by path.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// A machine with files and restic. All machines of a test write to the same repository.
pub struct Machine<'a> {
    pub world: &'a World,
    home: tempfile::TempDir,
    noise: u64,
}

/// A backup, and what must come back from it for good.
#[derive(Clone)]
pub struct Backup {
    /// The recovery point: its snapshot's name.
    pub point: String,
    /// The password that was valid then.
    password: String,
    tree: Tree,
}

impl Backup {
    /// The same files in another recovery point.
    pub fn at(&self, point: String) -> Self {
        Self { point, ..self.clone() }
    }
}

impl<'a> Machine<'a> {
    /// A machine with some files, of which restic has never heard.
    pub fn new(world: &'a World) -> Self {
        let mut machine = Self { world, home: tempfile::tempdir().unwrap(), noise: 1 };
        std::fs::create_dir(machine.source()).unwrap();
        machine.write("letter.txt", "Dear backup,\n".repeat(5000).as_bytes());
        machine.change();
        machine
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn source(&self) -> PathBuf {
        self.home.path().join("source")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.source().join(name), bytes).unwrap();
    }

    /// Bytes that neither compress nor repeat.
    pub fn noise(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            // xorshift: any stream without a pattern will do.
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            bytes.extend(self.noise.to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }

    /// A day's work: something new, something else, and something gone.
    pub fn change(&mut self) {
        let (new, other) = (self.noise(120_000), self.noise(60_000));
        self.write(&format!("new-{}", hash(&new)), &new);
        self.write("changing", &other);
        let mut files: Vec<PathBuf> = self.tree(&self.source()).into_keys().collect();
        files.retain(|file| file.to_string_lossy().contains("new-"));
        if files.len() > 3 {
            std::fs::remove_file(self.source().join(&files[0])).unwrap();
        }
    }

    fn tree(&self, folder: &Path) -> Tree {
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|path| (path.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&path).unwrap()))
            .collect()
    }

    /// Where the repository is as it is now, or the view of a point.
    fn repository(&self, point: Option<&str>) -> String {
        let host = self.world.server.origin().strip_prefix("https://").unwrap();
        let at = point.map(|point| format!("@{point}")).unwrap_or_default();
        format!("rest:https://{ITEM}:{SECRET}@{host}/repositories/{VAULT}/{ITEM}{at}/")
    }

    fn ca(&self) -> PathBuf {
        self.world.server.folder.path().join("tls/ca.pem")
    }

    /// restic on the repository as it is now, or on the view of a point.
    fn command(&self, point: Option<&str>, password: &str, words: &[&str]) -> Command {
        let mut command = Command::new(restic());
        command
            .args(["--repo", &self.repository(point)])
            .arg("--cacert")
            .arg(self.ca())
            .arg("--quiet")
            .args(words)
            .env("RESTIC_CACHE_DIR", self.home.path().join("cache"))
            .env("RESTIC_PASSWORD", password)
            .stdin(Stdio::null())
            .current_dir(self.home.path());
        command
    }

    /// Runs restic to its end, while the server goes on.
    async fn run_on(&self, point: Option<&str>, password: &str, words: &[&str]) -> Output {
        let mut command = self.command(point, password, words);
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
    }

    /// Runs restic, which has to succeed.
    pub async fn run(&self, words: &[&str]) -> String {
        self.run_as(PASSWORD, words).await
    }

    /// The same with another password.
    pub async fn run_as(&self, password: &str, words: &[&str]) -> String {
        let output = self.run_on(None, password, words).await;
        assert!(output.status.success(), "restic {words:?}: {}", text(&output));
        text(&output)
    }

    /// Runs restic, which has to fail, and gives what it said.
    pub async fn fail(&self, words: &[&str]) -> String {
        let output = self.run_on(None, PASSWORD, words).await;
        assert!(!output.status.success(), "restic {words:?} went well: {}", text(&output));
        text(&output)
    }

    /// Runs restic, however it ends.
    pub async fn attempt(&self, words: &[&str]) -> String {
        text(&self.run_on(None, PASSWORD, words).await)
    }

    /// `restic backup`, begun and not ended: what it stores last comes from its standard input.
    pub fn begin_backup(&self) -> std::process::Child {
        let words = ["backup", "--no-cache", "--stdin", "--stdin-filename", "typed"];
        let mut command = self.command(None, PASSWORD, &words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A backup that arrived, whoever made it.
    pub fn backed_up(&self, point: String, tree: Tree) -> Backup {
        Backup { point, password: PASSWORD.into(), tree }
    }

    /// Backs the files up.
    pub async fn back_up(&self) -> Backup {
        let before = self.points().await;
        self.run(&["backup", self.source().to_str().unwrap()]).await;
        self.arrived(&before).await
    }

    /// The same with rustic.
    pub async fn back_up_with_rustic(&self) -> Backup {
        let before = self.points().await;
        self.rustic(&["backup", self.source().to_str().unwrap()]).await;
        self.arrived(&before).await
    }

    /// Runs rustic on the repository as it is now. It has to succeed.
    pub async fn rustic(&self, words: &[&str]) -> String {
        let program = std::env::var_os("COUNTERSIGN_RUSTIC").expect("COUNTERSIGN_RUSTIC names the program");
        let profile = format!(
            "[repository]\nrepository = \"{}\"\npassword = \"{PASSWORD}\"\nno-cache = true\n\
             [repository.options]\ncacert = \"{}\"\n",
            self.repository(None),
            self.ca().display()
        );
        std::fs::write(self.home().join("rustic.toml"), profile).unwrap();
        let mut command = Command::new(program);
        command.args(["--no-progress"]).args(words).stdin(Stdio::null()).current_dir(self.home());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "rustic {words:?}: {}", text(&output));
        text(&output)
    }

    /// The backup of these files whose recovery point was not there before.
    async fn arrived(&self, before: &[String]) -> Backup {
        let mut new = self.points().await;
        new.retain(|point| !before.contains(point));
        assert_eq!(new.len(), 1, "one recovery point for one backup");
        self.backed_up(new.remove(0), self.tree(&self.source()))
    }

    /// The names of the recovery points that the vault lists.
    pub async fn points(&self) -> Vec<String> {
        let list = format!("{}/recoveryPoints", item_id(ITEM));
        let answer = self.world.server.as_(ALICE).get(&list).await.expect(200);
        let points = answer["value"].as_array().unwrap();
        points.iter().map(|point| point["name"].as_str().unwrap().to_string()).collect()
    }

    /// Restores a backup from its view, compares it byte for byte, and has restic check the whole view.
    pub async fn must_come_back(&self, backup: &Backup) {
        assert!(self.points().await.contains(&backup.point), "the recovery point is listed");
        let check = self.run_on(Some(&backup.point), &backup.password, &["check", "--read-data"]).await;
        assert!(check.status.success(), "check of {}: {}", backup.point, text(&check));
        assert_eq!(self.restored(backup).await, Ok(backup.tree.clone()), "{}", backup.point);
    }

    /// What restic restores of a backup from its view, or what it says instead.
    pub async fn restored(&self, backup: &Backup) -> Result<Tree, String> {
        let target = tempfile::tempdir().unwrap();
        let words = ["restore", &backup.point, "--target", target.path().to_str().unwrap()];
        let output = self.run_on(Some(&backup.point), &backup.password, &words).await;
        if !output.status.success() {
            return Err(text(&output));
        }
        // A single file from a standard input lies at the top.
        let folder = target.path().join(self.source().strip_prefix("/").unwrap());
        Ok(self.tree(if folder.is_dir() { &folder } else { target.path() }))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}
