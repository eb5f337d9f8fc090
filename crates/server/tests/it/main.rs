//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

#![cfg(test)]

mod estate;
mod guards;
mod harness;
mod mua;
mod smoke;
mod unlocking;
mod vaults;
