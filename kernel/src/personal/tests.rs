//! What personal data does and does not let out.

use super::*;
use crate::specs;
use crate::text::Text;
use proptest::prelude::*;
use serde_json::{from_str, to_string};

const ADA: SubjectId = SubjectId(Uuid::from_u128(0xada));
const BOB: SubjectId = SubjectId(Uuid::from_u128(0xb0b));

type Name = Personal<Text<1, 50>>;

fn name(text: &str) -> Name {
    Personal::new(ADA, Text::parse(text).unwrap())
}

struct Knows;

impl Shows for Knows {
    fn show(&self, sealed: &Sealed) -> Option<Arc<str>> {
        sealed.open_spec().filter(|(subject, _)| *subject == ADA).map(|(_, text)| text.into())
    }
}

fn showing<R>(work: impl FnOnce() -> R) -> R {
    super::showing(Arc::new(Knows), work)
}

#[test]
fn nobody_reads_it_in_a_log_line() {
    let private: Private<Text<1, 50>> = from_str("\"CANARY\"").unwrap();
    let fresh = private.about(ADA);
    let sealed: Name = from_str(&specs::sealed(|| to_string(&fresh)).unwrap()).unwrap();
    let shown: Name = shown(|| from_str("\"CANARY\"")).unwrap();
    for text in [format!("{private:?} {private}"), format!("{fresh:?} {fresh}"), format!("{sealed:?}{shown:?}{shown}")]
    {
        assert!(text.contains("‹redacted›") && !text.contains("CANARY"), "{text}");
    }
}

#[test]
fn clear_text_is_written_nowhere_by_accident() {
    assert!(to_string(&name("CANARY")).unwrap_err().to_string().contains("in clear nowhere"));
    let shown: Name = shown(|| from_str("\"CANARY\"")).unwrap();
    for refused in [to_string(&shown), specs::sealed(|| to_string(&shown))] {
        assert!(!refused.unwrap_err().to_string().contains("CANARY"));
    }
}

#[test]
fn what_is_sealed_is_read_without_a_key_and_written_as_it_was() {
    let text = specs::sealed(|| to_string(&name("Ada"))).unwrap();
    let sealed: Name = from_str(&text).unwrap();
    assert_eq!(to_string(&sealed).unwrap(), text);
    assert_eq!((sealed.subject(), sealed.fresh(), name("Ada").subject()), (Some(ADA), None, Some(ADA)));
    assert_ne!(sealed, name("Ada"), "only a key could tell");
}

#[test]
fn clear_text_is_refused_where_the_stored_form_is_expected() {
    for text in ["\"Ada\"", "\"\"", "null", "1", "{}", "\"v1:\"", "\"v2:00000000-0000-0000-0000-000000000ada:1:AAAA\""]
    {
        let refused = from_str::<Name>(text).unwrap_err().to_string();
        assert!(!refused.contains("Ada"), "{refused}");
    }
}

#[test]
fn whose_data_there_is_is_known_before_it_is_sealed() {
    let both = (name("Ada"), Personal::new(BOB, "Bob".to_owned()), 7);
    let (text, subjects) = collecting(|| to_string(&both).unwrap());
    assert_eq!((text.as_str(), subjects.into_iter().collect::<Vec<_>>()), ("[\"\",\"\",7]", vec![ADA, BOB]));
    let (text, subjects) = collecting(|| to_string(&7).unwrap());
    assert!(text == "7" && subjects.is_empty());
}

#[test]
fn an_answer_shows_what_its_reader_may_know_and_erased_else() {
    let sealed = |subject: SubjectId| -> Personal<String> { Personal::from(Sealed::of_spec(subject, "CANARY")) };
    let row = (sealed(ADA), sealed(BOB), name("Ada"));
    let (_, listed) = listing(|| to_string(&row).unwrap());
    assert_eq!(listed, [Sealed::of_spec(ADA, "CANARY"), Sealed::of_spec(BOB, "CANARY")]);
    assert_eq!(showing(|| to_string(&row)).unwrap(), r#"["CANARY","[erased]","Ada"]"#);
}

#[test]
fn only_what_is_personal_by_its_type_is_noted() {
    let sealed = Sealed::of_spec(BOB, "CANARY");
    let text = format!(r#"["{sealed}","{sealed}"]"#);
    let (read, noted) = noting(|| from_str::<(String, Name)>(&text).is_ok());
    assert_eq!((read, noted), (true, vec![sealed]));
    assert!(noting(|| from_str::<Name>("\"x\"").is_err()).1.is_empty());
}

#[test]
fn a_table_shows_text_or_erased() {
    let read = |text: &str| shown(|| from_str::<(Name, Option<Name>)>(text)).unwrap();
    let (filled, erased) = (read(r#"["Ada",null]"#), read(r#"["[erased]","[erased]"]"#));
    assert_eq!(showing(|| to_string(&filled)).unwrap(), r#"["Ada",null]"#);
    assert_eq!(showing(|| to_string(&erased)).unwrap(), r#"["[erased]","[erased]"]"#);
    assert_eq!(filled.0.subject(), None);
}

#[test]
fn a_scope_ends_with_its_call_even_in_a_panic() {
    let panicked = std::panic::catch_unwind(|| specs::sealed(|| shown(|| panic!("on purpose"))));
    assert!(panicked.is_err());
    assert!(to_string(&name("Ada")).is_err() && from_str::<Name>("\"Ada\"").is_err());
    let nested = specs::sealed(|| (showing(|| to_string(&name("Ada"))).unwrap(), to_string(&name("Ada")).unwrap()));
    assert!(nested.0 == "\"Ada\"" && nested.1.starts_with("\"v1:"));
}

proptest! {
    #[test]
    fn any_text_is_sealed_or_refused_and_never_panics(text in ".*") {
        if let Ok(sealed) = Sealed::parse(&text) {
            prop_assert_eq!(sealed.as_str(), text);
        }
    }

    #[test]
    fn a_damaged_form_is_refused_or_another(text in "[ -~é]{0,40}", at in any::<prop::sample::Index>(), with in any::<char>()) {
        let sealed = Sealed::of_spec(ADA, &text);
        let mut damaged: Vec<char> = sealed.as_str().chars().collect();
        let at = at.index(damaged.len());
        damaged[at] = with;
        let damaged: String = damaged.into_iter().collect();
        let read = Sealed::parse(&damaged);
        prop_assert_eq!(read == Ok(sealed.clone()), damaged == sealed.as_str());
        for length in 0..sealed.as_str().len() {
            let _ = Sealed::parse(&sealed.as_str()[..length]);
        }
    }

    #[test]
    fn parts_come_back(subject in any::<u128>(), version in any::<u32>(), bytes in "[A-Za-z0-9_-]{40,80}") {
        let subject = SubjectId(Uuid::from_u128(subject));
        prop_assume!(bytes.len() % 4 != 1);
        let sealed = Sealed::new(subject, version, &bytes).unwrap();
        prop_assert_eq!((sealed.subject(), sealed.key_version(), sealed.ciphertext()), (subject, version, bytes.as_str()));
    }
}
