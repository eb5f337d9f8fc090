//! An organisation to ask about: 20 subscriptions with 100 resource groups of 50 resources each, 40 roles, users in
//! groups nested three deep, and as many role assignments as are wanted. All of it follows from the seed.

use std::collections::BTreeSet;

use arm::{ObjectId, ResourceId, RoleId};
use jiff::Timestamp;
use rbac::{
    Action, ActionPattern, Assignment, Permission, PrincipalKind, RoleDefinition, RoleKind, Window,
    builtin_roles,
};
use uuid::Uuid;

const SUBSCRIPTIONS: usize = 20;
const GROUPS_EACH: usize = 100;
const RESOURCES_EACH: usize = 50;
const RESOURCES: usize = SUBSCRIPTIONS * GROUPS_EACH * RESOURCES_EACH;
const ROLES: usize = 40;
/// The kinds of resources, of which every fifth resource is one.
const KINDS: [(&str, &str); 5] = [
    ("Microsoft.RecoveryServices/vaults", "vault"),
    ("Microsoft.DataProtection/backupVaults", "bvault"),
    ("Microsoft.DataProtection/resourceGuards", "guard"),
    ("Microsoft.Compute/virtualMachines", "vm"),
    ("Microsoft.Storage/storageAccounts", "store"),
];
/// What is done with each kind of resource and what is below it.
const PARTS: [&str; 4] = ["", "/policies", "/items", "/locks"];
const VERBS: [&str; 5] = ["read", "write", "delete", "start/action", "stop/action"];

/// SplitMix64: small, and good enough to draw with.
#[derive(Clone)]
pub struct Draw(u64);

impl Draw {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.word()) * end as u128) >> 64) as usize
    }

    /// One of these.
    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A GUID.
    pub fn guid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.word(), self.word())
    }
}

/// An assignment in few bytes.
#[derive(Clone, Copy)]
struct Given {
    guid: Uuid,
    scope: u32,
    principal: u32,
    role: u8,
    time: Time,
}

/// When an assignment holds.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    Always,
    Now,
    Over,
}

/// The organisation.
pub struct Estate {
    /// The roles.
    pub roles: Vec<RoleDefinition>,
    /// All actions that are asked about.
    pub actions: Vec<Action>,
    /// All scopes: the subscriptions, their resource groups, and then the resources.
    pub scopes: Vec<ResourceId>,
    /// Users and then groups.
    pub principals: Vec<ObjectId>,
    /// Pairs of a group and a direct member, by their places among the principals.
    pub memberships: Vec<(usize, usize)>,
    given: Vec<Given>,
    users: usize,
    seed: u64,
}

/// An assignment for peers, who are given only those that hold at the time of the questions, by the places of what it is
/// about.
#[derive(Clone, Copy)]
pub struct Live {
    /// Among the principals.
    pub principal: usize,
    /// Among the scopes.
    pub scope: usize,
    /// Among the roles.
    pub role: usize,
}

/// May this user do this action here? By the places of each in the estate.
#[derive(Clone, Copy)]
pub struct Question {
    /// Among the principals.
    pub principal: usize,
    /// Among the actions.
    pub action: usize,
    /// Among the scopes.
    pub scope: usize,
}

/// The time of all questions.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

impl Estate {
    /// An organisation with as many assignments, and a tenth as many users.
    pub fn new(assignments: usize, seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let (actions, scopes) = (actions(), scopes(&mut draw));
        let roles = roles(&mut draw, &actions);
        let users = (assignments / 10).max(50);
        let groups = (users / 20).max(15);
        let principals = (0..users + groups).map(|_| ObjectId(draw.guid())).collect();
        let memberships = memberships(&mut draw, users, groups);
        let given = (0..assignments).map(|_| given(&mut draw, users, groups)).collect();
        Self { roles, actions, scopes, principals, memberships, given, users, seed }
    }

    /// How many assignments there are.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// How many of the principals are users; the others are groups.
    pub fn users(&self) -> usize {
        self.users
    }

    /// The subscriptions, which come first among the scopes.
    pub fn subscriptions(&self) -> &[ResourceId] {
        &self.scopes[..SUBSCRIPTIONS]
    }

    /// Whether there are no assignments.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// The assignments as documents.
    pub fn assignments(&self) -> impl Iterator<Item = Assignment> {
        self.given.iter().map(|given| self.document(given))
    }

    /// One more assignment, which the estate does not have.
    pub fn another(&self, draw: &mut Draw) -> Assignment {
        self.document(&given(draw, self.users, self.principals.len() - self.users))
    }

    fn document(&self, given: &Given) -> Assignment {
        let scope = &self.scopes[given.scope as usize];
        let id = scope
            .child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", given.guid))
            .expect("an id");
        let role = self.roles[usize::from(given.role)].id;
        let principal = given.principal as usize;
        let kind = if principal < self.users { PrincipalKind::User } else { PrincipalKind::Group };
        let hour = jiff::SignedDuration::from_hours(1);
        let window = match given.time {
            Time::Always => None,
            Time::Now => Some(Window { start: now() - hour, end: Some(now() + hour) }),
            Time::Over => Some(Window { start: now() - hour - hour, end: Some(now() - hour) }),
        };
        let plain = Assignment::new(id, scope.clone(), role, self.principals[principal], kind);
        Assignment { window, ..plain }
    }

    /// The assignments that hold now, for peers.
    pub fn live(&self) -> impl Iterator<Item = Live> {
        let live = self.given.iter().filter(|given| given.time != Time::Over);
        live.map(|given| Live {
            principal: given.principal as usize,
            scope: given.scope as usize,
            role: usize::from(given.role),
        })
    }

    /// For each principal itself and all groups that it is in.
    pub fn closures(&self) -> Vec<Vec<usize>> {
        let mut above = vec![Vec::new(); self.principals.len()];
        for (group, member) in &self.memberships {
            above[*member].push(*group);
        }
        let closure = |start: usize| {
            let mut all = vec![start];
            let mut at = 0;
            while at < all.len() {
                for group in &above[all[at]] {
                    if !all.contains(group) {
                        all.push(*group);
                    }
                }
                at += 1;
            }
            all
        };
        (0..self.principals.len()).map(closure).collect()
    }

    /// The place of the scope above another.
    pub fn parent(&self, scope: usize) -> Option<usize> {
        let (groups, resources) = (SUBSCRIPTIONS, SUBSCRIPTIONS * (1 + GROUPS_EACH));
        match scope {
            at if at < groups => None,
            at if at < resources => Some((at - groups) / GROUPS_EACH),
            at => Some(groups + (at - resources) / RESOURCES_EACH),
        }
    }

    /// A scope and those above it, the nearest first.
    pub fn lineage(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |at| self.parent(*at))
    }

    /// For each role the places of the actions that it grants.
    pub fn granted(&self) -> Vec<Vec<usize>> {
        let places = 0..self.actions.len();
        let of =
            |role: &RoleDefinition| places.clone().filter(|at| role.grants(&self.actions[*at])).collect();
        self.roles.iter().map(of).collect()
    }

    /// Questions of users about resources. Every other one starts from an assignment, so that many are answered with yes.
    pub fn questions(&self, count: usize) -> Vec<Question> {
        let mut draw = Draw::new(self.seed ^ 0x9e37);
        let granted = self.granted();
        let mut members = vec![Vec::new(); self.principals.len()];
        for (user, closure) in self.closures().iter().enumerate().take(self.users) {
            closure.iter().for_each(|holder| members[*holder].push(user));
        }
        let resources = SUBSCRIPTIONS * (1 + GROUPS_EACH);
        let question = |at: usize| {
            let mut question = Question {
                principal: draw.below(self.users),
                action: draw.below(self.actions.len()),
                scope: resources + draw.below(RESOURCES),
            };
            let given = *draw.of(&self.given);
            let (holders, actions) = (&members[given.principal as usize], &granted[usize::from(given.role)]);
            if at % 2 == 0 && !holders.is_empty() && !actions.is_empty() {
                question.principal = *draw.of(holders);
                question.action = *draw.of(actions);
                question.scope = below(&mut draw, given.scope as usize);
            }
            question
        };
        (0..count).map(question).collect()
    }
}

/// A resource at or below a scope.
fn below(draw: &mut Draw, scope: usize) -> usize {
    let (groups, resources) = (SUBSCRIPTIONS, SUBSCRIPTIONS * (1 + GROUPS_EACH));
    match scope {
        at if at < groups => below(draw, groups + at * GROUPS_EACH + draw.clone().below(GROUPS_EACH)),
        at if at < resources => resources + (at - groups) * RESOURCES_EACH + draw.below(RESOURCES_EACH),
        at => at,
    }
}

fn actions() -> Vec<Action> {
    let texts = KINDS.iter().flat_map(|(kind, _)| {
        PARTS.iter().flat_map(move |part| VERBS.iter().map(move |verb| format!("{kind}{part}/{verb}")))
    });
    texts.map(|text| Action::parse(&text).expect("an action")).collect()
}

fn scopes(draw: &mut Draw) -> Vec<ResourceId> {
    let id = |text: String| ResourceId::parse(&text).expect("an id");
    let subscriptions: Vec<String> =
        (0..SUBSCRIPTIONS).map(|_| format!("/subscriptions/{}", draw.guid())).collect();
    let groups: Vec<String> = subscriptions
        .iter()
        .flat_map(|above| (0..GROUPS_EACH).map(move |at| format!("{above}/resourceGroups/rg-{at:04}")))
        .collect();
    let resources = groups.iter().flat_map(|above| {
        (0..RESOURCES_EACH).map(move |at| {
            let (kind, name) = KINDS[at % KINDS.len()];
            format!("{above}/providers/{kind}/{name}-{at:06}")
        })
    });
    let resources: Vec<String> = resources.collect();
    subscriptions.into_iter().chain(groups).chain(resources).map(id).collect()
}

/// The built-in roles, and others that grant some of the actions, by name or by pattern, but for some.
fn roles(draw: &mut Draw, actions: &[Action]) -> Vec<RoleDefinition> {
    let pattern = |text: &str| ActionPattern::parse(text).expect("a pattern");
    let mut roles = builtin_roles().to_vec();
    for number in roles.len()..ROLES {
        let (kind, _) = *draw.of(&KINDS);
        let mut granted: BTreeSet<String> = (0..6).map(|_| draw.of(actions).as_str().to_string()).collect();
        match number % 4 {
            0 => granted.extend([format!("{kind}/*/read")]),
            1 => granted.extend([format!("{kind}{}/*", draw.of(&PARTS))]),
            _ => {}
        }
        let but: Vec<ActionPattern> = if number % 3 == 0 { vec![pattern("*/delete")] } else { Vec::new() };
        roles.push(RoleDefinition {
            id: RoleId(draw.guid()),
            role_name: format!("Role {number}"),
            description: String::new(),
            kind: RoleKind::Custom,
            assignable_scopes: Vec::new(),
            permissions: vec![Permission {
                actions: granted.iter().map(|text| pattern(text)).collect(),
                not_actions: but,
                ..Permission::default()
            }],
            created_on: None,
            updated_on: None,
            created_by: None,
            updated_by: None,
        });
    }
    roles
}

/// Each user is in two groups, of which six in ten are at the bottom; each of these is in two of the three in ten in the
/// middle, and each of these in one of those at the top.
fn memberships(draw: &mut Draw, users: usize, groups: usize) -> Vec<(usize, usize)> {
    let (bottom, middle) = (groups * 6 / 10, groups * 3 / 10);
    let mut pairs = Vec::new();
    for user in 0..users {
        pairs.extend((0..2).map(|_| (users + draw.below(bottom), user)));
    }
    for group in 0..bottom {
        pairs.extend((0..2).map(|_| (users + bottom + draw.below(middle), users + group)));
    }
    for group in bottom..bottom + middle {
        pairs.push((users + bottom + middle + draw.below(groups - bottom - middle), users + group));
    }
    pairs
}

/// Half to users, half to groups; one in twenty at a subscription, nine at a resource group, ten at a resource. One in
/// twenty is for a time, which is over for every other of these.
fn given(draw: &mut Draw, users: usize, groups: usize) -> Given {
    let scope = match draw.below(20) {
        0 => draw.below(SUBSCRIPTIONS),
        1..10 => SUBSCRIPTIONS + draw.below(SUBSCRIPTIONS * GROUPS_EACH),
        _ => SUBSCRIPTIONS * (1 + GROUPS_EACH) + draw.below(RESOURCES),
    };
    let principal = if draw.below(2) == 0 { draw.below(users) } else { users + draw.below(groups) };
    let time = match draw.below(40) {
        0 => Time::Now,
        1 => Time::Over,
        _ => Time::Always,
    };
    let role = draw.below(ROLES) as u8;
    Given { guid: draw.guid(), scope: scope as u32, principal: principal as u32, role, time }
}
