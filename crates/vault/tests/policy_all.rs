//! Backup policies: how they are read, and which of two is weaker.

#[cfg(test)]
mod policy_cases;
