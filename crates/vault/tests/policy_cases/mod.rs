//! The cases, by subject.

mod kinds;
mod order;
mod reading;
mod retention;
mod rules;
mod schedules;
mod shapes;
mod spec;
mod unknown;
