//! What the benchmarks that run the real server share: an estate to ask about, a client that asks, and other servers to
//! compare with.

pub mod client;
pub mod estate;
pub mod peers;
