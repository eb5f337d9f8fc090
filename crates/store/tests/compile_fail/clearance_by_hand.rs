//! Nobody makes a clearance but the decision.

fn forge(change: vault::VaultChange) -> mua::Clearance {
    mua::Clearance {
        change,
        permits: Vec::new(),
        consumes: Vec::new(),
        opens: Vec::new(),
    }
}

fn main() {}
