//! What the benchmarks share: data, peers, statistics, tables.

pub mod engines;
pub mod estate;
pub mod stats;
pub mod table;
