//! Nor deleted directly.

fn delete(tx: &mut store::Transaction, item: &vault::ProtectedItem) {
    tx.delete::<vault::ProtectedItem>(item.id.folded());
}

fn main() {}
