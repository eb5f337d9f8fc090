//! What a deleted resource leaves behind: rights, locks and role policies that would come back to life with a new
//! resource of the same name.

use arm::{ResourceId, Result};
use store::Free;

use super::call::Call;

/// Removes every right, lock and role policy set on a resource that is being deleted, or below it.
pub fn remove(call: &mut Call<'_>, deleted: &ResourceId) -> Result<()> {
    remove_kind::<rbac::Assignment>(call, deleted)?;
    remove_kind::<pim::Eligibility>(call, deleted)?;
    remove_kind::<pim::DirectAssignment>(call, deleted)?;
    remove_kind::<pim::ActivationRequest>(call, deleted)?;
    remove_kind::<pim::ExtensionRequest>(call, deleted)?;
    remove_kind::<pim::PolicyDocument>(call, deleted)?;
    remove_kind::<resources::Lock>(call, deleted)
}

fn remove_kind<D: Free>(call: &mut Call<'_>, deleted: &ResourceId) -> Result<()> {
    for document in call.tx.below::<D>(deleted)? {
        call.tx.delete::<D>(&document.key());
    }
    Ok(())
}
