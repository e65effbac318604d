//! Forged tokens: none is accepted, none panics, all are answered alike.

use super::signer::base64;
use super::*;
use crate::problem::Problem;
use aws_lc_rs::hmac;
use axum::response::IntoResponse as _;
use serde_json::{Value, json};
use std::collections::HashSet;
use uuid::Uuid;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "sillage";

struct Forge {
    signer: Signer,
    stranger: Signer,
    verifier: Verifier,
}

impl Forge {
    fn new() -> Self {
        let signer = Signer::generate().unwrap();
        let verifier = Verifier::new(KeySet::parse(&signer.jwks().to_string()).unwrap(), ISSUER, AUDIENCE);
        Self { signer, stranger: Signer::generate().unwrap(), verifier }
    }

    fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.signer.key_id() })
    }

    /// A token of this header and these claims, honestly signed.
    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", url(header.as_bytes()), url(claims.as_bytes()));
        format!("{message}.{}", self.signer.sign_raw(&message))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.sign(&header.to_string(), &claims().to_string())
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    fn without_claim(&self, name: &str) -> String {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// Claims as text, where JSON values would not do.
    fn with_raw_claim(&self, name: &str, raw: &str) -> String {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let text = claims.to_string().replacen('{', &format!("{{\"{name}\":{raw},"), 1);
        self.sign(&self.header().to_string(), &text)
    }

    fn good(&self) -> String {
        self.sign(&self.header().to_string(), &claims().to_string())
    }
}

fn url(bytes: &[u8]) -> String {
    base64(bytes, *b"-_", false)
}

fn now() -> i64 {
    Utc::now().timestamp()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": Uuid::from_u128(1), "tenant": Uuid::from_u128(2), "kind": "user",
        "scope": "test.thing:move test.thing:open", "exp": now() + 600, "iat": now(), "jti": "t1",
    })
}

fn header_attacks(forge: &Forge) -> Vec<String> {
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS512", "RS256", "ES256", "PS256", "eddsa", "Ed25519", ""] {
        tokens.push(forge.with_header("alg", alg.into()));
    }
    for typ in ["JWT", "jwt", "rt+jwt", "AT+JWT", "application/at+jwt", "at+jwt ", "", "id+jwt"] {
        tokens.push(forge.with_header("typ", typ.into()));
    }
    let long = "k".repeat(64 * 1024);
    for kid in ["", "../../../dev/null", "/dev/null", "' OR 1=1 --", "\u{0}", "*", forge.stranger.key_id(), &long] {
        tokens.push(forge.with_header("kid", kid.into()));
    }
    let jwk = forge.stranger.jwks()["keys"][0].clone();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/cert".into()),
        ("x5c", json!(["MIIB"])),
        ("x5t", "AAAA".into()),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", false.into()),
        ("zip", "DEF".into()),
        ("enc", "A256GCM".into()),
        ("cty", "JWT".into()),
        ("url", "https://evil.example".into()),
        ("nonce", "1".into()),
        ("anything", 1.into()),
        ("alg", Value::Null),
        ("kid", Value::Null),
        ("kid", 7.into()),
        ("kid", json!([forge.signer.key_id()])),
        ("typ", Value::Null),
    ] {
        tokens.push(forge.with_header(name, value));
    }
    let kid = forge.signer.key_id();
    tokens.push(
        forge.sign(&format!(r#"{{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"{kid}"}}"#), &claims().to_string()),
    );
    tokens.push(forge.sign("[]", &claims().to_string()));
    tokens.push(forge.sign("", &claims().to_string()));
    tokens
}

fn claim_attacks(forge: &Forge) -> Vec<String> {
    let mut tokens: Vec<String> = ["iss", "aud", "sub", "tenant", "kind", "scope", "exp", "iat", "jti"]
        .iter()
        .map(|name| forge.without_claim(name))
        .collect();
    for (name, value) in [
        ("exp", json!(now() - 31)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(i64::MIN)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(i64::MAX)),
        ("exp", json!((now() + 600).to_string())),
        ("exp", json!(600.5 + 4e9)),
        ("exp", Value::Null),
        ("exp", json!(true)),
        ("exp", json!([now() + 600])),
        ("nbf", json!(now() + 31 + 5)),
        ("nbf", json!("tomorrow")),
        ("iat", json!(now() + 31 + 5)),
        ("iat", json!("now")),
        ("iat", json!(now() + 601)),
        ("aud", json!("Sillage")),
        ("aud", json!("sillage ")),
        ("aud", json!("sillage.evil")),
        ("aud", json!([AUDIENCE])),
        ("aud", json!([AUDIENCE, "other"])),
        ("aud", json!("")),
        ("aud", Value::Null),
        ("iss", json!("https://id.example/")),
        ("iss", json!("https://id.example.evil")),
        ("iss", json!("HTTPS://ID.EXAMPLE")),
        ("iss", json!("")),
        ("iss", json!([ISSUER])),
        ("sub", json!("alice")),
        ("sub", json!(1)),
        ("tenant", json!("*")),
        ("tenant", Value::Null),
        ("kind", json!("root")),
        ("scope", json!(["a"])),
        ("scope", json!({ "a": 1 })),
        ("on_behalf_of", json!("me")),
        ("jti", json!(1)),
    ] {
        tokens.push(forge.with_claim(name, value));
    }
    tokens.push(forge.with_raw_claim("exp", "1e400"));
    tokens.push(forge.with_raw_claim("exp", "99999999999999999999"));
    let twice = format!("{}, \"exp\": {}", now() - 600, now() + 600);
    tokens.push(forge.with_raw_claim("exp", &twice));
    let tenant = format!("\"{}\", \"t\\u0065nant\": \"{}\"", Uuid::from_u128(2), Uuid::from_u128(9));
    tokens.push(forge.with_raw_claim("tenant", &tenant));
    tokens.push(forge.sign(&forge.header().to_string(), "[]"));
    tokens.push(forge.sign(&forge.header().to_string(), "{}"));
    tokens.push(forge.sign(&forge.header().to_string(), "not json"));
    tokens
}

fn signature_attacks(forge: &Forge) -> Vec<String> {
    let good = forge.good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let unsigned = url(json!({ "alg": "none", "typ": "at+jwt", "kid": forge.signer.key_id() }).to_string().as_bytes());
    let mut admin = claims();
    admin["scope"] = json!("everything");
    let admin = url(admin.to_string().as_bytes());
    let mut tokens = vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{unsigned}.{payload}."),
        format!("{unsigned}.{payload}.{signature}"),
        format!("{header}.{admin}.{signature}"),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 1]),
        format!("{header}.{payload}.{}", &signature[..42]),
        format!("{header}.{payload}.{signature}A"),
        format!("{header}.{payload}.{signature}AAAA"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}.{payload}.{}", url(&[0; 64])),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!(" {good}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{header} .{payload}.{signature}"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("Bearer {good}"),
        format!("{good},{good}"),
        format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES)),
        "a".repeat(1_000_000),
        ".".repeat(100_000),
        json!({ "protected": header, "payload": payload, "signature": signature }).to_string(),
        format!("{header}.{payload}.{signature}.x.y"),
        "é.é.é".to_owned(),
        forge.sign(&forge.header().to_string(), &format!("{}{}", claims(), " ".repeat(MAX_TOKEN_BYTES))),
    ];
    // Signed by a key that is not ours, once with its own kid and once with ours.
    for kid in [forge.stranger.key_id(), forge.signer.key_id()] {
        let header = url(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string().as_bytes());
        let message = format!("{header}.{payload}");
        tokens.push(format!("{message}.{}", forge.stranger.sign_raw(&message)));
    }
    // The public key, known to everybody, as an HMAC secret: as text, as JWK and as raw bytes.
    let jwk = forge.signer.jwks()["keys"][0].clone();
    let x = jwk["x"].as_str().unwrap().to_owned();
    for secret in [x.clone(), jwk.to_string(), forge.signer.jwks().to_string(), String::new()] {
        let header =
            url(json!({ "alg": "HS256", "typ": "at+jwt", "kid": forge.signer.key_id() }).to_string().as_bytes());
        let message = format!("{header}.{payload}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message.as_bytes());
        tokens.push(format!("{message}.{}", url(tag.as_ref())));
    }
    tokens
}

#[test]
fn no_forged_token_is_accepted_and_all_are_answered_alike() {
    let forge = Forge::new();
    let mut tokens = header_attacks(&forge);
    tokens.extend(claim_attacks(&forge));
    tokens.extend(signature_attacks(&forge));
    assert!(tokens.len() >= 120, "{}", tokens.len());
    let mut bodies = HashSet::new();
    for token in &tokens {
        let error = forge.verifier.verify(token).expect_err(token);
        let response = Problem::from(error).into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"sillage\"");
        bodies.insert(Problem::from(error).to_bytes());
    }
    assert_eq!(bodies.len(), 1);
    // The forge itself makes good tokens, so each of the others was refused for its flaw.
    let exp = (now() + 600).to_string();
    for good in [forge.good(), forge.with_claim("extra", json!([1])), forge.with_raw_claim("exp", &exp)] {
        assert_eq!(forge.verifier.verify(&good).err(), None);
    }
}

#[test]
fn a_true_token_says_who_calls() {
    let forge = Forge::new();
    let claims: Claims = serde_json::from_value(claims()).unwrap();
    let identity = forge.verifier.verify(&forge.signer.issue(&claims).unwrap()).unwrap();
    assert_eq!(identity.tenant_id, TenantId(Uuid::from_u128(2)));
    assert_eq!(identity.actor, Actor::user(ActorId(Uuid::from_u128(1))));
    assert!(identity.require(Scope::new("test.thing:move")).is_ok());
    let missing = identity.require(Scope::new("test.thing:close")).unwrap_err();
    assert_eq!((missing.status().as_u16(), missing.code()), (403, "scope_missing"));
}

#[test]
fn a_clock_may_be_half_a_minute_off() {
    let forge = Forge::new();
    let late = forge.with_claim("exp", json!(now() - LEEWAY_S + 5));
    let mut claims = claims();
    (claims["exp"], claims["iat"]) = (json!(now() - LEEWAY_S + 5), json!(now() - 600));
    assert!(forge.verifier.verify(&late).is_err(), "ended before it was issued");
    assert!(forge.verifier.verify(&forge.sign(&forge.header().to_string(), &claims.to_string())).is_ok());
}

#[test]
fn a_kept_answer_ends_with_its_token_and_with_its_key() {
    let forge = Forge::new();
    let mut claims = claims();
    // Two seconds of life, leeway included.
    (claims["exp"], claims["iat"]) = (json!(now() - LEEWAY_S + 2), json!(now() - 600));
    let token = forge.sign(&forge.header().to_string(), &claims.to_string());
    assert!(forge.verifier.verify(&token).is_ok());
    let kept = forge.good();
    assert!(forge.verifier.verify(&kept).is_ok());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(forge.verifier.verify(&token), Err(AuthError::Expired));
    assert!(forge.verifier.verify(&kept).is_ok());
    forge.verifier.replace_keys(KeySet::parse(&forge.stranger.jwks().to_string()).unwrap());
    assert_eq!(forge.verifier.verify(&kept), Err(AuthError::UnknownKey));
}

#[test]
fn one_bearer_header_is_read() {
    let with = |values: &[&'static str]| {
        values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_static(value))).collect::<HeaderMap>()
    };
    assert_eq!(bearer(&with(&["Bearer abc"])), Ok("abc"));
    assert_eq!(bearer(&with(&["bearer abc"])), Ok("abc"));
    assert_eq!(bearer(&with(&[])), Err(AuthError::Missing));
    for wrong in [&["Basic abc"] as &[_], &["Bearer"], &["Bearer a", "Bearer b"], &["abc"], &[""]] {
        assert_eq!(bearer(&with(wrong)), Err(AuthError::Malformed), "{wrong:?}");
    }
}
