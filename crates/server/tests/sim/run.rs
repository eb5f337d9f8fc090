//! One run: a seed, its servers, its clients and its faults, and the verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;
use ledger::{Break, Head};
use serde_json::Value;
use store::{Database, Inspector, Place, Store};
use turmoil::Sim;

use crate::actors::{self, CAST};
use crate::aftermath;
use crate::board::Board;
use crate::check::Case;
use crate::client::Client;
use crate::dice::{Dice, mix};
use crate::estate;
use crate::history::History;
use crate::servers::Machine;
use crate::time::{SKEW, Truth};
use crate::weather::Sky;

/// How long a run lasts on the network's clock, after which everybody goes home.
const LENGTH: Duration = Duration::from_secs(9);

/// What came of a run.
pub struct Verdict {
    /// A digest of everything that happened.
    pub trace: String,
    /// What happened how often.
    pub counts: BTreeMap<String, u64>,
    /// What was wrong.
    pub wrong: Vec<String>,
}

/// What is left when a run is over: what the clients saw, and what is in the database.
pub struct Remains {
    pub case: Case,
    store: Store,
    sky: Arc<Sky>,
    head: Result<Head, Break>,
    counts: BTreeMap<String, u64>,
    // Last, because the store is in it.
    _folder: tempfile::TempDir,
}

/// Plays a seed. With an engine that does not look whether what was read still holds, if `unchecked`.
pub fn play(seed: u64, unchecked: bool) -> Remains {
    let folder = folder();
    let mut stage = Stage::new(seed, unchecked, folder.path());
    stage.play();
    let (history, machine) = (Arc::clone(&stage.history), stage.machines[0].clone());
    let counts = std::mem::take(&mut stage.counts);
    // The servers crash; the database and what the clients know remain.
    drop(stage);
    machine.away.store(false, Ordering::Relaxed);
    let store = machine.boot().store;
    let case = Case::new(history.events(), aftermath::ledger(&store));
    let inspector = Inspector::open(folder.path(), &machine.place.database).unwrap();
    let head = inspector.verify_ledger(None).unwrap();
    Remains { case, store, sky: machine.sky, head, counts, _folder: folder }
}

impl Remains {
    /// Looks at everything that must be true.
    pub fn judge(mut self) -> Verdict {
        let (case, mut counts) = (&mut self.case, self.counts);
        let model = case.check();
        aftermath::check_state(case, &model, &self.store);
        counts.insert("objects that were kept".into(), aftermath::check_objects(case, &self.store));
        if let Err(broken) = &self.head {
            case.wrong.push(format!("the ledger does not verify: {broken:?}"));
        }
        counts.extend(model.counts.iter().map(|(what, times)| (what.to_string(), *times)));
        tally(&mut counts, case, &self.sky);
        let trace = trace(case, &format!("{:?}", self.head));
        Verdict { trace, counts, wrong: self.case.wrong }
    }
}

/// A folder that is gone afterwards; in memory where there is such a place, because a run flushes a lot.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    made.unwrap()
}

fn tally(counts: &mut BTreeMap<String, u64>, case: &Case, sky: &Sky) {
    for event in &case.events {
        let what = match event.status() {
            0 => "answers that were lost",
            200..300 => "requests that succeeded",
            503 => "requests that did not work out",
            _ => "requests that were refused",
        };
        *counts.entry(what.into()).or_default() += 1;
    }
    let names = ["made", "in conflict", "refused", "made unheard", "cut off by a crash"];
    for (name, times) in names.iter().zip(&sky.commits) {
        counts.insert(format!("commits {name}"), times.load(Ordering::Relaxed));
    }
}

/// Everything that the clients saw, and the ledger's head.
fn trace(case: &Case, head: &str) -> String {
    let mut text = head.to_string();
    for event in &case.events {
        let answered = event.answer.as_ref().map(|answer| (answer.when, answer.status, answer.code()));
        text.push_str(&format!(
            "{} {} {} {} {:?} {answered:?}\n",
            event.client, event.server, event.method, event.path, event.sent
        ));
    }
    if let Some(path) = from_environment("COUNTERSIGN_TRACE") {
        let entries = case.ledger.iter().map(|entry| String::from_utf8(entry.canonical()).unwrap());
        std::fs::write(path, format!("{text}{}\n", entries.collect::<Vec<_>>().join("\n"))).unwrap();
    }
    ledger::Digest::of(text.as_bytes()).to_string()
}

struct Stage<'a> {
    sim: Sim<'a>,
    dice: Dice,
    truth: Arc<Truth>,
    history: Arc<History>,
    board: Arc<Board>,
    machines: Vec<Machine>,
    /// What is to be mended, and when.
    troubles: Vec<(Duration, Trouble)>,
    counts: BTreeMap<String, u64>,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug)]
enum Trouble {
    /// A server is down.
    Crash(usize),
    /// A client and a server do not reach each other.
    Partition(String, usize),
    /// What they send to each other is held up.
    Hold(String, usize),
    /// A server does not reach the database.
    Away(usize),
}

impl Stage<'_> {
    fn new(seed: u64, unchecked: bool, folder: &std::path::Path) -> Self {
        let dice = Dice::new(mix(seed));
        let truth = Arc::new(Truth::default());
        let sky = Arc::new(Sky { unchecked, ..Sky::default() });
        let database = Database::Memory(Default::default());
        let machines: Vec<Machine> = (0..2 + seed % 2)
            .map(|number| Machine {
                place: Place {
                    folder: folder.join(format!("server-{number}")),
                    database: database.clone(),
                    repositories: Some(folder.join("repositories")),
                    bucket: None,
                },
                truth: Arc::clone(&truth),
                sky: Arc::clone(&sky),
                dice: dice.fork(&format!("server-{number}")),
                off: Arc::default(),
                away: Arc::default(),
            })
            .collect();
        let first = machines[0].boot();
        first.store.transact(|tx| estate::seed(tx, truth.now())).unwrap();
        let keys = Arc::clone(&first.keys);
        drop(first);
        let history = Arc::new(History::new(Arc::clone(&truth)));
        let board = Arc::new(Board::default());
        let mut sim = turmoil::Builder::new()
            .simulation_duration(Duration::from_secs(120))
            .tick_duration(Duration::from_millis(5))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(dice.within(5, 40)))
            .enable_random_order()
            .rng_seed(dice.next())
            .build();
        for (number, machine) in machines.iter().enumerate() {
            let machine = machine.clone();
            sim.host(format!("server-{number}"), move || machine.clone().serve());
        }
        let client = |name: &str| Client {
            name: name.to_string(),
            dice: dice.fork(name),
            history: Arc::clone(&history),
            key: Arc::clone(&keys),
            servers: machines.len(),
        };
        sim.client("set-up", actors::set_up(client("set-up"), Arc::clone(&board)));
        for name in CAST {
            sim.client(name, actors::act(name, client(name), Arc::clone(&board)));
        }
        let counts = BTreeMap::new();
        Self { sim, dice, truth, history, board, machines, troubles: Vec::new(), counts }
    }

    fn play(&mut self) {
        let mut rough = false;
        loop {
            let finished = self.sim.step().unwrap();
            let now = self.sim.elapsed();
            self.truth.set(now);
            if finished {
                return;
            }
            if now > LENGTH && !self.board.is_over() {
                self.board.close();
                self.calm();
            }
            if self.board.is_open() {
                if !rough {
                    self.machines[0].sky.rough.store(true, Ordering::Relaxed);
                    rough = true;
                }
                self.mend(now);
                self.stir(now);
            }
        }
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_string()).or_default() += 1;
    }

    /// At times something goes wrong.
    fn stir(&mut self, now: Duration) {
        if !self.dice.permille(25) {
            return;
        }
        let server = self.dice.below(self.machines.len() as u64) as usize;
        let client = self.dice.pick(&CAST).unwrap().to_string();
        let until = now + self.dice.millis(20, 600);
        let trouble = match self.dice.below(100) {
            0..15 => Trouble::Crash(server),
            15..45 => Trouble::Partition(client, server),
            45..65 => Trouble::Hold(client, server),
            65..75 => Trouble::Away(server),
            75..95 => return self.set_clock(server),
            _ => return self.leap(),
        };
        let busy = |other: &Trouble| match (&trouble, other) {
            (Trouble::Crash(a), Trouble::Crash(b)) | (Trouble::Away(a), Trouble::Away(b)) => a == b,
            (
                Trouble::Partition(a, b) | Trouble::Hold(a, b),
                Trouble::Partition(c, d) | Trouble::Hold(c, d),
            ) => (a, b) == (c, d),
            _ => false,
        };
        if self.troubles.iter().any(|(_, other)| busy(other)) {
            return;
        }
        self.begin(&trouble);
        self.troubles.push((until, trouble));
    }

    fn begin(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::Crash(server) => {
                self.sim.crash(format!("server-{server}"));
                self.count("crashes");
            }
            Trouble::Partition(client, server) => {
                self.sim.partition(client.as_str(), format!("server-{server}"));
                self.count("partitions");
            }
            Trouble::Hold(client, server) => {
                self.sim.hold(client.as_str(), format!("server-{server}"));
                self.count("delays");
            }
            Trouble::Away(server) => {
                self.machines[*server].away.store(true, Ordering::Relaxed);
                self.count("times without the database");
            }
        }
    }

    fn end(&mut self, trouble: &Trouble) {
        match trouble {
            Trouble::Crash(server) => self.sim.bounce(format!("server-{server}")),
            Trouble::Partition(client, server) => {
                self.sim.repair(client.as_str(), format!("server-{server}"))
            }
            Trouble::Hold(client, server) => self.sim.release(client.as_str(), format!("server-{server}")),
            Trouble::Away(server) => self.machines[*server].away.store(false, Ordering::Relaxed),
        }
    }

    fn mend(&mut self, now: Duration) {
        let (over, left) =
            std::mem::take(&mut self.troubles).into_iter().partition(|(until, _)| *until <= now);
        self.troubles = left;
        let over: Vec<(Duration, Trouble)> = over;
        over.iter().for_each(|(_, trouble)| self.end(trouble));
    }

    /// Nothing goes wrong any more, so that everybody comes to an end.
    fn calm(&mut self) {
        self.mend(Duration::MAX);
        self.machines[0].sky.rough.store(false, Ordering::Relaxed);
    }

    fn set_clock(&mut self, server: usize) {
        let most = SKEW.as_micros() as u64;
        let off = self.dice.within(0, 2 * most) as i64 - most as i64;
        self.machines[server].off.store(off, Ordering::Relaxed);
        self.count("clocks that were set");
    }

    fn leap(&mut self) {
        self.truth.leap(SignedDuration::from_mins(self.dice.within(5, 50) as i64));
        self.count("quiet times");
    }
}

/// Reads a number from the environment.
pub fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// What a run of another process printed.
pub fn printed(text: &str) -> Option<Value> {
    text.lines().find_map(|line| serde_json::from_str(line.strip_prefix("verdict: ")?).ok())
}
