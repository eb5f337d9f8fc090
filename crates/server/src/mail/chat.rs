//! What webhooks are sent: JSON that Slack or Teams shows, or that a program reads.
//!
//! What people are called is theirs to choose, so that it goes where the other side reads no markup, or with the markup
//! taken out. What people typed as a reason does not leave by this way at all.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::story::{Story, instant, one_line};
use crate::settings::WebhookKind;

/// What a webhook is told.
pub(crate) struct Message {
    /// What sort of thing happened, for programs.
    pub(crate) kind: String,
    /// When.
    pub(crate) at: Timestamp,
    /// What happened, in one line.
    pub(crate) title: String,
    /// More of it: name, for programs; label, for people; value.
    pub(crate) fields: Vec<(&'static str, &'static str, String)>,
    /// Where to see it.
    pub(crate) link: Option<String>,
}

impl Message {
    /// What webhooks hear of a story.
    pub(crate) fn of(story: &Story, public_url: &str) -> Self {
        let mut fields = vec![
            ("who", "Who", story.who.clone()),
            ("role", "Role", story.role.clone()),
            ("scopeName", story.place.kind, story.place.name.clone()),
        ];
        fields.extend(story.decide_until.map(|until| ("decideBefore", "Decide before", instant(until))));
        fields.push(("request", "Request", story.request.to_string()));
        Self {
            kind: story.event.name().into(),
            at: story.at,
            title: story.title(),
            fields,
            link: story.link(public_url),
        }
    }

    /// The body of the request.
    pub(crate) fn body(&self, kind: WebhookKind) -> Value {
        match kind {
            WebhookKind::Slack => self.slack(),
            WebhookKind::Teams => self.teams(),
            WebhookKind::Json => self.plain(),
        }
    }

    /// As the Standard Webhooks specification recommends: `type`, `timestamp`, `data`.
    fn plain(&self) -> Value {
        let mut data = serde_json::Map::new();
        data.insert("title".into(), self.title.clone().into());
        data.extend(self.fields.iter().map(|(name, _, value)| ((*name).into(), value.clone().into())));
        data.extend(self.link.clone().map(|link| ("url".to_string(), link.into())));
        json!({"type": self.kind, "timestamp": self.at.to_string(), "data": data})
    }

    /// `text` is what notifications show; blocks of plain text read no markup.
    fn slack(&self) -> Value {
        let plain = |text: &str| json!({"type": "plain_text", "text": cut(&one_line(text)), "emoji": false});
        let fields: Vec<Value> =
            self.fields.iter().map(|(_, label, value)| plain(&format!("{label}: {value}"))).collect();
        let mut blocks = vec![
            json!({"type": "section", "text": plain(&self.title)}),
            json!({"type": "section", "fields": fields}),
        ];
        if let Some(link) = &self.link {
            let text = format!("<{link}|Open the request>");
            blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}));
        }
        json!({"text": escaped_for_slack(&one_line(&self.title)), "blocks": blocks})
    }

    /// An Adaptive Card. `TextRun` is the element that reads no markdown.
    fn teams(&self) -> Value {
        let line = |runs: Value| json!({"type": "RichTextBlock", "inlines": runs});
        let mut body = vec![line(json!([{
            "type": "TextRun", "text": one_line(&self.title), "weight": "Bolder", "size": "Medium",
        }]))];
        body.extend(self.fields.iter().map(|(_, label, value)| {
            line(json!([
                {"type": "TextRun", "text": format!("{label}: "), "isSubtle": true},
                {"type": "TextRun", "text": one_line(value)},
            ]))
        }));
        let open =
            |link: &String| json!({"type": "Action.OpenUrl", "title": "Open the request", "url": link});
        let actions: Vec<Value> = self.link.iter().map(open).collect();
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": body,
                    "actions": actions,
                },
            }],
        })
    }
}

/// Slack takes blocks of 2000 characters at the most.
fn cut(text: &str) -> String {
    text.chars().take(2000).collect()
}

/// `text` is read as markup: without this, somebody called `<!channel>` would ring everybody's bell.
fn escaped_for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            kind: "activation.approval_waiting".into(),
            at: "2026-02-01T09:00:00Z".parse().unwrap(),
            title: "<!channel> [x](https://evil.example) asks".into(),
            fields: vec![("who", "Who", "<!channel>\n[x](https://evil.example)".into())],
            link: Some("https://b.example/portal/approvals/1".into()),
        }
    }

    #[test]
    fn slack_rings_no_bell_for_a_name() {
        let body = message().body(WebhookKind::Slack);
        assert_eq!(body["text"], "&lt;!channel&gt; [x](https://evil.example) asks");
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        assert_eq!(body["blocks"][1]["fields"][0]["type"], "plain_text");
        assert_eq!(body["blocks"][1]["fields"][0]["text"], "Who: <!channel> [x](https://evil.example)");
        let link = "<https://b.example/portal/approvals/1|Open the request>";
        assert_eq!(body["blocks"][2]["text"]["text"], link);
    }

    #[test]
    fn teams_shows_a_card_without_markdown() {
        let body = message().body(WebhookKind::Teams);
        let card = &body["attachments"][0]["content"];
        assert_eq!((&body["type"], &card["type"]), (&json!("message"), &json!("AdaptiveCard")));
        for block in card["body"].as_array().unwrap() {
            assert_eq!(block["type"], "RichTextBlock");
            assert!(block["inlines"].as_array().unwrap().iter().all(|run| run["type"] == "TextRun"));
        }
        assert_eq!(card["actions"][0]["url"], "https://b.example/portal/approvals/1");
    }

    #[test]
    fn a_program_reads_type_timestamp_and_data() {
        let body = message().body(WebhookKind::Json);
        assert_eq!(body["type"], "activation.approval_waiting");
        assert_eq!(body["timestamp"], "2026-02-01T09:00:00Z");
        assert_eq!(body["data"]["url"], "https://b.example/portal/approvals/1");
    }
}
