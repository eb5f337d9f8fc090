//! The words for what became of a request.

/// The status of a schedule request (contract 6.5). Of Azure's words, those that a server without delays can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Agreed; its window has not started.
    Granted,
    /// In force, or it was until its window ended.
    Provisioned,
    /// Waiting for somebody else's decision.
    PendingApproval,
    /// Waiting for a decision of an admin of the role.
    PendingAdminDecision,
    /// An admin gave what was asked for.
    AdminApproved,
    /// An admin said no.
    AdminDenied,
    /// Somebody said no.
    Denied,
    /// Taken back before it was decided.
    Canceled,
    /// Nobody decided in time.
    TimedOut,
    /// Ended before its time, or the request that ended something.
    Revoked,
    /// Nothing came of it, because the scope is locked.
    FailedAsResourceIsLocked,
    /// Only of a dry run: it would wait for somebody else's decision.
    PendingEvaluation,
}

impl Status {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::Provisioned => "Provisioned",
            Self::PendingApproval => "PendingApproval",
            Self::PendingAdminDecision => "PendingAdminDecision",
            Self::AdminApproved => "AdminApproved",
            Self::AdminDenied => "AdminDenied",
            Self::Denied => "Denied",
            Self::Canceled => "Canceled",
            Self::TimedOut => "TimedOut",
            Self::Revoked => "Revoked",
            Self::FailedAsResourceIsLocked => "FailedAsResourceIsLocked",
            Self::PendingEvaluation => "PendingEvaluation",
        }
    }
}
