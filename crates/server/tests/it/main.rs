//! The server through its front door, in one process with the test, so that time can be set.
//!
//! One binary: every further one would link the whole server again.

// So that clippy knows helpers for tests, too, which may fail by panicking.
#![cfg(test)]
#![expect(clippy::string_slice, reason = "a test fails by panicking")]

mod activity;
mod alerts;
mod approvers;
mod attacks;
mod audits;
mod authorization;
mod backup_mua;
mod backup_vaults;
mod check_access;
mod containers;
mod credentials;
mod critical;
mod estate;
mod every_route;
mod fixture;
mod graph;
mod guards;
mod harness;
mod instances;
mod items;
mod jobs;
mod login;
mod mail;
mod methods;
mod mua;
mod outlook;
mod pim;
mod pins;
mod points;
mod policies;
mod portal;
mod purging;
mod quotas;
mod rehearsals;
mod repository;
mod resources;
mod restores;
mod separation;
mod smoke;
mod thawing;
mod two_servers;
mod unlocking;
mod vaults;
