//! Guessing passwords: strangers get ten tries in a quarter of an hour, the owner gets in.

use crate::world::{Device, World};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// 12 accounts with 30 guesses each; with `SILLAGE_TEST_FULL=1` 500 accounts with 20 each, 10,000 in all.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_over_many_accounts_reach_few_hashes_and_the_owners_get_in() {
    let full = std::env::var_os("SILLAGE_TEST_FULL").is_some();
    let (accounts, guesses) = if full { (500, 20) } else { (12, 30) };
    let world = std::sync::Arc::new(World::new().await);
    let mut owners = Vec::new();
    for n in 0..accounts {
        let person = world.person(&format!("owner{n}")).await;
        let mut device = Device::somewhere();
        world.signs_in(&mut device, &person.email).await;
        owners.push((person, device));
    }
    let mut guessing = JoinSet::new();
    for (person, _) in &owners {
        let (world, email) = (std::sync::Arc::clone(&world), person.email.clone());
        guessing.spawn(async move {
            let mut throttled = 0;
            for n in 0..guesses {
                // A botnet: a network of its own for every guess.
                let answer = world.login(&Device::somewhere(), &email, &format!("guess number {n} of many")).await;
                match answer.status.as_u16() {
                    429 => {
                        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0));
                        throttled += 1;
                    }
                    401 => {}
                    status => panic!("{status} {}", answer.text),
                }
            }
            throttled
        });
        if guessing.len() >= 4 {
            let throttled: i32 = guessing.join_next().await.unwrap().unwrap();
            assert!(throttled >= guesses - 10, "{throttled}");
        }
    }
    while let Some(throttled) = guessing.join_next().await {
        assert!(throttled.unwrap() >= guesses - 10);
    }
    for (person, device) in &owners {
        let reached: i64 = sqlx::query_scalar(
            "select count(*) from secrets.access_log where what = 'wrong_password' and account = $1",
        )
        .bind(person.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
        assert!(reached <= 10, "{reached} guesses reached the hash");
        // From his own device wherever he is, and from his usual network with another one.
        let travelling = Device { address: Device::somewhere().address, ..device.clone() };
        let at_home = Device { address: device.address.clone(), ..Device::default() };
        for owner in [travelling, at_home] {
            world.login(&owner, &person.email, crate::world::PASSWORD).await.ok();
        }
    }
    let (person, _) = &owners[0];
    assert!(world.events("sign_in_throttled", person.id).await >= 1, "the owner is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_is_throttled_alike() {
    let world = World::new().await;
    let (mut codes, mut of_nobody) = (Vec::new(), Vec::new());
    let ada = world.person("ada").await;
    let nobody = format!("nobody-{}@example.com", uuid::Uuid::now_v7().simple());
    for (email, seen) in [(&ada.email, &mut codes), (&nobody, &mut of_nobody)] {
        let from = Device::somewhere();
        for _ in 0..8 {
            let answer = world.login(&from, email, "quite another password").await;
            seen.push((answer.status.as_u16(), answer.json["code"].clone()));
        }
    }
    assert_eq!(codes, of_nobody);
    assert_eq!(codes.last().unwrap(), &(429, Value::from("too_many_tries")));
    let body = json!({ "email": nobody });
    assert_eq!(world.post(&Device::somewhere(), "/v1/auth/forgot-password", body).await.status, 202);
    world.stop().await;
}
