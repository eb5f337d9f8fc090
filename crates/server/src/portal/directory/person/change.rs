//! What an administrator does with a person.

use arm::{Error, Result};
use serde_json::{Value, json};

use super::super::{PEOPLE, Typed};
use crate::portal::viewer::Viewer;

/// How a change ended.
pub enum Outcome {
    /// It is done, and this page says so.
    Done {
        /// The page.
        href: String,
        /// What it says.
        what: String,
    },
    /// A temporary access pass was made, which is shown once.
    Pass(String),
}

impl Viewer {
    /// Does what a form of the person's page asks for.
    ///
    /// # Errors
    /// What Graph answers.
    pub(super) async fn change_person(&self, id: &str, typed: &Typed) -> Result<Outcome> {
        let user = format!("users/{id}");
        let page = format!("{PEOPLE}/{id}");
        let what = match typed.get("do") {
            "rename" => {
                let mail = Some(typed.get("mail")).filter(|mail| !mail.is_empty());
                let mut body = json!({"displayName": typed.get("name")});
                if let (Some(mail), Some(body)) = (mail, body.as_object_mut()) {
                    body.insert("mail".into(), mail.into());
                }
                self.graph(None, "PATCH", &user, &[], body).await?;
                "The account was changed."
            }
            "disable" => {
                self.graph(None, "PATCH", &user, &[], json!({"accountEnabled": false})).await?;
                let href = format!("{page}?changed={}", self.visit.correlation);
                let what = "The account is disabled. Nothing that it is signed in to works any more.";
                return Ok(Outcome::Done { href, what: what.into() });
            }
            "enable" => {
                self.graph(None, "PATCH", &user, &[], json!({"accountEnabled": true})).await?;
                "The account is enabled."
            }
            "delete" => {
                self.demand_typed(&user, typed).await?;
                self.graph(None, "DELETE", &user, &[], Value::Null).await?;
                return Ok(Outcome::Done { href: PEOPLE.into(), what: "The account was deleted.".into() });
            }
            "reset-factor" => {
                let path = format!("{user}/authentication/softwareOathMethods/{}", typed.get("method"));
                self.graph(None, "DELETE", &path, &[], Value::Null).await?;
                "The second factor was reset, and all sign-ins have ended."
            }
            "give-pass" => return self.give_pass(&user, typed).await.map(Outcome::Pass),
            "withdraw-pass" => {
                let path =
                    format!("{user}/authentication/temporaryAccessPassMethods/{}", typed.get("method"));
                self.graph(None, "DELETE", &path, &[], Value::Null).await?;
                "The temporary access pass was withdrawn."
            }
            "link" => {
                let other = self.object_named(&["users"], typed.get("other")).await?;
                let reference = json!({"@odata.id": format!("users/{}", other.id)});
                self.graph(None, "POST", &format!("{user}/linkedAccounts/$ref"), &[], reference).await?;
                "The two accounts count as one person from now on."
            }
            "unlink" => {
                let path = format!("{user}/linkedAccounts/{}/$ref", typed.get("other"));
                match self.graph(None, "DELETE", &path, &[], Value::Null).await? {
                    Value::Null => "The link was undone.",
                    _ => {
                        "Your directory agrees. The link holds until all directories that know the person have agreed."
                    }
                }
            }
            _ => {
                return Err(Error::invalid(
                    "NoSuchChange",
                    "The form asks for nothing that can be done here.",
                ));
            }
        };
        Ok(Outcome::Done { href: page, what: what.into() })
    }

    /// What cannot be undone is done by whoever types the name.
    async fn demand_typed(&self, user: &str, typed: &Typed) -> Result<()> {
        let person: super::Listed =
            crate::portal::ask::of(self.graph(None, "GET", user, &[], Value::Null).await?)?;
        match person.user_principal_name.eq_ignore_ascii_case(typed.get("confirm").trim()) {
            true => Ok(()),
            false => Err(Error::invalid(
                "NotConfirmed",
                "Type the user name exactly as it is shown to delete the account.",
            )),
        }
    }

    async fn give_pass(&self, user: &str, typed: &Typed) -> Result<String> {
        let minutes = typed.get("minutes").trim().parse::<u32>();
        let minutes = minutes
            .map_err(|_| Error::invalid("InvalidLifetime", "For how many minutes? Give a whole number."))?;
        let body = json!({"isUsableOnce": true, "lifetimeInMinutes": minutes});
        let path = format!("{user}/authentication/temporaryAccessPassMethods");
        let made = self.graph(None, "POST", &path, &[], body).await?;
        let pass = made.get("temporaryAccessPass").and_then(Value::as_str);
        pass.map(String::from).ok_or_else(|| Error::internal("a pass without its secret"))
    }
}
