//! Bodies that must be refused, each with its code and place, none with a panic or a long wait.

use super::*;
use axum::http::HeaderValue;
use kernel::Text;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read by serde")]
struct Order {
    name: Text<1, 10>,
    count: u32,
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    lines: Vec<Address>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    amount: Option<f64>,
    #[serde(default)]
    size: Option<Size>,
    #[serde(default)]
    id: Option<uuid::Uuid>,
    #[serde(default)]
    anything: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read by serde")]
struct Address {
    street: Text<1, 20>,
    #[serde(default, alias = "postal_code")]
    zip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Size {
    Small,
    Large,
}

fn json_headers() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

fn refused(body: &[u8]) -> Problem {
    let start = Instant::now();
    let problem = parse::<Order>(&json_headers(), body).expect_err(&String::from_utf8_lossy(body));
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 20 }), "{elapsed:?}");
    assert!(problem.document().detail.is_some() && problem.document().remedy.is_some());
    assert!(problem.to_bytes().len() < 8192);
    problem
}

#[track_caller]
fn expect(code: &str, body: impl AsRef<[u8]>) {
    let problem = refused(body.as_ref());
    let shown = String::from_utf8_lossy(&body.as_ref()[..body.as_ref().len().min(80)]).into_owned();
    assert_eq!(problem.code(), code, "{shown}: {:?}", problem.document().detail);
    let status = if code == "validation_failed" { 422 } else { 400 };
    assert_eq!(problem.status().as_u16(), status, "{shown}");
}

/// `json_invalid`: 50 bodies.
#[test]
fn broken_grammar() {
    let bodies: [&[u8]; 50] = [
        b"",
        b" ",
        b"\n",
        b"{",
        b"}",
        b"[",
        b"{]",
        b"[}",
        b"\"",
        b"\"a",
        b"nul",
        b"tru",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{,}",
        b"{\"a\" 1}",
        b"{\"a\":1 \"b\":2}",
        b"{\"a\":1}}",
        b"{}{}",
        b"{} x",
        b"{}\n\n1",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":1.}",
        b"{\"a\":1e}",
        b"{\"a\":-}",
        b"{\"a\":0x10}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":-Infinity}",
        b"{\"a\":\"\\x41\"}",
        b"{\"a\":\"\\u12\"}",
        b"{\"a\":\"\\uZZZZ\"}",
        b"{\"a\":\"\n\"}",
        b"{\"a\":\"\t\"}",
        b"{\"a\":\"\x1f\"}",
        b"{/* c */}",
        b"// c\n{}",
        b"{\"a\":1}//",
        b"\xEF\xBB\xBF{}",
        b"\xff\xfe{\x00}\x00",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\x80\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"name\":1,\"count\":",
        b"{\"name\":\"x\",\"count\":\"wrong\"",
    ];
    for body in bodies {
        expect("json_invalid", body);
    }
}

/// 31 bodies that are JSON but lose or hide something.
#[test]
fn deceptive_json() {
    for depth in [65, 100, 1000, 100_000] {
        expect("json_too_deep", format!("{{\"anything\":{}{}}}", "[".repeat(depth), "]".repeat(depth)));
        expect("json_too_deep", "{\"a\":".repeat(depth));
        expect("json_too_deep", "[".repeat(depth));
    }
    for body in [
        r#"{"name":"a","name":"b","count":1}"#,
        r#"{"name":"a","count":1,"count":1}"#,
        r#"{"name":"a","count":1,"n\u0061me":"b"}"#,
        r#"{"name":"a","count":1,"anything":{"x":1,"x":2}}"#,
        r#"{"name":"a","count":1,"anything":[[{"x":[],"y":0,"x":2}]]}"#,
        r#"{"name":"a","count":1,"labels":{"k":"1","k":"2"}}"#,
        r#"{"name":"a","count":1,"address":{"street":"x","zip":"1","postal_code":"2"}}"#,
    ] {
        expect("json_duplicate_key", body);
    }
    for body in [
        "{\"name\":\"a\0\",\"count\":1}",
        "{\"name\":\"a\",\"count\":1}\0",
        r#"{"name":"a\u0000","count":1}"#,
        r#"{"name":"a","count":1,"anything":{"\u0000":1}}"#,
    ] {
        expect("text_nul", body);
    }
    for body in [r#"{"name":"\ud800","count":1}"#, r#"{"name":"a","count":1,"anything":"\udfff"}"#] {
        expect("text_lone_surrogate", body);
    }
    for number in ["1e999", "-1e999", "1e99999999999", "9223372036854775808", "9007199254740992", &"1".repeat(200_000)]
    {
        expect("json_number_range", format!("{{\"name\":\"a\",\"count\":1,\"anything\":{number}}}"));
    }
}

/// 40 bodies that are JSON of another shape; each names the place.
#[test]
fn wrong_shape() {
    for (pointer, body) in [
        ("", "[]"),
        ("", "null"),
        ("", "1"),
        ("", "\"x\""),
        ("", "true"),
        ("", r#"["a",1,null,[],{},null,null,null,null]"#),
        ("/name", "{}"),
        ("/count", r#"{"name":"a"}"#),
        ("/name", r#"{"count":1}"#),
        ("/name", r#"{"name":"","count":1}"#),
        ("/name", r#"{"name":"12345678901","count":1}"#),
        ("/name", r#"{"count":1,"name":"12345678901"}"#),
        ("/name", r#"{"name":null,"count":1}"#),
        ("/name", r#"{"name":{},"count":1}"#),
        ("/name", r#"{"count":1,"name":[]}"#),
        ("/name", r#"{"name":5,"count":1}"#),
        ("/name", r#"{"name":"a\u0007b","count":1}"#),
        ("/count", r#"{"name":"a","count":-1}"#),
        ("/count", r#"{"name":"a","count":1.5}"#),
        ("/count", r#"{"name":"a","count":"1"}"#),
        ("/count", "{\n  \"name\": \"é\",\n  \"count\": 4294967296\n}"),
        ("/count", r#"{"name":"a","count":true}"#),
        ("/address", r#"{"name":"a","count":1,"address":5}"#),
        ("/address/street", r#"{"name":"a","count":1,"address":{}}"#),
        ("/address/street", r#"{"name":"a","count":1,"address":{"zip":"1"}}"#),
        ("/address/street", r#"{"name":"a","count":1,"address":{"street":" "}}"#),
        ("/address/street", r#"{"address":{"street":"","zip":"1"},"name":"a","count":1}"#),
        ("/lines", r#"{"name":"a","count":1,"lines":{}}"#),
        ("/lines/0", r#"{"name":"a","count":1,"lines":[5]}"#),
        ("/lines/1/street", r#"{"name":"a","count":1,"lines":[{"street":"x"},{"street":""}]}"#),
        ("/lines/1/street", r#"{"name":"a","count":1,"lines":[{"street":"x"},{"zip":null}]}"#),
        ("/labels/a~1b", r#"{"name":"a","count":1,"labels":{"a/b":1}}"#),
        ("/amount", r#"{"name":"a","count":1,"amount":"1.0"}"#),
        ("/size", r#"{"name":"a","count":1,"size":"huge"}"#),
        ("/size", r#"{"name":"a","count":1,"size":true}"#),
        ("/size", r#"{"size":5,"name":"a","count":1}"#),
        ("/size", r#"{"name":"a","count":1,"size":["small"]}"#),
        ("/size", r#"{"name":"a","count":1,"size":{}}"#),
        ("/id", r#"{"name":"a","count":1,"id":"x"}"#),
        ("/id", r#"{"name":"a","count":1,"id":{}}"#),
    ] {
        expect("validation_failed", body);
        let errors = refused(body.as_bytes()).document().errors.clone();
        assert_eq!(errors[0].pointer, pointer, "{body}: {}", errors[0].detail);
    }
}

#[test]
fn unknown_fields_are_named_with_what_is_expected() {
    for (pointer, body) in [
        ("/colour", r#"{"name":"a","count":1,"colour":"red"}"#),
        ("/colour", r#"{"colour":{"x":[1]}}"#),
        ("/address/tenant_id", r#"{"name":"a","count":1,"address":{"street":"x","tenant_id":1}}"#),
        ("/lines/0/x", r#"{"lines":[{"x":1}]}"#),
    ] {
        expect("unknown_field", body);
        let problem = refused(body.as_bytes());
        assert_eq!(problem.document().errors[0].pointer, pointer);
        assert!(problem.document().detail.as_ref().unwrap().contains("expected"), "{problem:?}");
    }
    expect("unknown_field", format!("{{\"{}\":1}}", "k".repeat(200_000)));
}

#[test]
fn big_bodies_are_still_quick() {
    let many_keys: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let body = format!("{{\"name\":\"a\",\"count\":-1,\"anything\":{{{}}}}}", many_keys.join(","));
    expect("validation_failed", &body);
    expect("json_duplicate_key", body.replace("\"k19999\"", "\"k0\""));
    expect("json_invalid", format!("{{\"name\":\"{}", "a".repeat(250_000)));
    expect("validation_failed", format!("{{\"name\":\"{}\",\"count\":1}}", "\\u0061".repeat(40_000)));
}

/// Refused as a whole until it was found that no batch ever got through.
#[test]
fn a_list_is_an_array_of_objects() {
    let list = |body: &str| parse_list::<Order>(&json_headers(), body.as_bytes());
    let order = r#"{"name":"a","count":1}"#;
    assert_eq!(list("[]").unwrap().len(), 0);
    assert_eq!(list(&format!(" [{order}, {order}]")).unwrap().len(), 2);
    for (code, pointer, body) in [
        ("validation_failed", Some(""), order),
        ("validation_failed", Some(""), "null"),
        ("validation_failed", Some("/1"), &format!("[{order},[\"a\",1,null,[],{{}},null,null,null,null]]")),
        ("validation_failed", Some("/0/count"), r#"[{"name":"a","count":-1}]"#),
        ("unknown_field", Some("/0/x"), r#"[{"name":"a","count":1,"x":1}]"#),
        ("json_duplicate_key", None, r#"[{"name":"a","name":"a","count":1}]"#),
        ("json_invalid", None, "[{}"),
        ("json_invalid", None, ""),
    ] {
        let problem = list(body).expect_err(body);
        assert_eq!(problem.code(), code, "{body}");
        let found = problem.document().errors.first().map(|error| error.pointer.clone());
        assert_eq!(found.as_deref(), pointer, "{body}");
    }
}

#[test]
fn only_declared_json_is_read() {
    let good = br#"{"name":"a","count":1}"#;
    let with = |value: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
    for accepted in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        assert!(parse::<Order>(&with(accepted), good).is_ok(), "{accepted}");
    }
    for refused in [
        "",
        "text/plain",
        "application/jsonp",
        "application/json; charset=iso-8859-1",
        "application/json;charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/ld+json",
        "*/*",
        ";application/json",
    ] {
        let problem = parse::<Order>(&with(refused), good).unwrap_err();
        assert_eq!((problem.status().as_u16(), problem.code()), (415, "unsupported_media_type"), "{refused}");
    }
    assert_eq!(parse::<Order>(&HeaderMap::new(), good).unwrap_err().status(), 415);
    let mut compressed = json_headers();
    compressed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(parse::<Order>(&compressed, good).unwrap_err().status(), 415);
    let mut twice = json_headers();
    twice.append(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    assert_eq!(parse::<Order>(&twice, good).unwrap_err().status(), 415);
}

#[test]
fn a_good_body_is_read() {
    let body = "{\"name\":\" été \",\"count\":3,\"size\":\"small\",\"anything\":{\"x\":[1,{\"x\":2}]},\"lines\":[]}";
    let order: Order = parse(&json_headers(), body.as_bytes()).unwrap();
    assert_eq!((order.name.as_str(), order.count), ("été", 3));
}
