//! Why somebody asks: the justification and the ticket, texts that other people will read before they decide.

use arm::Result;
use serde::{Deserialize, Serialize};

use crate::reader::Reader;

/// The longest justification, in characters.
pub const MAX_JUSTIFICATION_CHARS: usize = 1024;
/// The longest ticket number or system, in characters.
pub const MAX_TICKET_CHARS: usize = 256;

/// Where the reason is written down elsewhere. Never checked against that system (contract 6.7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The ticket's number.
    pub number: Option<String>,
    /// The system the ticket lives in.
    pub system: Option<String>,
}

impl Ticket {
    pub(crate) fn read(body: &Reader<'_>) -> Result<Self> {
        let Some(ticket) = body.object("ticketInfo")? else {
            return Ok(Self::default());
        };
        Ok(Self {
            number: line(&ticket, "ticketNumber", MAX_TICKET_CHARS)?,
            system: line(&ticket, "ticketSystem", MAX_TICKET_CHARS)?,
        })
    }

    /// Whether it names a ticket: a system alone names none.
    pub(crate) fn names_one(&self) -> bool {
        self.number.is_some()
    }
}

/// The justification in a body; empty when it has none.
pub(crate) fn justification(body: &Reader<'_>) -> Result<String> {
    Ok(line(body, "justification", MAX_JUSTIFICATION_CHARS)?.unwrap_or_default())
}

/// One line of text. Characters that control the display are refused: the text ends up in mails, logs and in front of
/// an approver, who must see what was written.
fn line(body: &Reader<'_>, key: &str, most: usize) -> Result<Option<String>> {
    let Some(text) = body.filled(key)? else {
        return Ok(None);
    };
    if text.chars().count() > most {
        return Err(body.wrong(key, &format!("at most {most} characters long")));
    }
    if text.chars().any(deceives) {
        return Err(body.wrong(key, "one line of text without control characters"));
    }
    Ok(Some(text.to_string()))
}

/// Control characters, line separators, and the marks that reverse or hide the text around them.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
