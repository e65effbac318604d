//! `sillage token`: signs in as a person does, and prints the access token.

use crate::doors::{DoorArgs, Doors, TenantRef, Unanswered, own_tenant, text};
use crate::failure::Failure;
use crate::terminal::{print, print_json};
use clap::Args;
use domain::identity::EmailAddress;
use platform::config::Secret;
use serde_json::{Value, json};
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Who signs in, and where to.
#[derive(Args, Debug)]
pub(crate) struct SignIn {
    /// The address of the account; asked for at a terminal unless given.
    #[arg(long, env = "SILLAGE_EMAIL", value_name = "ADDRESS")]
    email: Option<EmailAddress>,
    /// The password; asked for at a terminal unless given. Others of this machine may see what stands on a command line:
    /// better in the variable, or by --password-stdin.
    #[arg(long, env = "SILLAGE_PASSWORD", value_name = "PASSWORD", hide_env_values = true)]
    password: Option<Secret>,
    /// Reads the password from standard input, up to the end of the line.
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
    /// The code of the second factor, for accounts that have one; asked for at a terminal where it is needed.
    #[arg(long, value_name = "CODE")]
    code: Option<Secret>,
    /// For which tenant: its slug, its id, or `platform`; where the account was last unless given.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantRef>,
    /// The whole answer as one JSON document, refresh token included, instead of the access token.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    doors: DoorArgs,
}

pub(crate) async fn run(wanted: SignIn) -> Result<(), Failure> {
    let doors = Doors::find(&wanted.doors)?;
    let email = match &wanted.email {
        Some(email) => email.clone(),
        None => asked_for("E-mail: ", false, "--email or SILLAGE_EMAIL")
            .and_then(|text| EmailAddress::parse(&text).map_err(|error| Failure::usage(format!("{text:?} {error}"))))?,
    };
    let password = match (&wanted.password, wanted.password_stdin) {
        (Some(password), _) => password.expose().to_owned(),
        (None, true) => line()?,
        (None, false) => asked_for("Password: ", true, "SILLAGE_PASSWORD or --password-stdin")?,
    };
    let mut body = json!({ "email": email, "password": password, "delivery": "body" });
    if let Some(code) = &wanted.code {
        body["totp_code"] = code.expose().into();
    }
    let mut answer = match doors.ask(&doors.post("/v1/auth/login", body.clone())).await {
        Err(Unanswered::Refused(refused)) if refused.code == "second_factor_required" => {
            body["totp_code"] = asked_for("Code of the second factor: ", false, "--code")?.into();
            doors.ask(&doors.post("/v1/auth/login", body)).await?
        }
        answered => answered?,
    };
    if let Some(named) = &wanted.tenant {
        answer = there(&doors, answer, named).await?;
    }
    if wanted.json {
        print_json(&answer);
        return Ok(());
    }
    eprintln!("{}", told(&answer));
    print(text(&answer, "access_token"));
    Ok(())
}

/// The same session in another tenant of the account.
async fn there(doors: &Doors, mut answer: Value, named: &TenantRef) -> Result<Value, Failure> {
    let token = text(&answer, "access_token").to_owned();
    let id = own_tenant(doors, &token, named).await?;
    if text(&answer, "tenant_id") == id.to_string() {
        return Ok(answer);
    }
    let switched = doors.ask(&doors.post("/v1/auth/switch-tenant", json!({ "tenant_id": id })).by(&token)).await?;
    // What is told once stays told: the refresh token is that of the session.
    if let (Some(whole), Some(now)) = (answer.as_object_mut(), switched.as_object()) {
        whole.extend(now.iter().map(|(field, value)| (field.clone(), value.clone())));
    }
    Ok(answer)
}

fn told(answer: &Value) -> String {
    let roles = answer["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let roles: Vec<&str> = roles.iter().filter_map(Value::as_str).collect();
    let minutes = answer["expires_in"].as_i64().unwrap_or_default() / 60;
    match text(answer, "tenant_id") {
        "" => format!("Signed in; the account belongs to no tenant. Good for {minutes} minutes."),
        tenant => format!("Signed in to tenant {tenant} as {}. Good for {minutes} minutes.", roles.join(", ")),
    }
}

/// What somebody at the terminal answers.
fn asked_for(question: &str, secret: bool, instead: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        let what = question.trim_end_matches([':', ' ']).to_lowercase();
        return Err(Failure::usage(format!("the {what} is missing")).remedy(format!("Give it by {instead}.")));
    }
    if secret {
        return rpassword::prompt_password(question)
            .map_err(|error| Failure::usage("the terminal cannot be read").because(error));
    }
    eprint!("{question}");
    let _ = std::io::stderr().flush();
    line()
}

/// One line of standard input.
fn line() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut text)
        .map_err(|error| Failure::usage("standard input cannot be read").because(error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
