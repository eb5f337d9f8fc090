//! Cedar, with assignments as entity data: who holds a role at a scope is in an entity that stands for both, and a scope
//! names, for each role, those of itself and of the scopes above it. There is one policy for each role.

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
    let text = format!(
        "permit(principal, action in [{}], resource) when {{ resource has r{role} && principal in resource.r{role} }};",
        actions.join(", ")
    );
    Policy::parse(Some(PolicyId::new(format!("role{role}"))), text).expect("a policy")
}

fn entities(estate: &Estate, names: &Names) -> Entities {
    let mut parents: Vec<HashSet<EntityUid>> = vec![HashSet::new(); estate.principals.len()];
    for (group, member) in &estate.memberships {
        parents[*member].insert(names.principals[*group].clone());
    }
    // By scope and role.
    let mut held: HashMap<usize, BTreeSet<usize>> = HashMap::new();
    for live in estate.live() {
        parents[live.principal].insert(holders(live.scope, live.role));
        held.entry(live.scope).or_default().insert(live.role);
    }
    let principals = names.principals.iter().zip(parents);
    let mut all: Vec<Entity> =
        principals.map(|(uid, parents)| Entity::new_no_attrs(uid.clone(), parents)).collect();
    for (scope, roles) in &held {
        all.extend(roles.iter().map(|role| Entity::new_no_attrs(holders(*scope, *role), HashSet::new())));
    }
    for (scope, uid) in names.scopes.iter().enumerate() {
        let mut sets: HashMap<String, Vec<RestrictedExpression>> = HashMap::new();
        for at in estate.lineage(scope) {
            for role in held.get(&at).into_iter().flatten() {
                let holders = RestrictedExpression::new_entity_uid(holders(at, *role));
                sets.entry(format!("r{role}")).or_default().push(holders);
            }
        }
        let sets = sets.into_iter().map(|(name, set)| (name, RestrictedExpression::new_set(set)));
        all.push(Entity::new(uid.clone(), sets.collect(), HashSet::new()).expect("an entity"));
    }
    Entities::from_entities(all, None).expect("entities")
}

/// Those who hold a role at a scope.
fn holders(scope: usize, role: usize) -> EntityUid {
    uid("Holders", &format!("{scope}#{role}"))
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
        let request = Request::new(
            self.names.principals[question.principal].clone(),
            self.names.actions[question.action].clone(),
            self.names.scopes[question.scope].clone(),
            Context::empty(),
            None,
        );
        let (request, policies) = (request.expect("a request"), &self.policies[question.action]);
        timed(|| {
            let response = self.authorizer.is_authorized(&request, policies, &self.entities);
            response.decision() == Decision::Allow
        })
    }
}
