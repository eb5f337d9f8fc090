//! The portal through its front door, without script: who sees which page, what its forms do, and how it looks as HTML.

pub mod browser;
mod directory;
mod guards;
mod items;
mod privileged;
mod sessions;
mod vaults;
