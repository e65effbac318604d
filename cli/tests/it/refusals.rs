//! What is wrong is said in a sentence, with what to do, and with an exit code that scripts can read.

use crate::child::{printed, run, sillage};
use std::net::TcpListener;
use test_support::scratch;

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_named() {
    let folder = scratch("cli-port");
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let refused = run(&folder, &["up", "--query-listen", &address]);
    let said = printed(&refused);
    assert!(refused.status.code() == Some(1) && said.contains(&address) && said.contains("--query-listen"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_postgres_that_cannot_be_had_is_exit_3() {
    let folder = scratch("cli-nowhere");
    let url = "postgres://somebody:hunter2@127.0.0.1:1/nothing";
    for arguments in
        [&["command-api", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"] as &[_], &["migrate"]]
    {
        let refused = sillage(&folder)
            .args(arguments)
            .args(["--database-url", url, "--start-wait-s", "1"])
            .output()
            .expect("the binary runs");
        let said = printed(&refused);
        assert!(refused.status.code() == Some(3) && said.contains("Postgres cannot be had"), "{said}");
        assert!(said.contains("DATABASE_URL") && !said.contains("hunter2"), "{said}");
    }
    let nothing = run(&folder, &["verify"]);
    assert!(nothing.status.code() == Some(3) && printed(&nothing).contains("sillage up"), "{}", printed(&nothing));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_settings_are_found_before_anything_starts() {
    let folder = scratch("cli-settings");
    let wrong = ["--write-connections", "0", "--nats-url", "http://h"];
    let refused = run(&folder, &[&["up"], &wrong[..]].concat());
    let said = printed(&refused);
    assert!(refused.status.code() == Some(2) && said.contains("SILLAGE_WRITE_CONNECTIONS"), "{said}");
    assert!(!folder.join(".sillage").exists(), "nothing was made");

    let checked = run(&folder, &[&["config", "check"], &wrong[..]].concat());
    let said = printed(&checked);
    assert!(checked.status.code() == Some(1) && said.contains("NATS_URL must start with"), "{said}");
    let asking = printed(&run(&folder, &["config", "check", "--switch", "ask"]));
    assert!(asking.lines().any(|line| line.split_whitespace().eq(["SILLAGE_SWITCH", "ask", "flag"])), "{asking}");
    let secret = sillage(&folder).args(["config", "check"]).env("DATABASE_URL", "postgres://u:hunter2@h/d").output();
    let secret = secret.expect("the binary runs");
    let said = printed(&secret);
    assert!(secret.status.success() && !said.contains("hunter2") && said.contains("environment"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn tokens_are_only_issued_for_what_exists() {
    let folder = scratch("cli-tokens");
    assert_eq!(run(&folder, &["token", "issue", "--role", "demo-agent"]).status.code(), Some(1), "there is no key");
    cli::keys::LocalKey::open_or_create(&folder.join(".sillage")).unwrap();
    let issued = run(&folder, &["token", "issue", "--role", "demo-agent", "--ttl", "5m"]);
    assert!(issued.status.success() && printed(&issued).split('.').count() == 3, "{}", printed(&issued));
    for wrong in [&["--role", "demo-ghost"] as &[_], &[], &["--role", "demo-agent", "--scopes", "support.tikcet:open"]]
    {
        let refused = run(&folder, &[&["token", "issue"], wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {}", printed(&refused));
    }
    let jwks = run(&folder, &["keys", "show"]);
    assert!(printed(&jwks).contains("Ed25519") && !printed(&jwks).contains("\"d\""), "{}", printed(&jwks));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_documents_are_printed() {
    let folder = scratch("cli-documents");
    for (api, operation) in [("command", "support.open_ticket"), ("query", "support.get_ticket")] {
        let document = run(&folder, &["openapi", api]);
        let document: serde_json::Value = serde_json::from_slice(&document.stdout).unwrap();
        assert_eq!(document["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
        assert!(document.to_string().contains(operation));
    }
    let help = printed(&run(&folder, &["up", "--help"]));
    for named in ["DATABASE_URL", "NATS_URL", "SILLAGE_DATA_DIR", "SILLAGE_COMMAND_LISTEN", "Exit codes"] {
        assert!(help.contains(named), "{named} in\n{help}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
