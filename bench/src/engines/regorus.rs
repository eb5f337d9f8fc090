//! regorus, the Rego engine: a policy over indexed data, in which each step is one look into an object.

use std::collections::HashMap;
use std::sync::Arc;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{CompiledPolicy, Engine as Rego, Rc, Value};

use super::Engine;
use crate::estate::{Estate, Question};
use crate::stats::timed;

/// Whose roles at which scope is found by names, and which role grants which action is a table: no pattern is matched.
const POLICY: &str = r#"
package authz

import rego.v1

default allow := false

allow if {
    some scope in input.scopes
    at := data.held[scope]
    some holder in data.holders[input.principal]
    some role in at[holder]
    data.grants[role][input.action]
}
"#;
const ENTRY: &str = "data.authz.allow";

/// The interpreter and the virtual machine, over the same data.
pub fn load<'a>(estate: &'a Estate) -> Vec<Box<dyn Engine + 'a>> {
    let mut engine = Rego::new();
    engine.add_policy("authz.rego".into(), POLICY.into()).expect("a policy");
    let data = data(estate);
    engine.add_data(data.clone()).expect("data");
    let policy = engine.compile_with_entrypoint(&Rc::from(ENTRY)).expect("compiled");
    let program = Compiler::compile_from_policy(&policy, &[ENTRY]).expect("a program");
    let mut machine = RegoVM::new_with_policy(policy.clone());
    machine.load_program(program);
    machine.set_data(data).expect("data");
    machine.set_max_instructions(usize::MAX);
    let names = Arc::new(Names::of(estate));
    vec![
        Box::new(Machine { machine, names: names.clone(), estate }),
        Box::new(Interpreter { policy, names, estate }),
    ]
}

fn object<T>(entries: impl IntoIterator<Item = (Value, T)>, value: impl Fn(T) -> Value) -> Value {
    let mut object = Value::new_object();
    let fields = object.as_object_mut().expect("an object");
    entries.into_iter().for_each(|(name, entry)| {
        fields.insert(name, value(entry));
    });
    object
}

fn data(estate: &Estate) -> Value {
    let names = Names::of(estate);
    let list = |values: Vec<Value>| Value::from(values);
    let mut held: HashMap<usize, HashMap<usize, Vec<Value>>> = HashMap::new();
    for live in estate.live() {
        let roles = held.entry(live.scope).or_default().entry(live.principal).or_default();
        roles.push(Value::from(live.role.to_string()));
    }
    let held = held.into_iter().map(|(scope, holders)| (names.scopes[scope].clone(), holders));
    let held = object(held, |holders| {
        object(holders.into_iter().map(|(holder, roles)| (names.principals[holder].clone(), roles)), list)
    });
    let closures = estate.closures().into_iter().enumerate();
    let holders = object(closures.map(|(at, closure)| (names.principals[at].clone(), closure)), |closure| {
        list(closure.into_iter().map(|holder| names.principals[holder].clone()).collect())
    });
    let granted = estate.granted().into_iter().enumerate();
    let grants = object(granted.map(|(role, actions)| (Value::from(role.to_string()), actions)), |actions| {
        object(actions.into_iter().map(|action| (names.actions[action].clone(), true)), Value::from)
    });
    object(
        [("held", held), ("holders", holders), ("grants", grants)].map(|(k, v)| (Value::from(k), v)),
        |v| v,
    )
}

/// All names as values, each made once.
struct Names {
    scopes: Vec<Value>,
    principals: Vec<Value>,
    actions: Vec<Value>,
}

impl Names {
    fn of(estate: &Estate) -> Self {
        Self {
            scopes: estate.scopes.iter().map(|scope| Value::from(scope.folded())).collect(),
            principals: estate.principals.iter().map(|id| Value::from(id.to_string())).collect(),
            actions: estate.actions.iter().map(|action| Value::from(action.as_str())).collect(),
        }
    }

    fn input(&self, estate: &Estate, question: &Question) -> Value {
        let scopes: Vec<Value> = estate.lineage(question.scope).map(|at| self.scopes[at].clone()).collect();
        let fields = [
            ("principal", self.principals[question.principal].clone()),
            ("action", self.actions[question.action].clone()),
            ("scopes", Value::from(scopes)),
        ];
        object(fields.map(|(name, value)| (Value::from(name), value)), |value| value)
    }
}

struct Machine<'a> {
    machine: RegoVM,
    names: Arc<Names>,
    estate: &'a Estate,
}

impl Engine for Machine<'_> {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        timed(|| {
            self.machine.set_input(self.names.input(self.estate, question));
            self.machine.execute_entry_point_by_index(0).expect("an answer") == Value::from(true)
        })
    }
}

struct Interpreter<'a> {
    policy: CompiledPolicy,
    names: Arc<Names>,
    estate: &'a Estate,
}

impl Engine for Interpreter<'_> {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        timed(|| {
            let input = self.names.input(self.estate, question);
            self.policy.eval_with_input(input).expect("an answer") == Value::from(true)
        })
    }
}
