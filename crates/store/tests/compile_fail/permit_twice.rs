//! A permit is used once.

fn twice(permit: mua::Permit) -> (mua::Permit, mua::Permit) {
    (permit.clone(), permit)
}

fn main() {}
