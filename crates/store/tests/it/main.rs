//! The store through its public face: decisions, repositories, crashes, and what must not compile.

#[cfg(test)]
#[macro_use]
mod world;

#[cfg(test)]
mod access;
#[cfg(test)]
mod compile_fail;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod repositories;
#[cfg(test)]
mod speed;
