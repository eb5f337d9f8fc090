//! A mail as text and as HTML.

use askama::Template;
use pim::policy::Recipient;

use super::story::{Story, instant, one_line};

/// The longest subject, in characters.
const MAX_SUBJECT_CHARS: usize = 160;

/// A mail, rendered.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    /// In one line.
    pub(crate) subject: String,
    /// For those who read plain text.
    pub(crate) text: String,
    /// For the others.
    pub(crate) html: String,
}

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct TextPage<'a> {
    page: &'a Page,
}

#[derive(Template)]
#[template(path = "mail/notice.html")]
struct HtmlPage<'a> {
    page: &'a Page,
}

/// What both show.
struct Page {
    title: String,
    lead: &'static str,
    rows: Vec<Row>,
    link: Option<String>,
    /// What the link is called.
    call: &'static str,
    public_url: String,
}

struct Row {
    label: &'static str,
    value: String,
    /// Whether somebody typed it for others to read.
    quoted: bool,
}

/// The labels of what somebody typed as a reason.
const QUOTED: [&str; 2] = ["Why", "Their words"];

/// The mail to such a recipient.
///
/// # Errors
/// When a template fails.
pub(crate) fn letter(story: &Story, recipient: Recipient, public_url: &str) -> arm::Result<Letter> {
    let broken = |error: askama::Error| arm::Error::internal(format!("a mail cannot be written: {error}"));
    let page = Page {
        title: story.subject(recipient),
        lead: story.lead(recipient),
        rows: rows(story),
        link: story.link(public_url),
        call: match recipient {
            Recipient::Approver => "Open the request",
            Recipient::Admin | Recipient::Requestor => "See the request",
        },
        public_url: public_url.to_string(),
    };
    let subject: String = page.title.chars().take(MAX_SUBJECT_CHARS).collect();
    Ok(Letter {
        subject,
        text: TextPage { page: &page }.render().map_err(broken)?,
        html: HtmlPage { page: &page }.render().map_err(broken)?,
    })
}

fn rows(story: &Story) -> Vec<Row> {
    let who = match &story.user_name {
        Some(name) => format!("{} ({name})", story.who),
        None => story.who.clone(),
    };
    let first = [("Who", who), ("Role", story.role.clone()), (story.place.kind, story.place.name.clone())];
    let until = story.decide_until.map(|until| ("Decide before", instant(until)));
    let last = [("Scope", story.place.id.clone()), ("Request", story.request.to_string())];
    let facts = story.facts.iter().cloned();
    first
        .into_iter()
        .chain(facts)
        .chain(until)
        .chain(last)
        .map(|(label, value)| Row { label, value: one_line(&value), quoted: QUOTED.contains(&label) })
        .collect()
}

#[cfg(test)]
mod tests {
    use arm::RequestId;
    use pim::notice::Event;
    use uuid::Uuid;

    use super::super::story::Place;
    use super::*;

    fn story() -> Story {
        let at: jiff::Timestamp = "2026-02-01T09:00:00Z".parse().unwrap();
        Story {
            event: Event::ApprovalWaiting,
            at,
            request: RequestId(Uuid::from_u128(42)),
            has_page: true,
            who: "Alice Backup".into(),
            user_name: Some("alice@contoso.example".into()),
            role: "Backup MUA Operator".into(),
            place: Place {
                kind: "Resource Guard",
                name: "vault-guard".into(),
                id: "/subscriptions/x/g".into(),
            },
            facts: vec![
                ("Why", "old item #42".into()),
                ("Ticket", "T1 (Jira)".into()),
                ("For", "1 hour, from when it is approved".into()),
            ],
            decide_until: Some("2026-02-02T09:00:00Z".parse().unwrap()),
        }
    }

    const URL: &str = "https://backup.example:8443";

    #[test]
    fn the_text_reads_well() {
        let letter = letter(&story(), Recipient::Approver, URL).unwrap();
        let expected = "\
Approval needed: Alice Backup asks for Backup MUA Operator on vault-guard

Your decision is asked for. Unless enough people approve in time, the request is denied; nothing is ever approved by itself. If you do not know what this is for, ask the person by another way than mail before you approve.

Who: Alice Backup (alice@contoso.example)
Role: Backup MUA Operator
Resource Guard: vault-guard
Why: \"old item #42\"
Ticket: T1 (Jira)
For: 1 hour, from when it is approved
Decide before: 2026-02-02 09:00 UTC
Scope: /subscriptions/x/g
Request: 00000000-0000-0000-0000-00000000002a

Open the request:
https://backup.example:8443/portal/approvals/00000000-0000-0000-0000-00000000002a

The link only opens the request; it decides nothing. No mail of Countersign asks for a password.

-- \nCountersign at https://backup.example:8443
";
        assert_eq!(letter.text, expected, "{}", letter.text);
        assert_eq!(
            letter.subject,
            "Approval needed: Alice Backup asks for Backup MUA Operator on vault-guard"
        );
    }

    #[test]
    fn what_people_typed_stays_text() {
        let mut story = story();
        story.who = "Alice\r\nBcc: eve@evil.example\r\n\r\n<b>bold</b>".into();
        story.facts = vec![
            ("Why", "\" onload=x <script>alert(1)</script>\n\nDecide before: never".into()),
            ("Ticket", "<img src=x>".into()),
        ];
        let letter = letter(&story, Recipient::Approver, URL).unwrap();
        assert!(!letter.subject.contains(['\r', '\n']), "{:?}", letter.subject);
        for markup in ["<script", "<img", "<b>bold", "\" onload"] {
            assert!(!letter.html.contains(markup), "{markup} in {}", letter.html);
        }
        assert!(letter.html.contains("alert(1)"), "it is shown, as text");
        let lines: Vec<&str> = letter.text.lines().collect();
        let forged = lines.iter().filter(|line| line.starts_with("Bcc") || **line == "Decide before: never");
        assert_eq!(forged.count(), 0, "{}", letter.text);
    }

    #[test]
    fn a_subject_is_short_whatever_people_are_called() {
        let story = Story { who: "x".repeat(5000), ..story() };
        let letter = letter(&story, Recipient::Admin, URL).unwrap();
        assert_eq!(letter.subject.chars().count(), MAX_SUBJECT_CHARS);
    }

    #[test]
    fn what_has_no_page_has_no_link() {
        let story = Story { has_page: false, event: Event::Given(pim::Family::Eligibility), ..story() };
        let letter = letter(&story, Recipient::Requestor, URL).unwrap();
        assert!(!letter.text.contains("/portal/") && !letter.html.contains("/portal/"));
    }
}
