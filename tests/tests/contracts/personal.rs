//! Personal data is sealed in every event: what people write, and what is named like something about a person.

use kernel::{Category, Writing, Written};
use std::collections::BTreeSet;
use tests::personal_names::is_personal;

/// Where events hold in clear what somebody wrote, and why that is nobody's data. Review reads every new line: what is
/// about a person cannot be taken out of the log again.
/// `*` is any event.
const IN_CLEAR: [(&str, &str); 16] = [
    ("field_sales.building.created.address", "of a building that is worked, not of who lives there"),
    ("field_sales.building.created.digital_code", "opens a building"),
    ("field_sales.zone.*.name", "of a stretch of town"),
    ("identity.api_key.*.name", "of a service"),
    ("identity.api_key.*.scopes", "what a service may do; unknown scopes are kept as they are"),
    ("identity.tenant.*.name", "of a company, and known to everybody in it"),
    ("notifications.email.requested.content.invitation.roles", "labels of roles, as mails name them"),
    ("notifications.email.sent.message_id", "made by the mail server or by us, from an id"),
    ("notifications.webhook.*.event_types", "patterns of event types"),
    ("notifications.webhook.*.label", "of a system; the API says that it names nobody"),
    ("operations.projection.*.queue.category", "which streams of ours"),
    ("operations.projection.*.deed.*", "what operators did to machinery, and under which account of the machine"),
    ("support.article.*.content.*", "what the support desk writes for everybody to read"),
    ("support.ticket.*.tags", "keywords that lists are filtered by; the API says that they name nobody"),
    ("support.ticket.tagged.added", "the same"),
    ("support.ticket.untagged.removed", "the same"),
];

/// What stands in clear and must not, with what is wrong.
fn in_clear(category: &str, written: &[Written]) -> Vec<String> {
    let wrong = |place: &Written| match place.what {
        Writing::Sealed => None,
        Writing::Anything => Some("anybody may write anything there"),
        Writing::Form => {
            is_personal(place.path.rsplit('.').next().unwrap_or_default()).then_some("it is named like a person's")
        }
    };
    written.iter().filter_map(|place| Some(format!("{category}.{}: {}", place.path, wrong(place)?))).collect()
}

fn everything_in_clear() -> Vec<String> {
    domain::catalogue::categories().iter().flat_map(|category| in_clear(category.name, &category.written())).collect()
}

#[test]
fn what_is_about_a_person_is_sealed_in_every_event() {
    let reviewed = |finding: &&String| !IN_CLEAR.iter().any(|(place, _)| is_about(finding, place));
    let found = everything_in_clear();
    let new: Vec<&String> = found.iter().filter(reviewed).collect();
    assert!(
        new.is_empty(),
        "\n\n{new:#?}\nMake it `Personal<…>`: the log keeps it for ever, and only a sealed value can be erased. What is nobody's \
         data goes into IN_CLEAR of tests/tests/contracts/personal.rs, with the reason.\n"
    );
}

#[test]
fn every_exception_is_still_needed() {
    let found = everything_in_clear();
    let unneeded = IN_CLEAR.iter().filter(|(place, _)| !found.iter().any(|finding| is_about(finding, place)));
    assert_eq!(unneeded.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new());
    assert_eq!(IN_CLEAR.iter().map(|(place, _)| place).collect::<BTreeSet<_>>().len(), IN_CLEAR.len());
}

fn is_about(finding: &str, place: &str) -> bool {
    let (found, _) = finding.split_once(": ").expect("a finding says what is wrong");
    found.split('.').count() == place.split('.').count()
        && found.split('.').zip(place.split('.')).all(|(found, place)| place == "*" || found == place)
}

#[test]
fn every_sealed_field_is_seen() {
    let sealed = |category: &Category| category.written().iter().filter(|place| place.what == Writing::Sealed).count();
    assert!(domain::catalogue::categories().iter().map(sealed).sum::<usize>() >= 40);
}

#[test]
fn what_is_in_clear_is_found() {
    let place = |path: &str, what| Written { path: path.to_owned(), what };
    let written = [
        place("opened.subject", Writing::Sealed),
        place("opened.title", Writing::Form),
        place("opened.tags", Writing::Anything),
        place("opened.at", Writing::Form),
    ];
    let found = in_clear("test.thing", &written);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(is_about(&found[0], "test.thing.opened.title") && is_about(&found[1], "test.thing.opened.tags"));
}
