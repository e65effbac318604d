//! Mails that arrive, mails that have to wait, and mails that never will.

use crate::smtp::{MailServer, Taken, judged};
use crate::world::{World, link_key, quick, smtp, until};
use chrono::{DateTime, Utc};
use domain::identity::Locale;
use domain::notifications::email::RequeueEmail;
use effects::Options;
use effects::email::Smtp;
use effects::operate::{self, Which};
use platform::auth::Purpose;
use sqlx::Row;
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_arrive_in_both_languages_with_the_right_headers() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    let running = world.start(smtp(&server.url()), quick()).await;
    let user = world.register("zoe@example.com", "Zoé 🦊 d'Été", Locale::Fr).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    world.forget_password(user).await;
    world.settled(3).await;
    running.stop().await;

    let french = server.taken_for("zoe@example.com");
    assert_eq!(french.len(), 2);
    let verify = find(&french, "Confirmez votre adresse e-mail");
    let read = judged(verify);
    assert_eq!(read["name"], "Zoé 🦊 d'Été");
    assert_eq!((&read["to"][0], &read["from"][0]), (&"zoe@example.com".into(), &"no-reply@sillage.test".into()));
    assert_eq!((&read["defects"], &read["kind"]), (&serde_json::json!([]), &"multipart/alternative".into()));
    for body in ["plain", "html"] {
        let body = read[body].as_str().unwrap();
        assert!(body.contains("Bonjour Zoé 🦊 d") && body.contains("Confirmer mon adresse"), "{body}");
    }
    let effects: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from effects.jobs").fetch_all(&world.pool).await.unwrap();
    let named = |id: &uuid::Uuid| format!("<{id}@sillage.test>") == verify.header("Message-ID");
    assert_eq!(effects.iter().filter(|id| named(id)).count(), 1, "{}", verify.header("Message-ID"));
    assert_eq!(verify.header("Auto-Submitted"), "auto-generated");
    assert_eq!(verify.header("Reply-To"), "help@sillage.test");
    assert_eq!(verify.header("Content-Language"), "fr");
    assert!(verify.header("From").ends_with("<no-reply@sillage.test>"));
    let date = DateTime::parse_from_rfc2822(verify.header("Date")).unwrap();
    assert!((Utc::now() - date.to_utc()).num_seconds() < 120, "{date}");
    assert!(verify.text.is_ascii() && verify.text.lines().all(|line| line.len() <= 998));

    let english = judged(&server.taken_for("ada@example.com")[0]);
    assert_eq!(english["subject"], "Confirm your e-mail address");
    assert!(english["plain"].as_str().unwrap().starts_with("Hello Ada,"));

    let reset = judged(find(&french, "Choisissez un nouveau mot de passe"));
    let plain = reset["plain"].as_str().unwrap();
    let token = plain.lines().find_map(|line| line.strip_prefix("https://app.sillage.test/reset-password#token="));
    let link = link_key().open(Purpose::RESET_PASSWORD, token.expect(plain), Utc::now()).unwrap();
    assert_eq!(link.subject_id, user, "the link is the user's");
    let request = "select data->>'request_id' from log.events_json where type = 'password_reset_requested'";
    let request: String = sqlx::query_scalar(request).fetch_one(&world.pool).await.unwrap();
    assert_eq!(link.cause_id.to_string(), request, "and answers to the request");
    assert_eq!((world.events("requested").await, world.events("sent").await), (3, 3));
}

fn find<'a>(mails: &'a [Taken], subject: &str) -> &'a Taken {
    let subjects: Vec<_> = mails.iter().map(judged).map(|read| read["subject"].clone()).collect();
    let at = subjects.iter().position(|known| known == subject);
    &mails[at.unwrap_or_else(|| panic!("{subject} is not among {subjects:?}"))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_to_wait_is_tried_again_and_what_is_refused_is_given_up() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    let options = Options { most_attempts: 4, ..quick() };
    let running = world.start(smtp(&server.url()), options).await;
    for address in ["temporary-2", "greylist", "permanent", "rejected", "temporary-6", "fine"] {
        world.register(&format!("{address}@example.com"), "Ada", Locale::En).await;
    }
    world.settled(6).await;

    for address in ["temporary-2", "greylist", "fine"] {
        assert_eq!(server.taken_for(&format!("{address}@example.com")).len(), 1, "{address}");
    }
    assert_eq!(server.taken().len(), 3);
    let dead = operate::jobs(&world.pool, Which::Dead, 100).await.unwrap();
    let mut reasons: Vec<_> = dead.iter().map(|job| (job.reason.clone().unwrap(), job.attempts)).collect();
    reasons.sort();
    assert_eq!(reasons, [("exhausted".into(), 4), ("refused".into(), 1), ("refused".into(), 1)]);
    let said: Vec<_> = dead.iter().filter_map(|job| job.last_error.as_deref()).collect();
    assert!(said.iter().any(|said| said.contains("550")), "{said:?}");
    assert!(!said.iter().any(|said| said.contains("permanent@") || said.contains("user permanent")), "{said:?}");
    assert_eq!((world.events("sent").await, world.events("failed").await), (3, 3));

    // An operator has seen to it, and asks again: the seventh try is the first that is taken.
    let exhausted = dead.iter().find(|job| job.attempts == 4).unwrap();
    world.carry_out(&RequeueEmail {}, exhausted.id).await;
    until("it is sent", async || world.events("sent").await == 4).await;
    world.settled(6).await;
    running.stop().await;
    assert_eq!(server.taken_for("temporary-6@example.com").len(), 1);
    assert_eq!((world.events("requeued").await, world.events("failed").await), (1, 3));
    let job = sqlx::query("select state, round, attempts from effects.jobs where id = $1").bind(exhausted.id);
    let job = job.fetch_one(&world.pool).await.unwrap();
    assert_eq!((job.get::<&str, _>(0), job.get::<i32, _>(1), job.get::<i32, _>(2)), ("done", 1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_only_costs_time() {
    let (world, mut server) = (World::new().await, MailServer::start());
    world.declare().await;
    let running = world.start(smtp(&server.url()), quick()).await;
    server.end();
    for n in 0..5 {
        world.register(&format!("late-{n}@example.com"), "Ada", Locale::En).await;
    }
    until("all of them were tried in vain", async || {
        world.count("select count(*) from effects.jobs where attempts > 1 and last_error is not null").await == 5
    })
    .await;
    assert_eq!(world.events("failed").await, 0, "nothing is given up");
    server.begin();
    world.settled(5).await;
    running.stop().await;
    assert_eq!((server.taken().len(), world.events("sent").await), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_has_ended_is_not_sent() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    let running = world.start(crate::world::NoTransport, quick()).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    until("it is asked for", async || world.events("requested").await == 1).await;
    running.stop().await;
    // As if three days had passed: the stored link is older than that.
    let aged = "update log.events set data = convert_to(replace(convert_from(data, 'UTF8'), '\"expires_at\":\"20', \
                '\"expires_at\":\"19'), 'UTF8') where category = 'notifications.email'";
    let owner = event_store::schema::connect(&world.url, "test", event_store::Role::Owner, 1).await.unwrap();
    sqlx::raw_sql(
        "alter table log.events no force row level security; \
                   do $$ declare part regclass; begin for part in select inhrelid::regclass from pg_inherits \
                   where inhparent = 'log.events'::regclass loop \
                   execute format('alter table %s no force row level security', part); end loop; end $$",
    )
    .execute(&owner)
    .await
    .unwrap();
    assert_eq!(sqlx::query(aged).execute(&owner).await.unwrap().rows_affected(), 1);
    // Nobody has the state in memory.
    let world = World::on(world.url.clone()).await;
    let running = world.start(smtp(&server.url()), quick()).await;
    world.settled(1).await;
    running.stop().await;
    assert_eq!((server.taken().len(), world.events("suppressed").await), (0, 1));
    let row = sqlx::query("select outcome, reason from effects.jobs").fetch_one(&world.pool).await.unwrap();
    assert_eq!((row.get::<&str, _>(0), row.get::<&str, _>(1)), ("suppressed", "expired"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_and_passwords_are_used_as_the_url_says() {
    let folder = test_support::scratch("mail-tls");
    let certificate = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
    let (pem, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&pem, certificate.cert.pem()).unwrap();
    std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
    let (pem_text, key_text) = (pem.to_str().unwrap(), key.to_str().unwrap());
    let tls = ["--certificate", pem_text, "--key", key_text, "--auth", "--tls"];
    let starttls = MailServer::with(&[&tls[..], &["starttls"]].concat());
    let wrapper = MailServer::with(&[&tls[..], &["wrapper"]].concat());
    let good = [
        (format!("smtp://sillage:p%40ss@localhost:{}?tls=required", starttls.port), &starttls),
        (format!("smtp://sillage:p%40ss@localhost:{}?tls=opportunistic", starttls.port), &starttls),
        (format!("smtps://sillage:p%40ss@localhost:{}", wrapper.port), &wrapper),
    ];
    let world = World::new().await;
    world.declare().await;
    for (n, (url, server)) in (1..).zip(&good) {
        let before = server.taken().len();
        let running = world.start(Smtp::new(url, Some(Path::new(&pem))).unwrap(), quick()).await;
        world.register(&format!("tls-{n}@example.com"), "Ada", Locale::En).await;
        world.settled(n).await;
        running.stop().await;
        let taken = server.taken_for(&format!("tls-{n}@example.com"));
        assert_eq!((taken.len(), server.taken().len()), (1, before + 1), "{url}");
        assert_eq!(taken[0].envelope["authenticated"], true);
        // The other server speaks nothing but TLS.
        assert_eq!(taken[0].envelope["tls"], server.port == starttls.port);
    }
    // Neither a wrong password nor an unknown certificate sends anything, and neither gives anything up.
    let bad = [
        (format!("smtps://sillage:wrong@localhost:{}", wrapper.port), Some(Path::new(&pem))),
        (format!("smtps://sillage:p%40ss@localhost:{}", wrapper.port), None),
        (format!("smtp://sillage:p%40ss@localhost:{}?tls=required", starttls.port), None),
    ];
    for (n, (url, certificate)) in (1..).zip(bad) {
        let running = world.start(Smtp::new(&url, certificate).unwrap(), quick()).await;
        world.register(&format!("bad-{n}@example.com"), "Ada", Locale::En).await;
        until("it was tried twice", async || {
            let open =
                "select count(*) from effects.jobs where state = 'waiting' and attempts > 1 and last_error is not null";
            world.count(open).await >= 1
        })
        .await;
        running.stop().await;
    }
    assert_eq!(world.events("failed").await, 0);
    assert_eq!(starttls.taken().len() + wrapper.taken().len(), 3);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_beyond_ascii_is_sent_where_the_server_can_and_given_up_where_it_cannot() {
    let (able, unable) = (MailServer::start(), MailServer::with(&["--ascii"]));
    for (server, sent) in [(&able, 1), (&unable, 0)] {
        let world = World::new().await;
        world.declare().await;
        let running = world.start(smtp(&server.url()), quick()).await;
        world.register("zoé@example.com", "Zoé", Locale::Fr).await;
        world.settled(1).await;
        running.stop().await;
        assert_eq!((server.taken().len(), world.events("sent").await), (sent, i64::try_from(sent).unwrap()));
        if sent == 0 {
            let dead = operate::jobs(&world.pool, Which::Dead, 10).await.unwrap();
            assert_eq!(dead[0].reason.as_deref(), Some("undeliverable"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_name_smuggles_a_header_or_a_recipient_through_a_real_server() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    let running = world.start(smtp(&server.url()), quick()).await;
    let names = [
        "Ada\r\nBcc: eve@example.com",
        "Ada\nBcc: eve@example.com",
        "Ada\r\n\r\n.\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\nx",
        "\" <eve@example.com>, \"",
        "Ada <eve@example.com>, x",
        "=?utf-8?q?=0D=0ABcc:_eve@example.com?=",
        "🦊\r\nSubject: evil\r\n🦊",
        "a\\\"b",
    ];
    for (n, name) in names.iter().enumerate() {
        world.register(&format!("ada-{n}@example.com"), name, Locale::En).await;
    }
    world.settled(i64::try_from(names.len()).unwrap()).await;
    running.stop().await;
    let taken = server.taken();
    assert_eq!(taken.len(), names.len());
    let allowed = [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "Content-Language",
        "Reply-To",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    for mail in &taken {
        assert_eq!(mail.envelope["to"].as_array().unwrap().len(), 1);
        let read = judged(mail);
        assert_eq!(read["to"].as_array().unwrap().len(), 1, "{read}");
        assert_eq!(read["to"][0], mail.envelope["to"][0]);
        assert_eq!(read["subject"], "Confirm your e-mail address");
        for (field, _) in &mail.headers {
            assert!(allowed.contains(&field.as_str()), "{field}: {:?}", mail.headers);
        }
        let unique: std::collections::HashSet<_> = mail.headers.iter().map(|(name, _)| name).collect();
        assert_eq!(unique.len(), mail.headers.len(), "{:?}", mail.headers);
    }
}
