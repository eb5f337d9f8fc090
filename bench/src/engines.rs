//! The engines that are compared. Each is given the same questions, with all names in the form in which it keeps them; to
//! put them together to what it asks for is part of its answer.

mod casbin;
mod cedar;
mod ours;
mod regorus;

use crate::estate::{Estate, Question};

pub use self::cedar::load as load_cedar;
pub use self::ours::{Raw, load, prepared};

/// Something that decides.
pub trait Engine {
    /// Prepares a question, and answers it: how long the answer alone took, in nanoseconds, and what it is.
    fn answer(&mut self, question: &Question) -> (f64, bool);
}

/// How an engine is loaded.
pub type Load = for<'a> fn(&'a Estate) -> Vec<Box<dyn Engine + 'a>>;

/// An engine, or several ways to ask one that is loaded once.
pub struct Peer {
    /// Its name, with the version, and for each way to ask it what distinguishes that.
    pub names: &'static [&'static str],
    /// Loads it.
    pub load: Load,
    /// With how much more work than there are assignments loading grows: an exponent.
    pub growth: f64,
}

/// The peers.
pub const PEERS: [Peer; 3] = [
    Peer { names: &["regorus, virtual machine", "regorus, interpreter"], load: regorus::load, growth: 1.1 },
    Peer {
        names: &["cedar-policy, all policies", "cedar-policy, the action's policies"],
        load: cedar::load,
        growth: 1.1,
    },
    Peer { names: &["casbin"], load: casbin::load, growth: 1.1 },
];
