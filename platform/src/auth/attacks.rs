//! Forged tokens for tests: each has one flaw and must be refused by whoever verifies tokens.

use super::{MAX_TOKEN_BYTES, Signer, SignerError};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::Utc;
use serde_json::{Value, json};
use uuid::Uuid;

/// Makes tokens with the true key, so that what is wrong with a token is only what it is made to show.
pub struct Forge<'a> {
    signer: &'a Signer,
    stranger: Signer,
    issuer: &'a str,
    audience: &'a str,
}

impl<'a> Forge<'a> {
    /// Forges tokens for whoever trusts `signer`, this issuer and this audience.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(signer: &'a Signer, issuer: &'a str, audience: &'a str) -> Result<Self, SignerError> {
        Ok(Self { signer, stranger: Signer::generate()?, issuer, audience })
    }

    /// Every attack that is known here.
    pub fn tokens(&self) -> Vec<String> {
        [header_attacks(self), claim_attacks(self), signature_attacks(self), confusions(self)].concat()
    }

    /// Another key, which nobody trusts.
    pub const fn stranger(&self) -> &Signer {
        &self.stranger
    }

    /// A header without a flaw.
    pub fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.signer.key_id() })
    }

    /// Claims without a flaw.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.issuer, "aud": self.audience, "sub": Uuid::from_u128(1), "tenant": Uuid::from_u128(2),
            "kind": "user", "scope": "test.thing:move test.thing:open", "exp": now() + 600, "iat": now(), "jti": "t1",
        })
    }

    /// A token of this header and these claims, honestly signed.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", url(header.as_bytes()), url(claims.as_bytes()));
        format!("{message}.{}", self.signer.sign_raw(&message))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.sign(&header.to_string(), &self.claims().to_string())
    }

    /// A token with one other claim.
    pub fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// Claims as text, where JSON values would not do.
    pub fn with_raw_claim(&self, name: &str, raw: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove(name);
        let text = claims.to_string().replacen('{', &format!("{{\"{name}\":{raw},"), 1);
        self.sign(&self.header().to_string(), &text)
    }

    /// A token without a flaw.
    pub fn good(&self) -> String {
        self.sign(&self.header().to_string(), &self.claims().to_string())
    }
}

fn url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn now() -> i64 {
    Utc::now().timestamp()
}

fn header_attacks(forge: &Forge<'_>) -> Vec<String> {
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
        forge.sign(
            &format!(r#"{{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
            &forge.claims().to_string(),
        ),
    );
    tokens.push(forge.sign("[]", &forge.claims().to_string()));
    tokens.push(forge.sign("", &forge.claims().to_string()));
    tokens
}

fn claim_attacks(forge: &Forge<'_>) -> Vec<String> {
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
        ("aud", json!(forge.audience.to_uppercase())),
        ("aud", json!(format!("{} ", forge.audience))),
        ("aud", json!(format!("{}.evil", forge.audience))),
        ("aud", json!(format!("{}-staging", forge.audience))),
        ("aud", json!([forge.audience])),
        ("aud", json!([forge.audience, "other"])),
        ("aud", json!("")),
        ("aud", Value::Null),
        ("iss", json!(format!("{}/", forge.issuer))),
        ("iss", json!(format!("{}.evil", forge.issuer))),
        ("iss", json!(format!("evil.{}", forge.issuer))),
        ("iss", json!(forge.issuer.to_uppercase())),
        ("iss", json!("")),
        ("iss", json!([forge.issuer])),
        ("sub", json!("alice")),
        ("sub", json!(1)),
        ("tenant", json!("*")),
        ("tenant", Value::Null),
        ("kind", json!("root")),
        ("scope", json!(["a"])),
        ("scope", json!({ "a": 1 })),
        ("on_behalf_of", json!("me")),
        ("jti", json!(1)),
        ("sid", json!("all")),
        ("sid", json!(7)),
        ("roles", json!("admin")),
        ("roles", json!({ "admin": true })),
        ("as_of", json!("the end")),
        ("as_of", json!([1])),
        ("as_of", json!([1, "9"])),
        ("as_of", json!(u64::MAX)),
        ("as_of", json!([1, 1e99])),
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

fn signature_attacks(forge: &Forge<'_>) -> Vec<String> {
    let good = forge.good();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let unsigned = url(json!({ "alg": "none", "typ": "at+jwt", "kid": forge.signer.key_id() }).to_string().as_bytes());
    let mut admin = forge.claims();
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
        forge.sign(&forge.header().to_string(), &format!("{}{}", forge.claims(), " ".repeat(MAX_TOKEN_BYTES))),
    ];
    // Signed by a key that is not ours, once with its own kid and once with ours.
    for kid in [forge.stranger.key_id(), forge.signer.key_id()] {
        let header = url(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string().as_bytes());
        let message = format!("{header}.{payload}");
        tokens.push(format!("{message}.{}", forge.stranger.sign_raw(&message)));
    }
    // Another tenant put into a signed token.
    let mut elsewhere = forge.claims();
    elsewhere["tenant"] = json!(Uuid::from_u128(9));
    tokens.push(format!("{header}.{}.{signature}", url(elsewhere.to_string().as_bytes())));
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

/// What is good elsewhere: other algorithms with real signatures, the public key as a secret in every form, tokens of
/// another sort.
fn confusions(forge: &Forge<'_>) -> Vec<String> {
    let header = |alg: &str| json!({ "alg": alg, "typ": "at+jwt", "kid": forge.signer.key_id() }).to_string();
    let payload = url(forge.claims().to_string().as_bytes());
    let mut tokens = Vec::new();
    let raw = forge.signer.public_key();
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410) is a fixed prefix and the key.
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(&raw);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
    for secret in [raw, der, pem.trim_end().as_bytes().to_vec(), pem.into_bytes(), forge.signer.key_id().into()] {
        for (alg, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let message = format!("{}.{payload}", url(header(alg).as_bytes()));
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), message.as_bytes());
            tokens.push(format!("{message}.{}", url(tag.as_ref())));
        }
    }
    // The signature that some readers of ECDSA once accepted for everything, raw and as ASN.1.
    for signature in [vec![0; 64], vec![0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00], vec![0xff; 64]] {
        for alg in ["ES256", "ES256K", "ES384", "EdDSA", "ML-DSA-44"] {
            tokens.push(format!("{}.{payload}.{}", url(header(alg).as_bytes()), url(&signature)));
        }
    }
    // An honest key of ours would never sign these; a thief of one that signs other documents might have them.
    for typ in ["rt+jwt", "id_token+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE"] {
        tokens.push(forge.with_header("typ", typ.into()));
    }
    for secret in ["slr_", "slk_", "sld_"] {
        tokens.push(format!("{secret}{}", url(&[7; 32])));
    }
    tokens
}
