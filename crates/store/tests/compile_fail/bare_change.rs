//! A change is applied with a clearance only.

fn apply(tx: &mut store::Transaction, change: vault::VaultChange) -> arm::Result<()> {
    tx.apply(change)
}

fn main() {}
