//! What was cleared cannot be exchanged for something else.

fn exchange(clearance: mua::Clearance, change: vault::VaultChange) -> mua::Clearance {
    *clearance.change() = change;
    clearance
}

fn main() {}
