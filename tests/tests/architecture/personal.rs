//! What is named like something about a person is personal by its type: in commands, states and rows as in events.

use crate::source::{self, Source, expect_none};
use tests::personal_names::is_personal;

/// Types that are nobody's data or keep what is sealed, where they may stand, and why. Review reads every new line.
const NOT_PERSONAL: [(&str, &str, &str); 19] = [
    ("TenantName", "", "of a company, and known to everybody in it"),
    ("KeyName", "", "of a service"),
    ("ZoneName", "", "of a stretch of town"),
    ("Address", "", "of a building that is worked, not of who lives there"),
    ("EndReason", "", "an enumeration"),
    ("ClosingReason", "", "an enumeration"),
    ("EmailFailure", "", "an enumeration"),
    ("EmailSuppression", "", "an enumeration"),
    ("ErasureReason", "", "an enumeration"),
    ("MailDrop", "", "an enumeration"),
    ("FileRefusal", "", "an enumeration"),
    ("FileErasure", "", "an enumeration"),
    ("EmailContent", "", "links and labels by their kind; what is about a person in it is personal itself"),
    ("PhoneEdit", "", "holds a private number"),
    ("PendingAddress", "", "holds a personal address"),
    ("Reason", "operations/", "what operators did to machinery"),
    ("Title", "support/", "what the support desk writes for everybody to read"),
    ("Body", "support/", "the same"),
    ("Content", "support/article", "the same"),
];

/// A declared field: its line, its name and its type.
fn fields(source: &Source) -> Vec<(usize, &str, &str)> {
    let declared = source.code.lines().enumerate().filter_map(|(line, text)| {
        let text =
            text.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
        let (name, of_type) = text.strip_suffix(',')?.split_once(": ")?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        // What is left are values: calls, variants, constants.
        let is_type = of_type.starts_with(|first: char| first.is_ascii_uppercase())
            && of_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"<>_ ,".contains(&byte))
            && of_type != "None"
            && of_type.bytes().any(|byte| byte.is_ascii_lowercase());
        (is_name && is_type).then_some((line + 1, name, of_type))
    });
    declared.collect()
}

fn is_reviewed(path: &str, of_type: &str) -> bool {
    let inner = of_type.trim_start_matches("Option<").trim_end_matches('>');
    NOT_PERSONAL.iter().any(|(known, place, _)| *known == inner && path.contains(place))
}

fn unprotected(source: &Source) -> Vec<String> {
    let named = fields(source).into_iter().filter(|(_, name, _)| is_personal(name));
    let wrong = named.filter(|(_, _, of_type)| {
        !["Personal<", "Private<"].iter().any(|kind| of_type.contains(kind)) && !is_reviewed(&source.path, of_type)
    });
    wrong.map(|(line, name, of_type)| format!("{}:{line}: `{name}: {of_type}`", source.path)).collect()
}

fn is_kept(source: &Source) -> bool {
    source.path.starts_with("domain/src/") || source.path.starts_with("read-models/src/")
}

#[test]
fn what_is_named_like_a_persons_is_personal() {
    let sources = source::workspace().iter().filter(|source| is_kept(source));
    let found: usize = sources
        .clone()
        .flat_map(fields)
        .filter(|(_, name, of_type)| is_personal(name) && of_type.contains('<'))
        .count();
    assert!(found > 40, "the search is broken: {found} fields");
    expect_none(
        "What is about a person is `Private<…>` in a command and `Personal<…>` in events, states and rows, so that it is sealed \
         where it is kept and printed nowhere. What is nobody's data goes into NOT_PERSONAL of \
         tests/tests/architecture/personal.rs, with the reason.",
        &sources.flat_map(unprotected).collect::<Vec<_>>(),
    );
}

#[test]
fn every_reviewed_type_is_still_needed() {
    let sources: Vec<&Source> = source::workspace().iter().filter(|source| is_kept(source)).collect();
    let needed = |(known, place, _): &&(&str, &str, &str)| {
        sources.iter().filter(|source| source.path.contains(place)).flat_map(|source| fields(source)).any(
            |(_, name, of_type)| {
                is_personal(name) && of_type.trim_start_matches("Option<").trim_end_matches('>') == *known
            },
        )
    };
    let unneeded: Vec<_> = NOT_PERSONAL.iter().filter(|line| !needed(line)).collect();
    assert!(unneeded.is_empty(), "{unneeded:?}");
}

#[test]
fn an_unprotected_field_is_found() {
    let found = |line: &str| {
        unprotected(&Source::new("domain/src/support/x.rs", &format!("pub struct X {{\n    {line}\n}}\n"))).len()
    };
    for bad in [
        "pub email: EmailAddress,",
        "pub given_name: Option<PersonName>,",
        "last_comment: Text<1, 500>,",
        "pub reason: Reason,",
        "phone: String,",
    ] {
        assert_eq!(found(bad), 1, "{bad}");
    }
    for good in [
        "pub email: Private<EmailAddress>,",
        "pub comment: Option<Personal<Comment>>,",
        "pub email_index: BlindIndex,",
        "pub name: TenantName,",
        "subject: None,",
        "reason: ErasureReason::Asked,",
        "email: self.email.clone(),",
        "name: NAME,",
    ] {
        assert_eq!(found(good), 0, "{good}");
    }
}
