//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

#[cfg(test)]
mod harness;
#[cfg(test)]
mod repository;
#[cfg(test)]
mod smoke;
