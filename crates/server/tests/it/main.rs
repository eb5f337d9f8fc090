//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

mod activity;
mod containers;
mod credentials;
mod fixture;
mod harness;
mod items;
mod jobs;
mod pim;
mod points;
mod policies;
mod smoke;
