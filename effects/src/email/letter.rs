//! A letter: the words of a mail in one language, and its two renderings, text and HTML.
//!
//! The words are data, so that every mail looks alike, its two forms say the same, and whatever a person typed is escaped
//! in one place.

use askama::Template;

/// Who writes.
pub(crate) const PRODUCT: &str = "Sillage";

/// The words of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The language of the words, as BCP 47 has it.
    pub(crate) language: &'static str,
    /// What stands in the list of mails.
    pub(crate) subject: String,
    /// What a mail program shows beside it.
    pub(crate) preview: String,
    /// How it begins.
    pub(crate) greeting: String,
    /// What it says before the button.
    pub(crate) paragraphs: Vec<String>,
    /// What the reader may do.
    pub(crate) action: Option<Action>,
    /// What it says after the button, smaller.
    pub(crate) notes: Vec<String>,
    /// Why the reader gets it.
    pub(crate) footer: &'static str,
}

/// What the reader may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    /// What the button says.
    pub(crate) label: &'static str,
    /// Where it leads.
    pub(crate) url: String,
    /// What to do where the button does not work.
    pub(crate) fallback: &'static str,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
    product: &'static str,
}

#[derive(Template)]
#[template(path = "letter.txt")]
struct Plain<'a> {
    letter: &'a Letter,
    product: &'static str,
}

impl Letter {
    /// The letter as HTML.
    ///
    /// # Errors
    /// Never in fact: it is written to memory.
    pub(crate) fn html(&self) -> Result<String, askama::Error> {
        Html { letter: self, product: PRODUCT }.render()
    }

    /// The letter as text.
    ///
    /// # Errors
    /// Never in fact: it is written to memory.
    pub(crate) fn plain(&self) -> Result<String, askama::Error> {
        Plain { letter: self, product: PRODUCT }.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> Letter {
        Letter {
            language: "en",
            subject: "A <b> & \"c\"".into(),
            preview: "Preview".into(),
            greeting: "Hello <script>alert(1)</script> Zoé 🦊,".into(),
            paragraphs: vec!["One & two".into(), "Three".into()],
            action: Some(Action {
                label: "Do it",
                url: "https://x.example/y?a=1&b=\"2\"".into(),
                fallback: "Or copy this:",
            }),
            notes: vec!["A note".into()],
            footer: "You get this because.",
        }
    }

    #[test]
    fn html_escapes_what_people_typed() {
        let html = letter().html().unwrap();
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"), "{html}");
        assert!(html.contains("Zoé 🦊") && html.contains("One &#38; two"), "{html}");
        assert!(html.contains("href=\"https://x.example/y?a=1&#38;b=&#34;2&#34;\""), "{html}");
        assert!(html.contains("lang=\"en\"") && html.contains("name=\"color-scheme\" content=\"light dark\""));
        assert!(!html.contains("http-equiv=\"refresh\"") && !html.contains("<img"), "nothing is fetched");
    }

    #[test]
    fn text_says_the_same_as_it_is() {
        let plain = letter().plain().unwrap();
        for line in [
            "Hello <script>alert(1)</script> Zoé 🦊,",
            "One & two",
            "Do it:",
            "https://x.example/y?a=1&b=\"2\"",
            "A note",
            "You get this because.",
        ] {
            assert!(plain.lines().any(|written| written == line), "{line} in\n{plain}");
        }
        assert!(!plain.contains("\n\n\n") && !plain.contains("&#"), "{plain}");
    }
}
