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
mod histories;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod order;
#[cfg(test)]
mod past;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod purging;
#[cfg(test)]
mod repositories;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod traffic;
#[cfg(test)]
mod trail;
