//! restic's REST protocol, as clients meet it: what is stored, what is refused, what is never lost.

mod conformance;
mod freeing;
mod item_state;
pub mod keeping;
mod objects;
mod protocol;
mod quotas;
mod rights;
mod scrubbing;
mod uploads;
mod views;
mod watching;
pub mod world;
