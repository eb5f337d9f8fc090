//! The critical operations in the words of pages, by kind of vault.

use mua::CriticalOperation;
use vault::VaultKind;

use super::Guard;
use crate::login::Form;

/// One operation, as a line of a page.
pub struct Line {
    /// The operation.
    pub operation: CriticalOperation,
    /// Whether it is protected.
    pub protected: bool,
}

/// The operations of a kind of vault.
pub struct Kind {
    /// What such vaults are called.
    pub name: &'static str,
    /// The operations.
    pub lines: Vec<Line>,
}

impl Line {
    /// The name of its field in forms.
    pub fn field(&self) -> String {
        field(self.operation)
    }

    /// What people call it.
    pub fn title(&self) -> String {
        sentence(self.operation.title())
    }

    /// What it does to backups.
    pub fn meaning(&self) -> &'static str {
        meaning(self.operation)
    }

    /// Whether the owner cannot exempt it.
    pub fn is_mandatory(&self) -> bool {
        self.operation.is_mandatory()
    }
}

impl Kind {
    /// How many are protected.
    pub fn protected(&self) -> usize {
        self.lines.iter().filter(|line| line.protected).count()
    }
}

/// All operations, with what counts as protected.
pub fn kinds(protects: impl Fn(CriticalOperation) -> bool) -> Vec<Kind> {
    [(VaultKind::RecoveryServices, "Recovery Services vaults"), (VaultKind::Backup, "Backup vaults")]
        .into_iter()
        .map(|(kind, name)| {
            let own = CriticalOperation::ALL.iter().copied().filter(|one| one.vault_kind() == kind);
            let lines = own.map(|operation| Line { operation, protected: protects(operation) });
            Kind { name, lines: lines.collect() }
        })
        .collect()
}

/// All operations of a guard.
pub fn of_guard(guard: &Guard) -> Vec<Kind> {
    kinds(|operation| guard.protects(operation))
}

/// What a form protects: what is ticked, and what is mandatory.
pub fn ticked(form: &Form) -> impl Fn(CriticalOperation) -> bool {
    |operation| operation.is_mandatory() || form.get(&field(operation)).is_some()
}

/// `vaultCriticalOperationExclusionList`: what is left out.
pub fn exclusions(protects: impl Fn(CriticalOperation) -> bool) -> Vec<String> {
    let left_out = CriticalOperation::ALL.iter().filter(|operation| !protects(**operation));
    left_out.map(|operation| operation.name()).collect()
}

fn field(operation: CriticalOperation) -> String {
    format!("op.{operation:?}")
}

/// With a capital letter.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What an operation does, for somebody who decides whether it needs consent.
fn meaning(operation: CriticalOperation) -> &'static str {
    use CriticalOperation as Op;
    match operation {
        Op::DeleteProtection | Op::DeleteInstance => {
            "Stops backups of an item and deletes its recovery points."
        }
        Op::ModifyProtection | Op::ModifyInstance => "Moves an item to a policy that keeps less.",
        Op::ModifyPolicy => "Changes a policy so that it backs up less often or keeps less.",
        Op::RemoveMua | Op::RemoveBackupMua => "Takes the vault away from this guard.",
        Op::SecurityPin => "Issues the PIN with which a backup client may delete what is kept.",
        Op::DisableSoftDelete => {
            "Disables or shortens the time in which deleted backups can be brought back, or the security features."
        }
        Op::ReduceSoftDelete => "Disables or shortens the time in which deleted backups can be brought back.",
        Op::StopProtection | Op::StopInstance => "Ends backups of an item and keeps what is there.",
        Op::SuspendInstance => "Ends backups of an item, and lets what is there run out as its policy says.",
        Op::ReduceImmutability | Op::ReduceBackupImmutability => {
            "Lets backups be deleted before their retention is over."
        }
        Op::Restore | Op::RestoreInstance => "Reads backups back, which gives their data away.",
        Op::ModifyEncryption | Op::ModifyBackupEncryption => "Changes with which key backups are encrypted.",
        Op::DeleteServer => "Deletes a server from the vault, with all its backups.",
    }
}

/// Why an operation cannot be exempted.
pub const MANDATORY: &str =
    "Always protected: whoever could do this without consent could switch the protection off.";
