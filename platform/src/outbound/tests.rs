//! What the guard lets through.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Answers the same addresses in turn, one set per question.
struct Answers(Vec<Vec<&'static str>>, AtomicUsize);

impl Answers {
    fn of(answers: &[&[&'static str]]) -> Arc<Self> {
        Arc::new(Self(answers.iter().map(|one| one.to_vec()).collect(), AtomicUsize::new(0)))
    }
}

impl Lookup for Answers {
    fn addresses<'a>(&'a self, _: &'a str) -> Looking<'a> {
        let nth = self.1.fetch_add(1, Ordering::SeqCst);
        let answer = self.0[nth.min(self.0.len() - 1)].iter().map(|text| text.parse().unwrap()).collect();
        Box::pin(async move { Ok(answer) })
    }
}

fn strict() -> Guard {
    Guard::default()
}

#[test]
fn https_on_its_usual_ports_to_names_and_addresses_of_the_open_internet_is_fine() {
    for fine in [
        "https://example.com",
        "https://example.com/hooks?key=1",
        "https://EXAMPLE.com.:8443/",
        "https://93.184.216.34/",
        "https://[2606:4700:4700::1111]:443/",
        "https://bücher.example/",
        "https://example.com/a@b",
        "https://local.example.com/",
    ] {
        assert!(strict().read(fine).is_ok(), "{fine}: {:?}", strict().read(fine));
    }
}

#[test]
fn everything_else_is_refused_with_the_reason() {
    let own = |name: &str| Forbidden::Name(name.to_owned());
    for (wrong, why) in [
        ("", Forbidden::Malformed),
        ("example.com", Forbidden::Malformed),
        ("https://", Forbidden::Malformed),
        ("http://example.com", Forbidden::Scheme),
        ("ftp://example.com", Forbidden::Scheme),
        ("file:///etc/passwd", Forbidden::Scheme),
        ("gopher://example.com", Forbidden::Scheme),
        ("https://me@example.com", Forbidden::Credentials),
        ("https://me:pass@example.com", Forbidden::Credentials),
        ("https://@example.com", Forbidden::Credentials),
        ("https://example.com\\@127.0.0.1", Forbidden::Credentials),
        ("https://example.com:22", Forbidden::Port(22)),
        ("https://example.com:80", Forbidden::Port(80)),
        ("https://1.1.1.1:6379", Forbidden::Port(6379)),
        ("https://localhost", own("localhost")),
        ("https://localhost.", own("localhost")),
        ("https://a.LOCALHOST", own("a.localhost")),
        ("https://metadata.google.internal", own("metadata.google.internal")),
        ("https://postgres", own("postgres")),
    ] {
        let found = strict().read(wrong).map(|url| url.to_string());
        // What stands before a backslash is the host; that an @ comes after it is odd enough to be refused or harmless.
        if wrong.contains('\\') && found.as_deref() == Ok("https://example.com/@127.0.0.1") {
            continue;
        }
        assert_eq!(found, Err(why), "{wrong}");
    }
    for literal in ["https://127.0.0.1", "https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://[::1]"]
    {
        assert!(matches!(strict().read(literal), Err(Forbidden::Address { .. })), "{literal}");
    }
}

#[tokio::test]
async fn one_closed_address_among_many_closes_the_name() {
    let guard = |answers: &[&[&'static str]]| strict().finding(Answers::of(answers));
    let found = guard(&[&["93.184.216.34", "2606:4700:4700::1111"]]).resolve("example.com", 443).await.unwrap();
    assert_eq!(found, ["93.184.216.34:443".parse().unwrap(), "[2606:4700:4700::1111]:443".parse().unwrap()]);
    for bad in [&["127.0.0.1"][..], &["93.184.216.34", "10.0.0.1"], &["::1"], &["::ffff:93.184.216.34"]] {
        let refused = guard(&[bad]).resolve("example.com", 443).await;
        assert!(matches!(refused, Err(Unreachable::Forbidden(Forbidden::Address { .. }))), "{bad:?}");
    }
    let nothing = guard(&[&[]]).resolve("example.com", 443).await;
    assert!(matches!(nothing, Err(Unreachable::Unknown(_))));
    // A name server that changes its mind: what is looked at is what is connected to.
    let flips = guard(&[&["93.184.216.34"], &["127.0.0.1"]]);
    assert!(flips.check("https://example.com").await.is_ok());
    assert!(flips.check("https://example.com").await.is_err());
}

#[tokio::test]
async fn what_an_operator_allows_is_let_through_and_nothing_more() {
    let guard = Guard::allowing(["127.0.0.0/8", "hooks.internal"], true).unwrap();
    let guard = guard.finding(Answers::of(&[&["127.0.0.1"]]));
    for fine in ["http://127.0.0.1:9000/x", "https://127.8.9.1/", "http://hooks.internal:81/", "http://example.com"] {
        assert!(guard.check(fine).await.is_ok(), "{fine}");
    }
    for wrong in ["http://[::1]:9000", "http://10.0.0.1", "http://[::ffff:127.0.0.1]", "http://other.internal"] {
        assert!(guard.check(wrong).await.is_err(), "{wrong}");
    }
    let elsewhere = guard.clone().finding(Answers::of(&[&["93.184.216.34"]]));
    assert!(elsewhere.check("http://example.com:9000").await.is_err(), "a port is free in an allowed network alone");
    for unreadable in ["", "10.0.0.0/99", "https://example.com", "a b"] {
        assert!(Guard::allowing([unreadable], false).is_err(), "{unreadable}");
    }
}
