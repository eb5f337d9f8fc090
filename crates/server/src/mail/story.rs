//! What a notice tells, in words for people.

use arm::RequestId;
use jiff::Timestamp;
use pim::Family;
use pim::notice::Event;
use pim::policy::Recipient;

/// Where a role is held.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What sort of thing it is, e.g. `Resource Guard`.
    pub(crate) kind: &'static str,
    /// What it is called.
    pub(crate) name: String,
    /// Its id.
    pub(crate) id: String,
}

/// What happened, to whom, where; everything in it is text that somebody may have chosen.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    /// What happened.
    pub(crate) event: Event,
    /// When.
    pub(crate) at: Timestamp,
    /// The request, by which it can be looked up.
    pub(crate) request: RequestId,
    /// Whether that is an activation, which has a page.
    pub(crate) has_page: bool,
    /// Whom it is about.
    pub(crate) who: String,
    /// Their user name.
    pub(crate) user_name: Option<String>,
    /// The role.
    pub(crate) role: String,
    /// Where.
    pub(crate) place: Place,
    /// What else there is to say, in this order.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Until when it has to be decided.
    pub(crate) decide_until: Option<Timestamp>,
}

impl Story {
    /// The subject of a mail to such a recipient.
    pub(crate) fn subject(&self, recipient: Recipient) -> String {
        let asked = match (self.event, recipient) {
            (Event::ApprovalWaiting, Recipient::Approver) => "Approval needed: ",
            (Event::RenewalWaiting(_), Recipient::Approver) => "Decision needed: ",
            _ => "",
        };
        format!("{asked}{}", self.title())
    }

    /// What happened, in one line.
    pub(crate) fn title(&self) -> String {
        let who = one_line(&self.who);
        let what = format!("{} on {}", one_line(&self.role), one_line(&self.place.name));
        match self.event {
            Event::Given(Family::Eligibility) => format!("{who} is eligible for {what}"),
            Event::Given(Family::Assignment) => format!("{who} was assigned {what}"),
            Event::Changed(Family::Eligibility) => {
                format!("The time of {who}'s eligibility for {what} changed")
            }
            Event::Changed(Family::Assignment) => format!("The time of {who}'s assignment of {what} changed"),
            Event::Removed(Family::Eligibility) => format!("{who} is no longer eligible for {what}"),
            Event::Removed(Family::Assignment) => format!("{who} is no longer assigned {what}"),
            Event::RenewalWaiting(_) => format!("{who} asks to keep {what}"),
            Event::RenewalDenied(_) => format!("{who}'s request to keep {what} was denied"),
            Event::RenewalCanceled(_) => format!("{who}'s request to keep {what} was taken back"),
            Event::Ending(Family::Eligibility) => format!("{who}'s eligibility for {what} ends soon"),
            Event::Ending(Family::Assignment) => format!("{who}'s assignment of {what} ends soon"),
            Event::Ended(Family::Eligibility) => format!("{who}'s eligibility for {what} has ended"),
            Event::Ended(Family::Assignment) => format!("{who}'s assignment of {what} has ended"),
            Event::ApprovalWaiting => format!("{who} asks for {what}"),
            Event::Approved => format!("{who}'s request for {what} was approved"),
            Event::Denied => format!("{who}'s request for {what} was denied"),
            Event::TimedOut => format!("Nobody decided about {who}'s request for {what}"),
            Event::Canceled => format!("{who}'s request for {what} was taken back"),
            Event::Activated => format!("{who} activated {what}"),
            Event::Deactivated => format!("{who} gave back {what}"),
            Event::Revoked => format!("{what} was taken away from {who}"),
        }
    }

    /// What it means for such a recipient, and what to do.
    pub(crate) fn lead(&self, recipient: Recipient) -> &'static str {
        match (self.event, recipient) {
            (Event::ApprovalWaiting, Recipient::Approver) => {
                "Your decision is asked for. Unless enough people approve in time, the request is denied; nothing \
                 is ever approved by itself. If you do not know what this is for, ask the person by another way \
                 than mail before you approve."
            }
            (Event::ApprovalWaiting, Recipient::Requestor) => {
                "The request waits for somebody else's approval. If it is not yours, somebody may be using your \
                 account: tell your security team at once."
            }
            (Event::ApprovalWaiting, Recipient::Admin) => "The request waits for its approvers.",
            (Event::RenewalWaiting(_), Recipient::Approver) => {
                "Your decision is asked for: without it, this ends at its time."
            }
            (Event::RenewalDenied(_) | Event::RenewalCanceled(_), _) => "It ends at its time.",
            (Event::RenewalWaiting(_), _) => "The request waits for somebody who may assign the role.",
            (Event::Approved | Event::Activated, Recipient::Requestor) => {
                "The role holds from now on, until the time below. If you did not ask for it, somebody may be using \
                 your account: tell your security team at once."
            }
            (Event::Approved | Event::Activated, _) => "The role holds until the time below.",
            (Event::Denied | Event::TimedOut | Event::Canceled, _) => {
                "Nothing was opened. It takes a new request to ask again."
            }
            (Event::Deactivated | Event::Revoked, _) => "From now on it opens nothing any more.",
            (Event::Given(Family::Eligibility), _) => {
                "To be eligible is to be allowed to ask: the role holds only after it was activated."
            }
            (Event::Given(Family::Assignment), _) => "The role holds without activation for the time below.",
            (Event::Changed(_), _) => "It holds for the time below.",
            (Event::Removed(_) | Event::Ended(_), _) => "Activations that rest on it have ended with it.",
            (Event::Ending(_), _) => "Whoever may assign the role can extend it.",
        }
    }

    /// The page that shows what this is about.
    pub(crate) fn link(&self, public_url: &str) -> Option<String> {
        self.has_page.then(|| format!("{public_url}/portal/approvals/{}", self.request))
    }
}

/// Text as one line: whatever would break it, hide in it, or turn it around is a blank.
pub(crate) fn one_line(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    let plain: String = text.chars().map(|c| if odd(c) { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An instant, for people.
pub(crate) fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_on_one_line_and_reads_as_it_was_written() {
        assert_eq!(one_line("Grüße,\r\nBcc: eve@x.example"), "Grüße, Bcc: eve@x.example");
        assert_eq!(one_line("a\u{202e}b\u{2028}c\u{0}d\te "), "a b c d e");
        assert_eq!(instant("2026-02-01T09:05:59Z".parse().unwrap()), "2026-02-01 09:05 UTC");
    }
}
