//! A browser without script: it keeps cookies, follows redirects, and sends forms as pages show them.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::harness::{Answer, Harness, PASSWORD};

/// A browser at a server.
pub struct Browser<'a> {
    pub server: &'a Harness,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A page that was shown.
pub struct Shown {
    /// The address, without the origin.
    pub at: String,
    pub answer: Answer,
}

impl<'a> Browser<'a> {
    /// One that has no cookie.
    pub fn new(server: &'a Harness) -> Self {
        Self { server, cookies: Mutex::default() }
    }

    /// One in which somebody has signed in with their password.
    pub async fn of(server: &'a Harness, username: &str) -> Self {
        let browser = Self::new(server);
        let page = browser.get("/portal/").await;
        let page = browser.submit(&page, &[("username", username), ("password", PASSWORD)]).await;
        assert_eq!((page.at.as_str(), page.answer.status), ("/portal/", 200), "{}", page.answer.text);
        browser
    }

    /// Opens an address.
    pub async fn get(&self, path: &str) -> Shown {
        self.go("GET", path, None).await
    }

    /// Sends the first form of a page which has all these fields, with what else it holds. A field named `do` or
    /// `directory` presses the button of that name and value.
    pub async fn submit(&self, page: &Shown, fields: &[(&str, &str)]) -> Shown {
        let names = |form: &&str| {
            fields.iter().all(|(name, value)| {
                let button = ["do", "directory"].contains(name);
                form.contains(&format!("name=\"{name}\" value=\"{value}\""))
                    || (!button && form.contains(&format!("name=\"{name}\"")))
            })
        };
        let form = page.answer.text.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
        let form = form
            .into_iter()
            .find(names)
            .unwrap_or_else(|| panic!("no form with {fields:?}: {}", page.answer.text));
        let head = form.split('>').next().unwrap();
        let action = attribute(head, "action").unwrap_or_else(|| page.at.clone());
        let mut all: BTreeMap<String, String> = hidden(form);
        all.extend(fields.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())));
        self.post(&action, all).await
    }

    /// Sends fields somewhere.
    pub async fn post(&self, path: &str, fields: BTreeMap<String, String>) -> Shown {
        self.go("POST", path, Some(fields)).await
    }

    /// The cookies, to copy them as a thief would.
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().clone()
    }

    /// A browser with these cookies.
    pub fn with(server: &'a Harness, cookies: BTreeMap<String, String>) -> Self {
        Self { server, cookies: Mutex::new(cookies) }
    }

    async fn go(&self, method: &str, path: &str, mut form: Option<BTreeMap<String, String>>) -> Shown {
        let (mut method, mut path) = (method.to_string(), path.to_string());
        for _ in 0..8 {
            let cookies = self.cookies.lock().clone();
            let cookie: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let mut request = self.server.request(&method, &path).header("cookie", cookie.join("; "));
            if let Some(form) = form.take() {
                request = request.form(&form);
            }
            let answer = self.server.send(request).await;
            self.keep(&answer);
            let location = answer.header("location").to_string();
            if !(300..400).contains(&answer.status) {
                return Shown { at: path, answer };
            }
            (method, path) = ("GET".into(), location);
        }
        panic!("redirected again and again: {path}");
    }

    fn keep(&self, answer: &Answer) {
        for value in answer.headers.get_all("set-cookie") {
            let value = value.to_str().unwrap();
            let (pair, attributes) = value.split_once(';').unwrap();
            for needed in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(needed), "{value}");
            }
            let (name, value) = pair.split_once('=').unwrap();
            match attributes.contains("Max-Age=0") {
                true => self.cookies.lock().remove(name),
                false => self.cookies.lock().insert(name.into(), value.into()),
            };
        }
    }
}

impl Shown {
    /// Asserts the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.answer.status, status, "{}: {}", self.at, self.answer.text);
        self
    }

    /// Whether a text is on the page.
    pub fn has(&self, text: &str) -> bool {
        self.answer.text.contains(text)
    }

    /// Compares the page with the one that was accepted before (`cargo insta review` shows what is different). What is
    /// drawn at random or goes with the time is left out.
    pub fn snapshot(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter(r"\b[0-9a-f]{64}\b", "[digest]");
        settings.add_filter(r"\?v=[0-9a-f]{16}", "?v=[version]");
        settings.add_filter(
            r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b",
            "[random id]",
        );
        settings.add_filter(r"/repositories/[^/]+/[a-z2-7]{16}\b", "/repositories/[vault]/[item]");
        settings.add_filter(r"@(localhost|127\.0\.0\.1):\d+", "@[host]");
        settings.add_filter(r"https://localhost:\d+|https://127\.0\.0\.1:\d+", "[origin]");
        settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]");
        settings.add_filter(r"\d{4}%2D\d\d%2D\d\dT\d\d%3A\d\d%3A\d\d(%2E\d+)?Z", "[time]");
        settings.add_filter(r"\d{4}%2D\d\d%2D\d\d\b", "[day]");
        settings.add_filter(
            r"\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}(, \d\d:\d\d)?",
            "[day]",
        );
        settings.bind(|| insta::assert_snapshot!(name, self.answer.text));
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    Some(unescape(rest.split('"').next().unwrap()))
}

/// What the form holds without anybody touching it: hidden fields, and what was typed already.
fn hidden(form: &str) -> BTreeMap<String, String> {
    let inputs = form.split("<input ").skip(1).map(|input| input.split('>').next().unwrap());
    let counts = |input: &&str| match attribute(input, "type").as_deref() {
        Some("checkbox" | "radio") => input.contains(" checked"),
        _ => true,
    };
    let pair = |input: &str| Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()));
    let mut all: BTreeMap<String, String> = inputs.filter(counts).filter_map(pair).collect();
    for select in form.split("<select ").skip(1).map(|select| select.split("</select>").next().unwrap()) {
        let options: Vec<&str> = select.split("<option ").skip(1).collect();
        let chosen = options.iter().find(|option| option.split('>').next().unwrap().contains(" selected"));
        let value = chosen.or(options.first()).and_then(|option| attribute(option, "value"));
        all.extend(attribute(select, "name").zip(value));
    }
    for area in form.split("<textarea ").skip(1) {
        let (head, text) = area.split("</textarea>").next().unwrap().split_once('>').unwrap();
        all.extend(attribute(head, "name").map(|name| (name, unescape(text))));
    }
    all
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&#60;", "<")
        .replace("&gt;", ">")
        .replace("&#62;", ">")
        .replace("&amp;", "&")
        .replace("&#38;", "&")
}
