//! Who may use which route: one table of roles and routes, from the constants that the doors obey.

use crate::files;
use domain::identity::Role;
use domain::identity::roles::{EVERYBODY, QUEUE_SCOPES, all_scopes};
use kernel::Labelled as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tests::policy::{Cell, Policy, Route, held, routes};

/// Operations that ask for no scope, and why that is right.
const WITHOUT_SCOPE: [(&str, &str); 16] = [
    ("commands:batch", "each command inside asks for its own"),
    ("identity.forgot_password", "whoever asks cannot sign in; the answer tells nothing"),
    ("identity.join", "the link of the invitation proves it"),
    ("identity.prove_email", "the link in the mail proves it"),
    ("identity.prove_new_email", "the link in the mail proves it"),
    ("identity.refresh", "the refresh token proves it"),
    ("identity.register", "whoever asks has no account yet"),
    ("identity.resend_verification", "whoever asks cannot sign in yet; the answer tells nothing"),
    ("identity.reset_password", "the link in the mail proves it"),
    ("identity.sign_in", "the password proves it"),
    ("identity.sign_out", "whoever holds a token may end its session"),
    ("labels", "the names of enumerations are no secret; no token either"),
    ("support.count_article_view", "readers have no account; it counts, and changes nothing else"),
    ("support.get_public_article", "a tenant publishes articles for everybody; no draft is in that table"),
    ("support.list_public_articles", "as above"),
    ("support.list_public_categories", "as above"),
];

/// Scopes that are asked for inside an answer or a decision, not by a route.
const ASKED_INSIDE: [(&str, &str); 4] = [
    ("analyst.personal:read", "shows personal data in events, which are masked without"),
    ("analyst.tenants:read", "lets the parameter `tenant` of events name others"),
    ("identity.role:grant_any", "lets a member give roles beyond his own"),
    ("support.history:tell_late", "lets the header Occurred-At of a command say when it happened"),
];

/// What roles hold for routes that are yet to come: the contract of what they will ask for.
const FOR_LATER: [(&str, &str); 25] = [
    ("field_sales.recording:listen", "recordings of visits"),
    ("field_sales.statistics:read", "statistics of field sales"),
    ("image_rights.answer:give", "image rights"),
    ("image_rights.answer:read", "image rights"),
    ("image_rights.company:manage", "image rights"),
    ("image_rights.employee:manage", "image rights"),
    ("image_rights.file:read", "image rights"),
    ("image_rights.file:upload", "image rights"),
    ("image_rights.shoot:manage", "image rights"),
    ("image_rights.shoot:read", "image rights"),
    ("image_rights.subscription:manage", "image rights"),
    ("manage:agent", "waiting lines"),
    ("manage:queue", "waiting lines"),
    ("manage:settings", "waiting lines"),
    ("manage:ticket", "waiting lines"),
    ("read:agent", "waiting lines"),
    ("read:customer", "waiting lines"),
    ("read:feedback", "waiting lines"),
    ("read:queue", "waiting lines"),
    ("read:reports", "waiting lines"),
    ("read:ticket", "waiting lines"),
    ("send:notification", "waiting lines"),
    ("write:customer", "waiting lines"),
    ("write:queue", "waiting lines"),
    ("write:ticket", "waiting lines"),
];

/// What is wrong with a route's name, words and policy.
fn faults(route: &Route) -> Vec<String> {
    let Route { path, method, id, summary, policy, .. } = route;
    let mut faults = Vec::new();
    if id.is_empty() || summary.is_empty() {
        faults.push(format!("{method} {path}: has no operation id or no summary"));
    }
    let listed = WITHOUT_SCOPE.iter().any(|(open, _)| open == id);
    match policy {
        Err(fault) => faults.push(format!("{method} {path}: {fault}")),
        Ok(Policy::Open | Policy::Token) if !listed => faults
            .push(format!("{method} {path}: a route asks for a scope, or is listed in WITHOUT_SCOPE with the reason")),
        Ok(Policy::Scope { .. }) if listed => {
            faults.push(format!("{method} {path}: asks for a scope and is listed in WITHOUT_SCOPE"));
        }
        Ok(Policy::Scope { scope, .. }) if !is_well_formed(scope) => {
            faults.push(format!("{method} {path}: {scope:?} is not of the form context.resource:verb"));
        }
        Ok(_) => {}
    }
    faults
}

/// `context.resource:verb`, or one of the queue system's own.
fn is_well_formed(scope: &str) -> bool {
    QUEUE_SCOPES.contains(&scope) || scope.split_once('.').is_some_and(|(_, rest)| rest.contains(':'))
}

/// The scopes that routes and what is behind them ask for.
fn asked_for(routes: &[Route]) -> BTreeSet<&str> {
    let by_routes = routes.iter().filter_map(|route| route.policy.as_ref().ok()).flat_map(Policy::scopes);
    by_routes.chain(ASKED_INSIDE.iter().map(|(scope, _)| *scope)).collect()
}

const LEGEND: &str = "\
# Who may use which route, in his own tenant. A row says what the route asks for; a column what a member with that role
# alone reaches; several roles permit what they permit together.
#
#   all    everybody's things in the tenant
#   team   his own things, and those of everybody below him
#   below  the things of everybody below him, not his own
#   own    his own things
#   -      nothing: 403
#
# What is beyond somebody's reach is 404, like what is not there; to name somebody beyond it in a body is 403.
#
# `own/all: x` means: all with the scope x, else own. Roles marked * count in the platform's tenant only.
";

/// The table, a part per context.
fn table(routes: &[Route]) -> String {
    let mut page = format!("{LEGEND}#\n# Written by `{}`.\n\n## Roles\n\n", files::HOW);
    for (number, role) in (1..).zip(Role::ALL) {
        let star = if role.is_of_the_platform() { "*" } else { "" };
        let _ = writeln!(page, "{number:>4}  {}{star}", role.as_str());
    }
    page.push_str("\n## Scopes, and the roles that hold them\n\n");
    page.push_str(&scopes());
    page.push_str("\n## Routes that ask for no scope\n\n");
    for route in routes.iter().filter(|route| route.scope().is_none()) {
        let reason = WITHOUT_SCOPE.iter().find(|(id, _)| *id == route.id).map_or("", |(_, reason)| reason);
        let _ = writeln!(page, "{:6} {:37} {reason}", route.method, route.path);
    }
    let mut parts: BTreeMap<&str, Vec<&Route>> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.scope().is_some()) {
        parts.entry(route.path.split('/').nth(2).unwrap_or_default()).or_default().push(route);
    }
    for (part, routes) in parts {
        let _ = write!(page, "\n## {part}\n\n{:130}", "");
        for number in 1..=Role::ALL.len() {
            let _ = write!(page, "{number:>6}");
        }
        page.push('\n');
        for route in routes {
            page.push_str(&row(route));
        }
    }
    page
}

/// Who holds what.
fn scopes() -> String {
    let mut page = String::new();
    for scope in all_scopes() {
        let holders = Role::ALL.iter().filter(|role| role.scopes().any(|held| held == scope));
        let holders: Vec<&str> = holders.map(|role| role.as_str()).collect();
        let whom = if EVERYBODY.contains(&scope) { "everybody".to_owned() } else { holders.join(", ") };
        let reason = FOR_LATER.iter().find(|(later, _)| *later == scope).map(|(_, what)| format!(" (to come: {what})"));
        let _ = writeln!(page, "{scope:33} {whom}{}", reason.unwrap_or_default());
    }
    page
}

fn row(route: &Route) -> String {
    let Ok(policy @ Policy::Scope { scope, whose, all }) = &route.policy else { return String::new() };
    let reach = match all {
        Some(all) => format!("{}/all: {all}", word(*whose)),
        None => word(*whose).to_owned(),
    };
    let mut row = format!("{:6} {:57} {scope:28} {reach:36}", route.method, route.path);
    for role in Role::ALL {
        let _ = write!(row, "{:>6}", word(policy.cell(&held(*role))));
    }
    row.push('\n');
    row
}

const fn word(cell: Cell) -> &'static str {
    match cell {
        Cell::No => "-",
        Cell::Own => "own",
        Cell::Below => "below",
        Cell::Team => "team",
        Cell::All => "all",
    }
}

#[test]
fn every_route_has_a_policy_and_the_table_is_up_to_date() {
    let routes = routes();
    let faults: Vec<String> = routes.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    let ids: BTreeSet<&str> = routes.iter().map(|route| route.id.as_str()).collect();
    assert_eq!(ids.len(), routes.len(), "an operation id is given once");
    let gone = WITHOUT_SCOPE.iter().filter(|(id, _)| !ids.contains(id)).collect::<Vec<_>>();
    assert!(gone.is_empty(), "listed in WITHOUT_SCOPE, and no route any more: {gone:?}");
    files::expect_generated("docs/generated/authorization.txt", &table(&routes));
}

#[test]
fn every_scope_that_is_asked_for_is_held_by_a_role() {
    let (routes, held) = (routes(), all_scopes());
    let out_of_reach: Vec<&str> = asked_for(&routes).into_iter().filter(|scope| !held.contains(scope)).collect();
    assert!(out_of_reach.is_empty(), "no role in domain/src/identity/roles.rs holds {out_of_reach:?}");
}

#[test]
fn every_scope_of_a_role_is_asked_for_or_is_for_later() {
    let routes = routes();
    let asked = asked_for(&routes);
    let idle: Vec<&str> = all_scopes().into_iter().filter(|scope| !asked.contains(scope)).collect();
    let later: Vec<&str> = FOR_LATER.iter().map(|(scope, _)| *scope).collect();
    assert_eq!(idle, later, "asked for by no route: say in FOR_LATER by what they will be, in order");
}

#[test]
fn a_route_without_a_policy_is_found() {
    let scope = |scope: &str| Policy::Scope { scope: scope.to_owned(), whose: Cell::All, all: None };
    let with = |policy: Result<Policy, String>| Route {
        path: "/v1/things".to_owned(),
        method: "POST".to_owned(),
        id: "a.make_thing".to_owned(),
        summary: "Makes".to_owned(),
        policy,
        parameters: Vec::new(),
        door: "command-api",
    };
    for bad in [Err("asks for several scopes".to_owned()), Ok(Policy::Open), Ok(Policy::Token), Ok(scope("thing"))] {
        assert_eq!(faults(&with(bad.clone())).len(), 1, "{bad:?}");
    }
    assert!(faults(&with(Ok(scope("a.thing:make")))).is_empty());
    assert_eq!(faults(&Route { summary: String::new(), ..with(Ok(scope("a.thing:make"))) }).len(), 1);
    let listed = Route { id: WITHOUT_SCOPE[0].0.to_owned(), ..with(Ok(scope("a.thing:make"))) };
    assert_eq!(faults(&listed).len(), 1, "it must not be listed as open");
}

#[test]
fn a_description_that_says_too_little_is_no_policy() {
    let bearer = |scopes: &[&str]| serde_json::json!([{ "bearer": scopes }]);
    for (security, reach) in [
        (bearer(&["a.b:c"]), serde_json::json!(null)),
        (bearer(&["a.b:c"]), serde_json::json!({ "rule": "some" })),
        (bearer(&["a.b:c", "a.b:d"]), serde_json::json!({ "rule": "all" })),
        (serde_json::json!([]), serde_json::json!({ "rule": "all" })),
    ] {
        let document = serde_json::json!({ "paths": { "/v1/x": { "get": {
            "operationId": "a.x", "summary": "X", "security": security, "x-reach": reach,
        }}}});
        let routes = tests::policy::routes_of("query-api", &document);
        assert!(routes[0].policy.is_err(), "{:?}", routes[0]);
    }
}
