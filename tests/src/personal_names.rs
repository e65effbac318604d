//! Names that tell of a person: what he is called, how he is reached, what he wrote.

/// Words that do, wherever they stand in a name.
const WORDS: [&str; 24] = [
    "address",
    "answer",
    "bio",
    "birth",
    "birthday",
    "body",
    "comment",
    "content",
    "description",
    "email",
    "message",
    "mobile",
    "name",
    "note",
    "phone",
    "preview",
    "reason",
    "remark",
    "signature",
    "subject",
    "surname",
    "telephone",
    "text",
    "title",
];

/// A name that ends in these is about something else: `email_index` is a keyed hash, `subject_id` an id.
const ENDINGS: [&str; 8] = ["at", "count", "id", "index", "removed", "seq", "type", "unread"];

/// Whether a field's name tells of a person: `given_name`, `last_comment`.
pub fn is_personal(name: &str) -> bool {
    let words: Vec<&str> = name.split('_').collect();
    !words.last().is_some_and(|last| ENDINGS.contains(last)) && words.iter().any(|word| WORDS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_of_a_person_by_its_words() {
        for bad in ["subject", "email", "given_name", "last_comment", "client_address", "message_body"] {
            assert!(is_personal(bad), "{bad}");
        }
        for good in ["email_index", "subject_id", "message_id", "named_at", "unnamed", "kind", "message_count"] {
            assert!(!is_personal(good), "{good}");
        }
    }
}
