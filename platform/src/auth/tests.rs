//! Forged tokens are refused, true ones are not, and what was taken back stays so.

use super::attacks::{Forge, now};
use super::*;
use crate::problem::Problem;
use axum::response::IntoResponse as _;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::HashSet;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "sillage";

struct Set {
    signer: Signer,
    verifier: Verifier,
}

impl Set {
    fn new() -> Self {
        let signer = Signer::generate().unwrap();
        let verifier = Verifier::new(keys_of(&signer), ISSUER, AUDIENCE);
        Self { signer, verifier }
    }

    fn forge(&self) -> Forge<'_> {
        Forge::new(&self.signer, ISSUER, AUDIENCE).unwrap()
    }
}

fn keys_of(signer: &Signer) -> KeySet {
    KeySet::parse(&signer.jwks().to_string()).unwrap()
}

#[test]
fn no_forged_token_is_accepted_and_all_are_answered_alike() {
    let set = Set::new();
    let forge = set.forge();
    let tokens = forge.tokens();
    assert!(tokens.len() >= 160, "{}", tokens.len());
    let mut bodies = HashSet::new();
    for token in &tokens {
        let error = set.verifier.verify(token).expect_err(token);
        let response = Problem::from(error).into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"sillage\"");
        bodies.insert(Problem::from(error).to_bytes());
    }
    assert_eq!(bodies.len(), 1);
    // The forge itself makes good tokens, so each of the others was refused for its flaw.
    let exp = (now() + 600).to_string();
    for good in [forge.good(), forge.with_claim("extra", json!([1])), forge.with_raw_claim("exp", &exp)] {
        assert_eq!(set.verifier.verify(&good).err(), None);
    }
}

#[test]
fn a_true_token_says_who_calls() {
    let set = Set::new();
    let forge = set.forge();
    let claims: Claims = serde_json::from_value(forge.claims()).unwrap();
    let identity = set.verifier.verify(&set.signer.issue(&claims).unwrap()).unwrap();
    assert_eq!(identity.tenant_id, TenantId(Uuid::from_u128(2)));
    assert_eq!(identity.actor, Actor::user(ActorId(Uuid::from_u128(1))));
    assert!(identity.require(Scope::new("test.thing:move")).is_ok());
    let missing = identity.require(Scope::new("test.thing:close")).unwrap_err();
    assert_eq!((missing.status().as_u16(), missing.code()), (403, "scope_missing"));
}

#[test]
fn a_clock_may_be_half_a_minute_off() {
    let set = Set::new();
    let forge = set.forge();
    let late = forge.with_claim("exp", json!(now() - LEEWAY_S + 5));
    let mut claims = forge.claims();
    (claims["exp"], claims["iat"]) = (json!(now() - LEEWAY_S + 5), json!(now() - 600));
    assert!(set.verifier.verify(&late).is_err(), "ended before it was issued");
    assert!(set.verifier.verify(&forge.sign(&forge.header().to_string(), &claims.to_string())).is_ok());
}

#[test]
fn a_kept_answer_ends_with_its_token() {
    let set = Set::new();
    let forge = set.forge();
    let mut claims = forge.claims();
    // Two seconds of life, leeway included.
    (claims["exp"], claims["iat"]) = (json!(now() - LEEWAY_S + 2), json!(now() - 600));
    let token = forge.sign(&forge.header().to_string(), &claims.to_string());
    assert!(set.verifier.verify(&token).is_ok());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(set.verifier.verify(&token), Err(AuthError::Expired));
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

/// A verifier whose knowledge is renewed, and a token of each sort.
fn live() -> (Set, Arc<LiveTrust>) {
    let signer = Signer::generate().unwrap();
    let trust = Arc::new(LiveTrust::live(KeySet::none()));
    let verifier = Verifier::live(Arc::clone(&trust), ISSUER, AUDIENCE);
    (Set { signer, verifier }, trust)
}

#[test]
fn a_key_counts_while_it_is_published() {
    let (set, trust) = live();
    let forge = set.forge();
    let token = forge.good();
    assert_eq!(set.verifier.verify(&token), Err(AuthError::Unknowable), "nothing is known yet");
    assert_eq!(Problem::from(AuthError::Unknowable).status(), 503);
    let next = Signer::generate().unwrap();
    trust.renew(keys_of(&set.signer).and(&keys_of(&next)), Revoked::default());
    assert!(set.verifier.verify(&token).is_ok());
    trust.renew(keys_of(&next), Revoked::default());
    assert_eq!(set.verifier.verify(&token), Err(AuthError::UnknownKey), "rotated out, though it was proven before");
    for attack in forge.tokens() {
        assert!(set.verifier.verify(&attack).is_err());
    }
}

#[test]
fn what_was_taken_back_is_refused_and_nothing_else() {
    let (set, trust) = live();
    let forge = set.forge();
    let sid = Uuid::from_u128(77);
    let id_at = |millis: u64| Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, millis / 1000, 900_000_000));
    let issued_ms = u64::try_from(now()).unwrap() * 1000;
    let mut claims = forge.claims();
    (claims["sid"], claims["jti"]) = (json!(sid), json!(id_at(issued_ms)));
    let token = forge.sign(&forge.header().to_string(), &claims.to_string());
    let other = forge.good();
    let issued_at = DateTime::from_timestamp_millis(i64::try_from(issued_ms).unwrap() + 900).unwrap();
    let since = |at| Since { place: (Epoch(1), Position(50)), at };
    let leeway = TimeDelta::seconds(LEEWAY_S);
    let (just_now, ahead, before) = (since(issued_at), since(issued_at - leeway), since(issued_at - leeway * 2));
    let (actor, tenant) = (ActorId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
    for (revoked, expected) in [
        (Revoked::default(), Ok(())),
        (Revoked { families: [sid].into(), ..Revoked::default() }, Err(AuthError::Revoked)),
        (Revoked { families: [Uuid::from_u128(78)].into(), ..Revoked::default() }, Ok(())),
        (Revoked { tokens: ["t9".into()].into(), ..Revoked::default() }, Ok(())),
        (Revoked { actors: [(actor, just_now)].into(), ..Revoked::default() }, Err(AuthError::Revoked)),
        (Revoked { actors: [(actor, before)].into(), ..Revoked::default() }, Ok(())),
        (Revoked { members: [((tenant, actor), just_now)].into(), ..Revoked::default() }, Err(AuthError::Revoked)),
        // The clock of whoever issued it may have been ahead by as much.
        (Revoked { members: [((tenant, actor), ahead)].into(), ..Revoked::default() }, Err(AuthError::Revoked)),
        (Revoked { members: [((TenantId(Uuid::nil()), actor), just_now)].into(), ..Revoked::default() }, Ok(())),
    ] {
        let told = format!("{revoked:?}");
        trust.renew(keys_of(&set.signer), revoked);
        assert_eq!(set.verifier.verify(&token).map(drop), expected, "{told}");
    }
    trust.renew(keys_of(&set.signer), Revoked { tokens: ["t1".into()].into(), ..Revoked::default() });
    assert_eq!(set.verifier.verify(&other).map(drop), Err(AuthError::Revoked));
    trust.renew(keys_of(&set.signer), Revoked { suspended: [tenant].into(), ..Revoked::default() });
    let identity = set.verifier.verify(&token).expect("who is suspended may still read");
    let refused = set.verifier.may_change(&identity).unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.code()), (403, "tenant_suspended"));
    trust.revoke_family(sid);
    assert_eq!(set.verifier.verify(&token).map(drop), Err(AuthError::Revoked));
    assert!(set.verifier.verify(&other).is_ok());
}

/// Issuers with clocks that are ahead and behind: a token that says as of which place of the log it is stands and falls by
/// that alone.
#[test]
fn what_a_token_knew_counts_and_no_clock() {
    let (set, trust) = live();
    let forge = set.forge();
    let (actor, tenant) = (ActorId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
    let changed = Since { place: (Epoch(2), Position(50)), at: Utc::now() };
    trust.renew(
        keys_of(&set.signer),
        Revoked {
            members: [((tenant, actor), changed)].into(),
            actors: [(actor, Since { place: (Epoch(2), Position(20)), at: Utc::now() })].into(),
            ..Revoked::default()
        },
    );
    for skew_s in [-25, 0, 25] {
        let mut claims = forge.claims();
        let at = u64::try_from(now() + skew_s).unwrap();
        claims["iat"] = json!(at);
        claims["jti"] = json!(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, at, 0)));
        let mut as_of = |epoch: i64, position: i64| {
            claims["as_of"] = json!([epoch, position]);
            set.verifier.verify(&forge.sign(&forge.header().to_string(), &claims.to_string())).map(drop)
        };
        for known in [(2, 49), (2, 20), (1, 900)] {
            assert_eq!(as_of(known.0, known.1), Err(AuthError::Revoked), "{known:?}, {skew_s} s");
        }
        for known in [(2, 50), (2, 51), (3, 1)] {
            assert_eq!(as_of(known.0, known.1), Ok(()), "{known:?}, {skew_s} s");
        }
    }
}
