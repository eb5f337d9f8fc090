//! Cedar, with assignments as entity data: a scope has, for each role, the set of those who hold it there, and the scope
//! above it; users are in groups. There is one policy for each role.
//!
//! With an entity for each role at each scope, which its holders are in, answers take as long, and loading far longer: the
//! closure of users over all that their groups hold takes 12 GB with 2e5 assignments.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId,
    PolicySet, Request, RestrictedExpression,
};

use super::Engine;
use crate::estate::{Estate, Question};
use crate::stats::timed;

fn uid(kind: &str, id: &str) -> EntityUid {
    let kind: EntityTypeName = kind.parse().expect("a type");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}

/// All policies, or for each action those of the roles that grant it.
pub fn load<'a>(estate: &'a Estate) -> Vec<Box<dyn Engine + 'a>> {
    let names = Rc::new(Names::of(estate));
    let entities = Rc::new(entities(estate, &names));
    let granted = estate.granted();
    let policies: Vec<Policy> =
        granted.iter().enumerate().map(|(role, actions)| policy(estate, role, actions)).collect();
    let set = |roles: &dyn Fn(usize) -> bool| {
        let wanted = policies.iter().enumerate().filter(|(role, _)| roles(*role));
        Rc::new(PolicySet::from_policies(wanted.map(|(_, policy)| policy.clone())).expect("policies"))
    };
    let all = set(&|_| true);
    let sliced = (0..estate.actions.len()).map(|action| set(&|role| granted[role].contains(&action)));
    let ways = [vec![all; estate.actions.len()], sliced.collect()];
    let engine = |policies| Cedar {
        authorizer: Authorizer::new(),
        policies,
        entities: entities.clone(),
        names: names.clone(),
    };
    ways.into_iter().map(|policies| Box::new(engine(policies)) as Box<dyn Engine>).collect()
}

/// What a role grants, by the names of the actions: no pattern is matched.
fn policy(estate: &Estate, role: usize, actions: &[usize]) -> Policy {
    let actions: Vec<String> =
        actions.iter().map(|at| format!("Action::\"{}\"", estate.actions[*at])).collect();
    let held = |scope: &str| format!("({scope} has r{role} && principal in {scope}.r{role})");
    let above = |scope: &str, further: &str| format!("({scope} has above && ({further}))");
    let (one, two) = ("resource.above", "resource.above.above");
    let further = format!("{} || {}", held(one), above(one, &held(two)));
    let text = format!(
        "permit(principal, action in [{}], resource) when {{ {} || {} }};",
        actions.join(", "),
        held("resource"),
        above("resource", &further)
    );
    Policy::parse(Some(PolicyId::new(format!("role{role}"))), text).expect("a policy")
}

fn entities(estate: &Estate, names: &Names) -> Entities {
    let mut parents: Vec<HashSet<EntityUid>> = vec![HashSet::new(); estate.principals.len()];
    for (group, member) in &estate.memberships {
        parents[*member].insert(names.principals[*group].clone());
    }
    let principals = names.principals.iter().zip(parents);
    let mut all: Vec<Entity> =
        principals.map(|(uid, parents)| Entity::new_no_attrs(uid.clone(), parents)).collect();
    // By scope and role.
    let mut held: Vec<HashMap<usize, BTreeSet<usize>>> = vec![HashMap::new(); estate.scopes.len()];
    for live in estate.live() {
        held[live.scope].entry(live.role).or_default().insert(live.principal);
    }
    let expression = |uid: &EntityUid| RestrictedExpression::new_entity_uid(uid.clone());
    for (scope, roles) in held.into_iter().enumerate() {
        let set = |holders: BTreeSet<usize>| {
            RestrictedExpression::new_set(holders.into_iter().map(|at| expression(&names.principals[at])))
        };
        let sets = roles.into_iter().map(|(role, holders)| (format!("r{role}"), set(holders)));
        let above = estate.parent(scope).map(|at| ("above".to_string(), expression(&names.scopes[at])));
        let attributes = sets.chain(above).collect();
        all.push(Entity::new(names.scopes[scope].clone(), attributes, HashSet::new()).expect("an entity"));
    }
    Entities::from_entities(all, None).expect("entities")
}

struct Names {
    scopes: Vec<EntityUid>,
    principals: Vec<EntityUid>,
    actions: Vec<EntityUid>,
}

impl Names {
    fn of(estate: &Estate) -> Self {
        Self {
            scopes: estate.scopes.iter().map(|scope| uid("Scope", scope.folded())).collect(),
            principals: estate.principals.iter().map(|id| uid("Principal", &id.to_string())).collect(),
            actions: estate.actions.iter().map(|action| uid("Action", action.as_str())).collect(),
        }
    }
}

struct Cedar {
    authorizer: Authorizer,
    /// For each action the policies to look at.
    policies: Vec<Rc<PolicySet>>,
    entities: Rc<Entities>,
    names: Rc<Names>,
}

impl Engine for Cedar {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        let policies = &self.policies[question.action];
        timed(|| {
            let request = Request::new(
                self.names.principals[question.principal].clone(),
                self.names.actions[question.action].clone(),
                self.names.scopes[question.scope].clone(),
                Context::empty(),
                None,
            );
            let request = request.expect("a request");
            let response = self.authorizer.is_authorized(&request, policies, &self.entities);
            response.decision() == Decision::Allow
        })
    }
}
