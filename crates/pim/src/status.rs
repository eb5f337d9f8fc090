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
    /// Somebody said no.
    Denied,
    /// Taken back before it was decided.
    Canceled,
    /// Nobody decided in time.
    TimedOut,
    /// Ended before its time, or the request that ended something.
    Revoked,
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
            Self::Denied => "Denied",
            Self::Canceled => "Canceled",
            Self::TimedOut => "TimedOut",
            Self::Revoked => "Revoked",
            Self::PendingEvaluation => "PendingEvaluation",
        }
    }
}
