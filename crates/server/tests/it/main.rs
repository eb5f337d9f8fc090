//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

// So that clippy knows helpers for tests, too, which may fail by panicking.
#![cfg(test)]

mod authorization;
mod graph;
mod harness;
mod resources;
mod smoke;
