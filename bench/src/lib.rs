//! What the benchmarks share: data, peers, statistics, reports.

pub mod engines;
pub mod estate;
pub mod http;
pub mod report;
pub mod stats;
