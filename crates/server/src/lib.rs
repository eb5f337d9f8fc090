//! The HTTP faces of Countersign, each a thin translation between a protocol and decisions: ARM, sign-in, Graph,
//! repositories; and what they stand on: TLS, listening, metrics, the edge where time and randomness come in.
//!
//! Invariants:
//! - A face decides nothing. It reads a request into a value, runs one decision against the store, writes the answer.
//! - Every change of a vault goes through [`arm::door`].
//! - Only [`edge`] reads the clock and the random generator.

mod administrators;
pub mod app;
mod approvers;
pub mod arm;
mod bearer;
pub mod bootstrap;
mod clock_mark;
pub mod edge;
pub mod foresight;
pub mod freeing;
mod graph;
mod http;
pub mod keeping;
mod listen;
mod login;
pub mod mail;
pub mod metrics;
pub mod origin;
mod own_work;
mod people;
mod portal;
pub mod purging;
mod repository;
mod run;
pub mod scrub;
pub mod settings;
mod tending;
mod tls;
pub mod toml_file;
mod turn;
pub mod watching;

pub use clock_mark::{Accepted, accept_clock, clock_mark, in_words, keep_once as keep_clock};
pub use listen::serve as serve_router;
pub use run::{Config, Running, StartError, arm_router, assemble, graph_router, start};
pub use tls::configure as configure_tls;
