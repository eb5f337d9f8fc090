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

/// A route's pattern, taken apart.
struct Pattern {
    /// Whether it begins with `{scope}`.
    scoped: bool,
    /// The segments, or those behind the scope.
    parts: Vec<Part>,
}

enum Part {
    Fixed(&'static str),
    Placeholder(&'static str),
}

impl Pattern {
    fn of(pattern: &'static str) -> Self {
        let (scoped, rest) = pattern.strip_prefix("{scope}").map_or((false, pattern), |rest| (true, rest));
        let part = |part: &'static str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => Part::Placeholder(name),
            None => Part::Fixed(part),
        };
        let parts = rest.split('/').filter(|part| !part.is_empty()).map(part).collect();
        Self { scoped, parts }
    }

    /// Matches the segments of a path.
    fn matches(&self, segments: &[&str]) -> Option<Params> {
        let cut = segments.len().checked_sub(self.parts.len()).filter(|cut| self.scoped || *cut == 0)?;
        let (scope, rest) = segments.split_at_checked(cut)?;
        // From behind, where patterns differ most.
        let fits = self.parts.iter().zip(rest).rev().all(|(part, segment)| match part {
            Part::Fixed(fixed) => fixed.eq_ignore_ascii_case(segment),
            Part::Placeholder(_) => true,
        });
        if !fits {
            return None;
        }
        let scope = match self.scoped {
            true => Some(ResourceId::parse(&scope.join("/")).ok()?),
            false => None,
        };
        let value = |(part, segment): (&Part, &&str)| match part {
            Part::Fixed(_) => None,
            Part::Placeholder(name) => Some((*name, (*segment).to_string())),
        };
        Some(Params { values: self.parts.iter().zip(rest).filter_map(value).collect(), scope })
    }
}

/// As many segments as most paths have at the most.
const SEGMENTS: usize = 16;

/// Routes, taken apart to be looked up.
pub struct Table {
    routes: Vec<(&'static Route, Pattern)>,
    /// Which of them may match a path of so many segments, in their order.
    by_length: Vec<Vec<usize>>,
}

impl Table {
    /// Takes routes apart. Of several that match, the first answers.
    pub fn of(routes: &'static [&'static [Route]]) -> Self {
        let routes = routes.iter().copied().flatten();
        let routes: Vec<_> = routes.map(|route| (route, Pattern::of(route.pattern))).collect();
        let longest = routes.iter().map(|(_, pattern)| pattern.parts.len()).max().unwrap_or_default();
        let fitting = |length: usize| {
            let fits = |(_, (_, pattern)): &(usize, &(&Route, Pattern))| match pattern.scoped {
                true => pattern.parts.len() <= length,
                false => pattern.parts.len() == length,
            };
            routes.iter().enumerate().filter(fits).map(|(number, _)| number).collect()
        };
        // One more than the longest, for whatever is longer: only those with a scope match that.
        let by_length = (0..=longest + 1).map(fitting).collect();
        Self { routes, by_length }
    }

    /// The routes that may match a path of so many segments.
    fn candidates(&self, length: usize) -> impl Iterator<Item = &(&'static Route, Pattern)> {
        let numbers = self.by_length.get(length).or(self.by_length.last());
        numbers.into_iter().flatten().filter_map(|number| self.routes.get(*number))
    }

    /// Finds the route for a request.
    ///
    /// # Errors
    /// `MethodNotAllowed` when the path exists with other methods, `InvalidResourceType` when it does not.
    pub fn find(&self, method: Method, path: &ResourceId) -> Result<(&'static Route, Params)> {
        let mut segments = Vec::with_capacity(SEGMENTS);
        segments.extend(path.segments());
        let mut others = Vec::new();
        for (route, pattern) in self.candidates(segments.len()) {
            let Some(params) = pattern.matches(&segments) else {
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
}

/// The scope at which a route's action is needed.
///
/// For a resource that is the resource; for a collection or an action, what it belongs to; for an extension resource
/// (locks, role assignments, …), the scope it is set on.
pub fn access_scope(path: &ResourceId, params: &Params) -> ResourceId {
    if let Some(scope) = params.scope() {
        return scope.clone();
    }
    let count = path.segments().count();
    let at = path.provider_index();
    let keep = match at {
        // `…/providers/<namespace>[/register]`: the subscription.
        Some(at) if count <= at + 3 => at,
        // An odd number of segments behind the namespace: the last one is a collection or an action.
        Some(at) if (count - at) % 2 == 1 => count - 1,
        Some(_) => count,
        // `/subscriptions/{id}/resourceGroups` and the like.
        None => count - count % 2,
    };
    path.first(keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    fn matches(pattern: &'static str, path: &ResourceId) -> Option<Params> {
        Pattern::of(pattern).matches(&path.segments().collect::<Vec<_>>())
    }

    const RG: &str = "/subscriptions/s/resourceGroups/rg";

    #[test]
    fn paths_match_without_case_and_give_their_parts() {
        let pattern = "/subscriptions/{subscription}/resourceGroups/{group}";
        let params = matches(pattern, &id("/SUBSCRIPTIONS/a/resourcegroups/B")).unwrap();
        assert_eq!((params.get("subscription"), params.get("group")), ("a", "B"));
        assert!(matches(pattern, &id("/subscriptions/a")).is_none());
    }

    #[test]
    fn a_scope_may_be_anything() {
        let pattern = "{scope}/providers/Microsoft.Authorization/locks/{name}";
        for scope in ["/", "/subscriptions/s", RG, "/subscriptions/s/resourceGroups/rg/providers/N/t/x"] {
            let path = id(scope).child("providers/microsoft.authorization/LOCKS/l").unwrap();
            assert_eq!(matches(pattern, &path).unwrap().scope(), Some(&id(scope)));
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
