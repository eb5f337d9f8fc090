//! The registry of routes. ARM's paths are open-ended and compare without case, so they are matched here and not by the
//! HTTP framework; and because they are data, tests can walk over all of them.

use arm::{Error, ErrorKind, ResourceId, Result};

use super::call::Call;
use super::reply::Reply;

/// The methods that ARM uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks whether something exists.
    Head,
    /// Creates or replaces.
    Put,
    /// Changes the members that are named.
    Patch,
    /// Acts.
    Post,
    /// Deletes.
    Delete,
}

impl Method {
    /// Reads a method.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "POST" => Self::Post,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it only looks.
    pub fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Somebody who holds this action at the scope that the path names (contract 3.7, 4.8).
    Action(&'static str),
    /// Anybody who is signed in; the handler shows each caller only what is theirs, or decides by a rule of its own.
    SignedIn,
}

/// What a handler is.
pub type Handler = fn(&mut Call<'_>) -> Result<Reply>;

/// One route.
#[derive(Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path. `{name}` stands for one segment, a leading `{scope}` for any scope, the root included. What is neither
    /// compares without case.
    pub pattern: &'static str,
    /// Who may call it.
    pub needs: Needs,
    /// What answers it.
    pub handler: Handler,
}

/// A route that needs an action.
pub const fn route(method: Method, pattern: &'static str, action: &'static str, handler: Handler) -> Route {
    Route { method, pattern, needs: Needs::Action(action), handler }
}

/// A route for anybody who is signed in.
pub const fn open_route(method: Method, pattern: &'static str, handler: Handler) -> Route {
    Route { method, pattern, needs: Needs::SignedIn, handler }
}

/// What the placeholders of a pattern stood for.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: Vec<(&'static str, String)>,
    scope: Option<ResourceId>,
}

impl Params {
    /// The segment that `{name}` stood for. Empty for a name that the pattern does not have.
    pub fn get(&self, name: &str) -> &str {
        self.values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str())
    }

    /// What `{scope}` stood for, if the pattern begins with it.
    pub fn scope(&self) -> Option<&ResourceId> {
        self.scope.as_ref()
    }
}

impl Route {
    /// Matches a path.
    pub fn matches(&self, path: &ResourceId) -> Option<Params> {
        let mut segments: Vec<&str> = path.segments().collect();
        let mut params = Params::default();
        let mut pattern = self.pattern;
        if let Some(rest) = pattern.strip_prefix("{scope}") {
            let fixed = rest.split('/').filter(|part| !part.is_empty()).count();
            let cut = segments.len().checked_sub(fixed)?;
            let tail = segments.split_off(cut);
            params.scope = Some(ResourceId::parse(&segments.join("/")).ok()?);
            segments = tail;
            pattern = rest;
        }
        let mut parts = pattern.split('/').filter(|part| !part.is_empty());
        let mut rest = segments.into_iter();
        loop {
            match (parts.next(), rest.next()) {
                (None, None) => return Some(params),
                (Some(part), Some(segment)) => match placeholder(part) {
                    Some(name) => params.values.push((name, segment.to_string())),
                    None if part.eq_ignore_ascii_case(segment) => {}
                    None => return None,
                },
                _ => return None,
            }
        }
    }
}

fn placeholder(part: &'static str) -> Option<&'static str> {
    part.strip_prefix('{')?.strip_suffix('}')
}

/// Finds the route for a request.
///
/// # Errors
/// `MethodNotAllowed` when the path exists with other methods, `InvalidResourceType` when it does not.
pub fn find(
    routes: &'static [&'static [Route]],
    method: Method,
    path: &ResourceId,
) -> Result<(&'static Route, Params)> {
    let mut others = Vec::new();
    for route in routes.iter().copied().flatten() {
        let Some(params) = route.matches(path) else {
            continue;
        };
        // What can be read can be asked for.
        let fits = route.method == method || (method == Method::Head && route.method == Method::Get);
        if fits {
            return Ok((route, params));
        }
        others.push(route.method.as_str());
    }
    if others.is_empty() {
        return Err(Error::not_found(
            "InvalidResourceType",
            format!("the path '{path}' names no resource type or operation that this server knows"),
        ));
    }
    Err(Error::new(
        ErrorKind::MethodNotAllowed,
        "MethodNotAllowed",
        format!("'{}' is not supported for '{path}'; supported: {}", method.as_str(), others.join(", ")),
    ))
}

/// The scope at which a route's action is needed.
///
/// For a resource that is the resource; for a collection or an action, what it belongs to; for an extension resource
/// (locks, role assignments, …), the scope it is set on.
pub fn access_scope(path: &ResourceId, params: &Params) -> ResourceId {
    if let Some(scope) = params.scope() {
        return scope.clone();
    }
    let segments: Vec<&str> = path.segments().collect();
    let at = path.provider_index();
    let keep = match at {
        // `…/providers/<namespace>[/register]`: the subscription.
        Some(at) if segments.len() <= at + 3 => at,
        // An odd number of segments behind the namespace: the last one is a collection or an action.
        Some(at) if (segments.len() - at) % 2 == 1 => segments.len() - 1,
        Some(_) => segments.len(),
        // `/subscriptions/{id}/resourceGroups` and the like.
        None => segments.len() - segments.len() % 2,
    };
    let kept: Vec<&str> = segments.into_iter().take(keep).collect();
    ResourceId::parse(&kept.join("/")).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    fn nothing(_: &mut Call<'_>) -> Result<Reply> {
        Err(Error::internal("never called"))
    }

    const RG: &str = "/subscriptions/s/resourceGroups/rg";

    #[test]
    fn paths_match_without_case_and_give_their_parts() {
        let route = route(Method::Get, "/subscriptions/{subscription}/resourceGroups/{group}", "", nothing);
        let params = route.matches(&id("/SUBSCRIPTIONS/a/resourcegroups/B")).unwrap();
        assert_eq!((params.get("subscription"), params.get("group")), ("a", "B"));
        assert!(route.matches(&id("/subscriptions/a")).is_none());
    }

    #[test]
    fn a_scope_may_be_anything() {
        let route = route(Method::Get, "{scope}/providers/Microsoft.Authorization/locks/{name}", "", nothing);
        for scope in ["/", "/subscriptions/s", RG, "/subscriptions/s/resourceGroups/rg/providers/N/t/x"] {
            let path = id(scope).child("providers/microsoft.authorization/LOCKS/l").unwrap();
            assert_eq!(route.matches(&path).unwrap().scope(), Some(&id(scope)));
        }
    }

    #[test]
    fn the_scope_of_access_is_the_resource_or_what_holds_it() {
        let vault = format!("{RG}/providers/N/vaults/v");
        for (path, scope) in [
            (vault.clone(), vault.clone()),
            (format!("{vault}/backupPolicies"), vault.clone()),
            (format!("{vault}/backupPolicies/p"), format!("{vault}/backupPolicies/p")),
            (
                format!("{vault}/backupResourceGuardProxies/VaultProxy/unlockDelete"),
                format!("{vault}/backupResourceGuardProxies/VaultProxy"),
            ),
            (format!("{RG}/providers/N/vaults"), RG.to_string()),
            ("/subscriptions/s/providers/N/register".into(), "/subscriptions/s".into()),
            ("/subscriptions/s/resourceGroups".into(), "/subscriptions/s".into()),
            (RG.into(), RG.into()),
        ] {
            assert_eq!(access_scope(&id(&path), &Params::default()), id(&scope), "{path}");
        }
    }
}
