//! casbin: one line of policy for each assignment, and its role manager for groups.

use std::collections::HashSet;

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};

use super::Engine;
use crate::estate::{Estate, Question};
use crate::stats::timed;

/// The cheapest condition comes first. Which role grants which action is listed: no pattern is matched.
const MODEL: &str = r#"
[request_definition]
r = sub, obj, act

[policy_definition]
p = sub, obj, role

[role_definition]
g = _, _
g2 = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = within(r.obj, p.obj) && g2(p.role, r.act) && g(r.sub, p.sub)
"#;

pub fn load<'a>(estate: &'a Estate) -> Vec<Box<dyn Engine + 'a>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let name = |at: usize| estate.principals[at].to_string();
    let enforcer = runtime.block_on(async {
        let model = DefaultModel::from_str(MODEL).await.expect("a model");
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.expect("an enforcer");
        let within = |below: Dynamic, above: Dynamic| {
            let (below, above) = (below.into_immutable_string(), above.into_immutable_string());
            let (Ok(below), Ok(above)) = (below, above) else { return false.into() };
            let rest = below.strip_prefix(above.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')).into()
        };
        enforcer.add_function("within", OperatorFunction::Arg2(within));
        let grants: Vec<Vec<String>> = table(estate);
        enforcer.add_named_grouping_policies("g2", grants).await.expect("roles");
        let groups = estate.memberships.iter().map(|(group, member)| vec![name(*member), name(*group)]);
        let groups: HashSet<Vec<String>> = groups.collect();
        enforcer.add_grouping_policies(groups.into_iter().collect()).await.expect("groups");
        let lines = estate.live().map(|live| {
            vec![name(live.principal), estate.scopes[live.scope].folded().to_string(), live.role.to_string()]
        });
        let lines: HashSet<Vec<String>> = lines.collect();
        enforcer.add_policies(lines.into_iter().collect()).await.expect("policies");
        enforcer
    });
    vec![Box::new(Casbin { enforcer, estate })]
}

/// Pairs of a role and an action that it grants.
fn table(estate: &Estate) -> Vec<Vec<String>> {
    let roles = estate.granted().into_iter().enumerate();
    let pairs = roles.flat_map(|(role, actions)| actions.into_iter().map(move |action| (role, action)));
    pairs.map(|(role, action)| vec![role.to_string(), estate.actions[action].to_string()]).collect()
}

struct Casbin<'a> {
    enforcer: Enforcer,
    estate: &'a Estate,
}

impl Engine for Casbin<'_> {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        let principal = self.estate.principals[question.principal].to_string();
        timed(|| {
            let scope = self.estate.scopes[question.scope].folded().to_string();
            let action = self.estate.actions[question.action].as_str().to_string();
            self.enforcer.enforce((principal, scope, action)).expect("an answer")
        })
    }
}
