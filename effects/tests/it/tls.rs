//! Webhooks over TLS: whoever is called proves who he is, or hears nothing.

use crate::receiver::{Receiver, ok};
use crate::webhooks::{QUICK, Running, register, standing};
use crate::world::{World, until};
use domain::identity::Locale;
use effects::webhooks::Client;
use platform::outbound::{Guard, Looking, Lookup};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;

/// Everybody lives on this machine.
struct Here;

impl Lookup for Here {
    fn addresses<'a>(&'a self, _: &'a str) -> Looking<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// One who signs certificates.
fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Who shows a certificate of this name, good until the end of that year.
fn named(name: &str, until: i32, by: &Authority) -> ServerConfig {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(until, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_proves_his_name_by_a_trusted_certificate_is_told() {
    let world = World::new().await;
    let (trusted, unknown) = (authority(), authority());
    let good = Receiver::over_tls(named("hooks.test", 4000, &trusted), ok).await;
    let unproved = Receiver::over_tls(named("hooks.test", 4000, &unknown), ok).await;
    let another = Receiver::over_tls(named("another.test", 4000, &trusted), ok).await;
    let late = Receiver::over_tls(named("hooks.test", 2020, &trusted), ok).await;
    let plain = Receiver::answering(ok).await;

    let guard = Guard::allowing(["127.0.0.0/8"], false).unwrap().finding(Arc::new(Here));
    let client = Client::new(guard, &[trusted.pem().as_bytes()]).unwrap();
    let running = Running::calling(&world, client, QUICK).await;
    let at = |receiver: &Receiver| format!("https://hooks.test:{}/x", receiver.port);
    let told = register(&world, &at(&good), &["identity.user.registered"]).await;
    let mut refused = Vec::new();
    for receiver in [&unproved, &another, &late, &plain] {
        refused.push((receiver, register(&world, &at(receiver), &["identity.user.registered"]).await));
    }
    until("all are known", async || world.count("select count(*) from effects.endpoints").await == 5).await;
    world.register("ada@example.com", "Ada", Locale::Fr).await;

    until("who is trusted is told", async || standing(&world, told).await.keys().eq(["succeeded"])).await;
    assert_eq!(good.taken("/x").len(), 1);
    for (nth, (receiver, webhook)) in refused.into_iter().enumerate() {
        let is_over = async || standing(&world, webhook).await.keys().eq(["failed exhausted"]);
        until("the others are given up", is_over).await;
        assert_eq!(receiver.taken("/x").len(), 0, "receiver {nth} heard something");
        // As the log of deliveries shows it.
        let tries = "select error, status from effects.tries where endpoint = $1";
        let tries: Vec<(Option<String>, Option<i16>)> =
            sqlx::query_as(tries).bind(webhook.0).fetch_all(&world.pool).await.unwrap();
        let expected = if nth == 3 { ["connect", "tls"].as_slice() } else { &["tls"] };
        assert_eq!(tries.len(), QUICK.len() + 1);
        for (error, status) in tries {
            let error = error.unwrap_or_default();
            assert!(expected.contains(&error.as_str()) && status.is_none(), "receiver {nth}: {error} {status:?}");
        }
    }
    running.stop().await;
}
