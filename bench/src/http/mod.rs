//! What the benchmarks that run the real server share: an estate to ask about, a client that asks, other servers to compare
//! with, and tables.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod client;
pub mod estate;
pub mod peers;
pub mod report;
