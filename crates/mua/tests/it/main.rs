//! Multi-user authorization by its public functions alone: what is critical, who may consent, what unlocking opens.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod classify;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod separation;
#[cfg(test)]
mod unlocking;
#[cfg(test)]
mod world;
