//! A deterministic simulation: two or three servers on one database, clients who know nothing of each other, and whatever
//! can go wrong between them, all of it drawn from a seed. Every seed runs in a process of its own, and a seed that fails
//! fails again.
//!
//! `COUNTERSIGN_SEED=7` runs one seed, `COUNTERSIGN_SEEDS=0..1000` many. `COUNTERSIGN_TRACE=file` writes down what the
//! clients saw.

// So that clippy knows helpers for tests, too, which may fail by panicking.
#![cfg(test)]

mod actors;
mod aftermath;
mod board;
mod check;
mod client;
mod dice;
mod estate;
mod history;
mod lies;
mod model;
mod run;
mod seeds;
mod servers;
mod steps;
mod time;
mod visitors;
mod weather;
