//! Tests that follow requests through the whole crate, by its public functions alone.

mod asking;
mod bodies;
mod documents;
mod exploration;
mod extending;
mod giving;
mod listings;
mod notices;
mod policies;
mod quorum;
mod shapes;
mod stories;
mod world;
