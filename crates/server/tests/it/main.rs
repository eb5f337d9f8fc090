//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking, in its helpers too"
)]

mod activity;
mod containers;
mod credentials;
mod fixture;
mod harness;
mod items;
mod jobs;
mod login;
mod pim;
mod points;
mod policies;
mod smoke;
