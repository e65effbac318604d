//! Companies and people from the command line: as the operator of the folder, and as somebody who has signed in.

use crate::child::{Up, printed, sillage};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};
use test_support::scratch;

const PASSWORD: &str = "gulmohar trellis lantern";

/// Runs a command of the binary beside the `sillage up` of the folder.
fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = sillage(folder);
    for name in ["SILLAGE_TOKEN", "SILLAGE_EMAIL", "SILLAGE_PASSWORD", "SILLAGE_COMMAND_URL", "SILLAGE_QUERY_URL"] {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().copied());
    command.stdin(Stdio::null()).output().expect("the binary runs")
}

/// The same, which must succeed; standard output.
#[track_caller]
fn does(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(folder, arguments, variables);
    assert!(output.status.success(), "{arguments:?}: {}", printed(&output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The same, which must fail; what it says.
#[track_caller]
fn fails(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(folder, arguments, variables);
    assert!(matches!(output.status.code(), Some(1..=3)), "{arguments:?}: {}", printed(&output));
    assert!(output.stdout.is_empty(), "nothing that a script could take for an answer");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The token of the link in the first mail to this address.
async fn link_to(up: &Up, email: &str) -> String {
    let began = Instant::now();
    loop {
        let (_, mails) = up.admin(&format!("/dev/api/mails?to={email}")).await;
        if let Some(id) = mails[0]["id"].as_str() {
            let (_, mail) = up.admin(&format!("/dev/api/mails/{id}")).await;
            let text = mail["plain"].as_str().unwrap_or_default().to_owned();
            let (_, rest) = text.split_once("#token=").unwrap_or_else(|| panic!("no link in {mail}"));
            return rest.split_whitespace().next().unwrap_or_default().to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no mail to {email}: {mails}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks again until it is so: lists follow what happened within moments.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what} did not come true");
        std::thread::sleep(Duration::from_millis(100));
    }
}

const NOBODY: &[(&str, &str)] = &[];
const ADA: [(&str, &str); 2] = [("SILLAGE_EMAIL", "ada@example.com"), ("SILLAGE_PASSWORD", PASSWORD)];

/// The operator makes a company; its id.
fn a_company_is_made(folder: &Path) -> String {
    let made = does(folder, &["tenant", "create", "encre-noire", "--name", "Encre Noire", "--json"], NOBODY);
    let id = serde_json::from_str::<Value>(&made).unwrap()["id"].as_str().unwrap().to_owned();
    let refused = fails(folder, &["tenant", "create", "encre-noire"], NOBODY);
    assert!(refused.contains("(name_taken)") && refused.contains("Choose another"), "{refused}");
    let named = does(folder, &["tenant", "create", "seconde", "--admin", "Zoe@example.com"], NOBODY);
    assert!(named.contains("zoe@example.com is invited"), "{named}");
    let nobody = fails(folder, &["tenant", "create", "tierce", "--admin", "zoe"], NOBODY);
    assert!(nobody.contains("--admin"), "{nobody}");
    let wrong = fails(folder, &["tenant", "create", "-x", "--plan", "gold"], NOBODY);
    assert!(wrong.contains("tenant create"), "{wrong}");
    until("the list shows the tenant", || {
        let listed = does(folder, &["tenant", "list"], NOBODY);
        listed.contains("encre-noire") && listed.contains("active") && listed.contains(&id)
    });
    id
}

/// The operator invites its first administrator.
fn its_administrator_is_invited(folder: &Path, id: &str) {
    let invite = ["user", "invite", "ada@example.com", "--role", "tenant_admin", "--tenant", "encre-noire"];
    let invited = does(folder, &invite, NOBODY);
    assert!(invited.contains("as Administrator") && invited.contains("/dev/mailbox"), "{invited}");
    let again = fails(folder, &invite, NOBODY);
    assert!(again.contains("open invitation"), "{again}");
    let roles = fails(folder, &["user", "invite", "a@example.com", "--role", "king", "--tenant", id], NOBODY);
    assert!(roles.contains("support_agent") && roles.contains("photographer"), "{roles}");
    let unknown = fails(folder, &["user", "list", "--tenant", "no-such-tenant"], NOBODY);
    assert!(unknown.contains("there is no tenant no-such-tenant"), "{unknown}");
    until("the list shows the invitation", || {
        does(folder, &["user", "list", "--tenant", "encre-noire"], NOBODY).contains("invited")
    });
}

/// Ada gets a token on the command line.
fn ada_signs_in(folder: &Path, id: &str) -> String {
    let token = does(folder, &["token"], &ADA);
    assert_eq!(token.split('.').count(), 3, "a token and nothing else: {token}");
    let whole: Value =
        serde_json::from_str(&does(folder, &["token", "--json", "--tenant", "encre-noire"], &ADA)).unwrap();
    assert_eq!((&whole["tenant_id"], &whole["roles"]), (&json!(id), &json!(["tenant_admin"])));
    assert!(whole["refresh_token"].as_str().unwrap().starts_with("slr_"));
    let elsewhere = fails(folder, &["token", "--tenant", "platform"], &ADA);
    assert!(elsewhere.contains("belongs to no tenant platform") && elsewhere.contains("encre-noire"), "{elsewhere}");
    let wrong = fails(folder, &["token"], &[ADA[0], ("SILLAGE_PASSWORD", "not hers at all")]);
    assert!(wrong.contains("the address or the password is wrong"), "{wrong}");
    let missing = fails(folder, &["token", "--email", "ada@example.com"], NOBODY);
    assert!(missing.contains("SILLAGE_PASSWORD"), "{missing}");
    token
}

/// With it she sees and invites the people of her company, and nobody else's.
fn ada_works(folder: &Path, as_ada: &[(&str, &str)]) {
    until("the list shows Ada", || {
        let listed = does(folder, &["user", "list"], as_ada);
        listed.contains("Ada Byron") && listed.contains("active")
    });
    does(
        folder,
        &["user", "invite", "rep@example.com", "--role", "sales_rep", "--supervisor", "ada@example.com"],
        as_ada,
    );
    let platform = fails(folder, &["tenant", "list"], as_ada);
    assert!(platform.contains("belongs to no tenant platform"), "{platform}");
    let bad = fails(folder, &["user", "list"], &[("SILLAGE_TOKEN", "a.b.c")]);
    assert!(bad.contains("sillage token"), "{bad}");
}

/// The last administrator stays, a company is held up and goes on, an account is closed.
fn what_is_ended_ends(folder: &Path, as_ada: &[(&str, &str)]) {
    let last = fails(folder, &["user", "deactivate", "ada@example.com"], as_ada);
    assert!(last.contains("identity.member_last_administrator"), "{last}");
    does(folder, &["tenant", "suspend", "encre-noire", "--reason", "The invoice of March."], NOBODY);
    until("nothing can be changed", || {
        let refused = run(folder, &["user", "invite", "x@example.com", "--role", "sales_rep"], as_ada);
        printed(&refused).contains("tenant_suspended")
    });
    until("the list says why", || {
        does(folder, &["tenant", "list"], NOBODY).contains("suspended: The invoice of March.")
    });
    does(folder, &["tenant", "resume", "encre-noire"], NOBODY);
    until("the list of users shows Ada", || {
        does(folder, &["user", "list", "--everybody"], NOBODY).contains("Ada Byron")
    });
    does(folder, &["user", "deactivate", "ada@example.com", "--account", "--reason", "She has left."], NOBODY);
    until("her token is refused", || printed(&run(folder, &["user", "list"], as_ada)).contains("not good"));
    let closed = fails(folder, &["token"], &ADA);
    assert!(closed.contains("the address or the password is wrong"), "{closed}");
}

/// A new key signs soon, and those of before are believed meanwhile; one that leaked is not. Gives a token of the newest.
async fn signing_keys_rotate(folder: &Path, up: &Up, token: &str) -> String {
    let published = async || {
        let url = format!("{}/.well-known/jwks.json", up.run.command_url);
        reqwest::get(url).await.expect("an answer").json::<Value>().await.expect("a key set")
    };
    let kids = |jwks: &Value| {
        let keys = jwks["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let until_published = async |wanted: &[&str]| {
        let began = Instant::now();
        while kids(&published().await) != wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "{wanted:?} are not published");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let as_before = [("SILLAGE_TOKEN", token)];
    let before = kids(&published().await);
    let [first] = &before[..] else { panic!("one key at first") };
    let said = does(folder, &["keys", "rotate", "--signing"], NOBODY);
    let second = said.split(' ').next().unwrap().to_owned();
    until_published(&[first, &second]).await;
    does(folder, &["user", "list"], &as_before);
    assert_eq!(kid_of(&does(folder, &["token"], &ADA)), *first, "the new key is not known everywhere yet");

    let said = does(folder, &["keys", "rotate", "--signing", "--leaked"], NOBODY);
    let third = said.split(' ').next().unwrap().to_owned();
    assert!(said.contains("of 2 earlier keys"), "{said}");
    until_published(&[&third]).await;
    until("tokens of the leaked key are refused", || {
        printed(&run(folder, &["user", "list"], &as_before)).contains("not good")
    });
    let token = does(folder, &["token"], &ADA);
    assert_eq!(kid_of(&token), third);
    let neither = fails(folder, &["keys", "rotate", "--root", "--leaked"], NOBODY);
    assert!(neither.contains("--leaked"), "{neither}");
    token
}

fn kid_of(token: &str) -> String {
    let header = token.split('.').next().expect("a token has a header");
    let header = URL_SAFE_NO_PAD.decode(header).expect("base64url");
    serde_json::from_slice::<Value>(&header).expect("JSON")["kid"].as_str().expect("a key id").to_owned()
}

#[tokio::test]
async fn an_operator_makes_a_company_and_its_people_sign_in() {
    let folder = scratch("cli-people");
    let up = Up::start_with(&folder, &["--no-demo", "--no-nats"]).await;
    let id = a_company_is_made(&folder);
    its_administrator_is_invited(&folder, &id);
    link_to(&up, "zoe@example.com").await;
    let token = link_to(&up, "ada@example.com").await;
    let account = json!({ "password": PASSWORD, "given_name": "Ada", "family_name": "Byron" });
    let (status, joined) =
        up.command("/v1/auth/accept-invitation", json!({ "token": token, "account": account })).await;
    assert!(status.is_success(), "{joined}");

    let token = ada_signs_in(&folder, &id);
    let as_ada = [("SILLAGE_TOKEN", token.as_str())];
    ada_works(&folder, &as_ada);
    let token = signing_keys_rotate(&folder, &up, &token).await;
    what_is_ended_ends(&folder, &[("SILLAGE_TOKEN", token.as_str())]);
    up.stops_on("TERM");
    let nobody = fails(&folder, &["tenant", "list"], NOBODY);
    assert!(nobody.contains("sillage up"), "{nobody}");
    std::fs::remove_dir_all(folder).unwrap();
}
