//! What all pages share: the frame around them, and how they become answers.

use arm::{Error, ErrorKind};
use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::link;
use super::viewer::{Viewer, is_over};
use crate::app::status;
use crate::login::session::ACTION;
use crate::login::{Needs, protect};

/// The cookie in which what was done travels to the page that says so.
pub const NOTICE: &str = "__Host-countersign-notice";

/// The part of the portal that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What waits for the viewer.
    Home,
    /// Vaults of both kinds, and what is in them.
    Vaults,
    /// Resource Guards.
    Guards,
    /// One's own roles, requests and approvals.
    Privileged,
    /// Who may do what at a scope.
    Access,
    /// People, groups, applications.
    Directory,
    /// What was decided.
    Ledger,
}

/// The sections in their order, with where they begin and what they are called.
pub const SECTIONS: [(Section, &str, &str); 7] = [
    (Section::Home, link::HOME, "Home"),
    (Section::Vaults, "/portal/vaults", "Vaults"),
    (Section::Guards, "/portal/guards", "Resource Guards"),
    (Section::Privileged, "/portal/privileged", "Privileged access"),
    (Section::Access, "/portal/access", "Access control"),
    (Section::Directory, "/portal/directory", "Directory"),
    (Section::Ledger, "/portal/ledger", "Ledger"),
];

/// A link with its text.
#[derive(Clone, Debug)]
pub struct Link {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: String,
    /// Whether it leads to this page.
    pub current: bool,
}

/// A directory that the viewer may turn to.
pub struct Directory {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is looked at.
    pub current: bool,
}

/// What stands around a page.
pub struct Frame {
    /// The page's title; also its first heading.
    pub title: String,
    /// A line under the title: what sort of thing it is, where it is.
    pub subtitle: String,
    /// The way to the page from the start of its section.
    pub crumbs: Vec<Link>,
    /// The other pages about the same thing.
    pub tabs: Vec<Link>,
    /// The sections.
    pub nav: Vec<Link>,
    /// Who is signed in.
    pub username: String,
    /// The directory that is looked at.
    pub directory: String,
    /// All that know the viewer.
    pub directories: Vec<Directory>,
    /// What every form holds.
    pub csrf: String,
    /// What was done just before.
    pub notice: Option<String>,
    /// Whether the page follows what happens by itself.
    pub live: bool,
}

impl Frame {
    /// A line under the title.
    #[must_use]
    pub fn subtitle(self, subtitle: impl Into<String>) -> Self {
        Self { subtitle: subtitle.into(), ..self }
    }

    /// A step more on the way to the page.
    #[must_use]
    pub fn crumb(mut self, text: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push(Link { href: href.into(), text: text.into(), current: false });
        self
    }

    /// The pages about the same thing: their addresses and texts, and the address of this one.
    #[must_use]
    pub fn tabs(self, tabs: impl IntoIterator<Item = (String, &'static str)>, here: &str) -> Self {
        let link = |(href, text): (String, &str)| Link { current: href == here, text: text.into(), href };
        Self { tabs: tabs.into_iter().map(link).collect(), ..self }
    }

    /// The page is looked at again now and then, so that it shows what others do meanwhile.
    #[must_use]
    pub fn live(self) -> Self {
        Self { live: true, ..self }
    }
}

#[derive(Template)]
#[template(path = "portal/problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    text: &'a str,
    code: &'a str,
    correlation: String,
}

impl Viewer {
    /// The frame of a page.
    pub fn frame(&self, section: Section, title: impl Into<String>) -> Frame {
        let here = self.account();
        let nav = SECTIONS.iter().map(|(of, href, text)| Link {
            href: (*href).into(),
            text: (*text).into(),
            current: *of == section,
        });
        let directories = self.accounts.iter().map(|account| Directory {
            id: account.tenant.to_string(),
            name: account.directory.clone(),
            current: here.is_some_and(|here| here.tenant == account.tenant),
        });
        Frame {
            title: title.into(),
            subtitle: String::new(),
            crumbs: Vec::new(),
            tabs: Vec::new(),
            nav: nav.collect(),
            username: self.username.clone(),
            directory: here.map(|here| here.directory.clone()).unwrap_or_default(),
            directories: directories.collect(),
            csrf: self.csrf.clone(),
            notice: self.notice.clone(),
            live: false,
        }
    }

    /// A page as an answer.
    pub fn page(&self, template: &impl Template) -> Response {
        self.page_with(StatusCode::OK, template)
    }

    /// A page as an answer of another status: a form that was not taken, with what was typed.
    pub fn page_with(&self, status: StatusCode, template: &impl Template) -> Response {
        let html = match template.render() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(correlation = %self.visit.correlation, %error, "a page cannot be written");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let mut response = (status, html).into_response();
        protect(response.headers_mut(), Needs { script: true, ..Needs::default() });
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.notice.is_some() {
            say(&mut response, None);
        }
        response
    }

    /// The answer to a form that was done: another page, which says so once.
    pub fn done(&self, href: &str, what: &str) -> Response {
        let mut response = (StatusCode::SEE_OTHER, [(LOCATION, href)]).into_response();
        say(&mut response, Some(what));
        response
    }

    /// What a page's reading came to: the page, or why there is none.
    pub fn answer(&self, outcome: arm::Result<Response>) -> Response {
        outcome.unwrap_or_else(|error| self.refuse(&error))
    }

    /// The page for what the API refused. Who has to show more, or anew, is sent to the sign-in.
    pub fn refuse(&self, error: &Error) -> Response {
        if is_over(error) {
            return super::session::ended(&self.visit);
        }
        if error.code == "InvalidAuthenticationTokenTenant" {
            let text = "It belongs to a directory that does not know you. Ask one of its administrators for an invitation.";
            return self.problem_of(StatusCode::FORBIDDEN, "You are not known there", text, &error.code);
        }
        let title = match error.kind {
            ErrorKind::Forbidden => "You may not see or do this",
            ErrorKind::NotFound => "There is nothing here",
            ErrorKind::Internal | ErrorKind::Unavailable => "The server cannot answer just now",
            _ => "This cannot be done",
        };
        self.problem_of(status_of(error.kind), title, &error.message, &error.code)
    }

    /// A page that says why there is nothing else.
    pub fn problem(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.problem_of(status, title, text, "")
    }

    fn problem_of(&self, status: StatusCode, title: &str, text: &str, code: &str) -> Response {
        let page = ProblemPage {
            frame: self.frame(Section::Home, title),
            text,
            code,
            correlation: self.visit.correlation.to_string(),
        };
        self.page_with(status, &page)
    }

    /// Where one signs in again to show more: for an error that asks for it, and back to a page.
    pub fn step_up(&self, error: &Error, back: &str) -> Option<String> {
        let claims = error.additional_info.iter().find(|(kind, _)| kind == "ClaimsChallenge");
        let claims = claims.and_then(|(_, info)| info.get("claims"));
        let acrs = claims.and_then(|claims| claims.pointer("/access_token/acrs"))?;
        // One value, as our challenges have it, or the first of several.
        let context = acrs.get("value").or_else(|| acrs.pointer("/values/0"))?.as_str()?;
        let href = link::with(&link::with(ACTION, "context", context), "username", &self.username);
        Some(link::with(&href, "back", back))
    }
}

/// The status of a page for an error. One's own session is fine, so that no 401 makes a browser ask for anything.
pub fn status_of(kind: ErrorKind) -> StatusCode {
    StatusCode::from_u16(status(kind)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// `GET` of an address that leads nowhere.
pub async fn no_such_page(viewer: Viewer) -> Response {
    let text = "The address leads to no page. It may have been copied in part.";
    viewer.problem(StatusCode::NOT_FOUND, "There is no such page", text)
}

fn say(response: &mut Response, what: Option<&str>) {
    let (text, age) = match what {
        Some(what) => (utf8_percent_encode(what, NON_ALPHANUMERIC).to_string(), 60),
        None => (String::new(), 0),
    };
    let cookie = format!("{NOTICE}={text}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
