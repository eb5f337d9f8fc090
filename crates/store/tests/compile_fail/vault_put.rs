//! A vault's document is not one that may be written directly.

fn write(tx: &mut store::Transaction, vault: &vault::Vault) -> arm::Result<()> {
    tx.put(vault)
}

fn main() {}
