//! What a caller may do, and the two lists that are always empty here.

use arm::Result;
use serde_json::json;

use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// The caller's own permissions at a scope; nobody needs a right to learn these.
pub fn permissions(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, who, now) = (call.scope()?, call.who(), call.now);
    let access = call.access()?;
    let permissions =
        access.index(who.tenant).map(|index| index.effective_permissions(who.object, &scope, now));
    Ok(Reply::ok(json!({ "value": permissions.unwrap_or_default() })))
}

/// There are no deny assignments and no classic administrators.
pub fn none(_: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::list(Vec::new()))
}
