//! Nobody makes a permit but the decision.

fn forge(like: mua::Permit, right: mua::Right) -> mua::Permit {
    mua::Permit {
        operation: like.operation(),
        request: like.request().clone(),
        guard: like.guard().clone(),
        target: like.target().clone(),
        change: like.change(),
        caller: like.caller().clone(),
        holder: like.holder().clone(),
        right,
    }
}

fn main() {}
