//! What a form sends: names and values, each once.

use crate::api::Refused;
use axum::body::Body;
use std::collections::HashMap;

/// Longest form: a message of five thousand characters, each written as `%XX` several times.
const FORM_BYTES: usize = 128 * 1024;

/// The fields of a form.
pub(crate) struct Form(HashMap<String, String>);

impl Form {
    /// Reads a form from a request.
    pub(crate) async fn read(body: Body) -> Result<Self, Refused> {
        let body = axum::body::to_bytes(body, FORM_BYTES).await;
        let body = body.map_err(|_| Refused::unreadable("the form is too long".to_owned()))?;
        let fields: Vec<(String, String)> =
            serde_urlencoded::from_bytes(&body).map_err(|error| Refused::unreadable(error.to_string()))?;
        // Browsers send lines as mails do, with one character more at each end than was typed and counted.
        Ok(Self(fields.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect()))
    }

    /// A field that something was written into.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// A field, empty where it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Where to go on, as a form or an address said it: a page of the console, whatever somebody wrote there.
pub(crate) fn page_of_ours(wanted: Option<&str>) -> String {
    let ours = |path: &&str| {
        path.strip_prefix(crate::PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && !path.starts_with("/console/sign-")
            && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !path.contains("//")
    };
    wanted.filter(ours).unwrap_or(crate::PREFIX).to_owned()
}

/// An address with these parameters; those without a value are left out.
pub(crate) fn link(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given: Vec<(&str, &str)> = parameters
        .iter()
        .filter_map(|(name, value)| value.filter(|value| !value.is_empty()).map(|value| (*name, value)))
        .collect();
    match serde_urlencoded::to_string(given) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for ours in ["/console", "/console/tickets?q=a&status=open", "/console?x=1"] {
            assert_eq!(page_of_ours(Some(ours)), ours);
        }
        for foreign in [
            "https://evil.example",
            "//evil.example",
            "/console//evil.example",
            "/consolex",
            "/docs",
            "",
            "/console/\\evil",
            "/console/sign-out",
            "/console/a b",
            "javascript:alert(1)",
            "/console\r\nSet-Cookie: a=b",
        ] {
            assert_eq!(page_of_ours(Some(foreign)), "/console", "{foreign:?}");
        }
        assert_eq!(page_of_ours(None), "/console");
    }

    #[test]
    fn links_are_encoded() {
        let parameters = [("q", Some("a&b=c é\"<")), ("status", None), ("sort", Some("")), ("n", Some("1"))];
        assert_eq!(link("/console/tickets", &parameters), "/console/tickets?q=a%26b%3Dc+%C3%A9%22%3C&n=1");
        assert_eq!(link("/x", &[("a", None)]), "/x");
    }

    #[tokio::test]
    async fn a_form_is_read() {
        let form = Form::read(Body::from("a=1+2%26&b=+&c=%F0%9F%A6%8A")).await.unwrap();
        assert_eq!(
            (form.filled("a"), form.filled("b"), form.text("c"), form.text("d")),
            (Some("1 2&"), None, "🦊", "")
        );
        let form = Form::read(Body::from("a=one%0D%0Atwo%0D%0A%0D%0Afour%0D")).await.unwrap();
        assert_eq!(form.text("a"), "one\ntwo\n\nfour\r", "lines end as they were typed");
        assert!(Form::read(Body::from(vec![b'a'; FORM_BYTES + 1])).await.is_err());
    }
}
