//! `sillage user`: who belongs to a tenant, and who is to. Over HTTP, as an administrator of the tenant.

use crate::doors::{Caller, Session, There, Unanswered, text};
use crate::failure::Failure;
use crate::tenant_command::{labelled, parsed};
use crate::terminal::{print, print_json, table};
use clap::{Args, Subcommand};
use domain::identity::{EmailAddress, Locale, Reason, Role};
use kernel::{Labelled, Language};
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Subcommand, Debug)]
pub(crate) enum UserCommand {
    /// Invites somebody by e-mail to join a tenant. The link in the mail is good for seven days.
    Invite(Box<Invite>),
    /// Prints who belongs to a tenant and who is invited; with --everybody all users of the installation.
    List(Box<List>),
    /// Takes everything in a tenant from a member; with --account closes the account itself, in all tenants.
    Deactivate(Box<Deactivate>),
}

#[derive(Args, Debug)]
pub(crate) struct Invite {
    /// To which address.
    email: EmailAddress,
    /// As what he joins, with commas between: `support_agent,sales_rep`. A role that does not exist is told all that do.
    #[arg(long, value_name = "ROLES", value_delimiter = ',', required = true, value_parser = labelled::<Role>)]
    role: Vec<Role>,
    /// In which language the mail is: fr, en.
    #[arg(long, default_value = "fr", value_parser = labelled::<Locale>)]
    locale: Locale,
    /// Who will lead him: the address or the user id of a member.
    #[arg(long, value_name = "WHO")]
    supervisor: Option<String>,
    #[command(flatten)]
    there: There,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// All users of the installation, for administrators of the platform.
    #[arg(long, conflicts_with = "tenant")]
    everybody: bool,
    #[command(flatten)]
    there: There,
}

#[derive(Args, Debug)]
pub(crate) struct Deactivate {
    /// Whom: his address, or his user id.
    who: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", value_parser = parsed::<Reason>())]
    reason: Option<Reason>,
    /// The account itself, for administrators of the platform: nobody signs in with it any more.
    #[arg(long, conflicts_with = "tenant")]
    account: bool,
    #[command(flatten)]
    there: There,
}

pub(crate) async fn run(command: &UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Invite(wanted) => invite(wanted).await,
        UserCommand::List(wanted) if wanted.everybody => everybody(&wanted.there).await,
        UserCommand::List(wanted) => members(&wanted.there).await,
        UserCommand::Deactivate(wanted) => deactivate(wanted).await,
    }
}

async fn invite(wanted: &Invite) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.there.acting)?;
    let session = caller.in_tenant(wanted.there.tenant.as_ref()).await?;
    let supervisor_id = match &wanted.supervisor {
        None => Value::Null,
        Some(who) => found(&session, "/v1/identity/members", who).await?["user_id"].take(),
    };
    let body = json!({
        "email": wanted.email, "roles": wanted.role, "locale": wanted.locale, "supervisor_id": supervisor_id,
    });
    let answer = session.command("/v1/identity/invitations", body).await.map_err(taken)?;
    if wanted.there.json {
        print_json(&answer);
        return Ok(());
    }
    let roles: Vec<&str> = wanted.role.iter().map(|role| role.label(Language::En)).collect();
    let mut said =
        format!("{} is invited as {}. The link in the mail is good for seven days.", wanted.email, roles.join(", "));
    if let Some(mailbox) = caller.doors().mailbox() {
        let _ = write!(said, "\nMails of this machine: {mailbox}");
    }
    print(&said);
    Ok(())
}

/// An address has one open invitation.
fn taken(unanswered: Unanswered) -> Failure {
    match unanswered {
        Unanswered::Refused(refused) if refused.code == "name_taken" => {
            Failure::failed("the address has an open invitation already")
                .remedy("`sillage user list` shows it. It can be sent again, or taken back, through the API.")
        }
        unanswered => unanswered.into(),
    }
}

async fn members(there: &There) -> Result<(), Failure> {
    let caller = Caller::find(&there.acting)?;
    let session = caller.in_tenant(there.tenant.as_ref()).await?;
    let members = session.list("/v1/identity/members").await?;
    // Whoever may see his colleagues may not see who else is to come.
    let invitations = match session.list("/v1/identity/invitations?status=open").await {
        Ok(invitations) => invitations,
        Err(Unanswered::Refused(refused)) if refused.code == "scope_missing" => Vec::new(),
        Err(unanswered) => return Err(unanswered.into()),
    };
    if there.json {
        print_json(&json!({ "members": members, "invitations": invitations }));
        return Ok(());
    }
    let now = chrono::Utc::now().to_rfc3339();
    let member = |row: &Value| {
        let state = if row["active"] == true { "active" } else { "deactivated" };
        [name(row), text(row, "email").to_owned(), roles(row), state.to_owned(), day(row, "joined_at"), id(row)]
    };
    let invited = |row: &Value| {
        let over = text(row, "expires_at") < now.as_str();
        let state = if over { "invitation over" } else { "invited" };
        [
            "-".to_owned(),
            text(row, "email").to_owned(),
            roles(row),
            state.to_owned(),
            day(row, "invited_at"),
            "-".into(),
        ]
    };
    let rows: Vec<[String; 6]> = members.iter().map(member).chain(invitations.iter().map(invited)).collect();
    if rows.is_empty() {
        print("Nobody belongs to this tenant. `sillage user invite` asks somebody in.");
        return Ok(());
    }
    print(&table(["NAME", "EMAIL", "ROLES", "STATE", "SINCE", "USER"], &rows));
    Ok(())
}

async fn everybody(there: &There) -> Result<(), Failure> {
    let caller = Caller::find(&there.acting)?;
    let users = caller.on_platform().await?.list("/v1/identity/users").await?;
    if there.json {
        print_json(&users);
        return Ok(());
    }
    let rows: Vec<[String; 5]> = users
        .iter()
        .map(|row| {
            let state = match (row["active"].as_bool(), row["email_verified"].as_bool()) {
                (Some(false), _) => "closed",
                (_, Some(false)) => "address not proven",
                _ => "active",
            };
            [name(row), text(row, "email").to_owned(), state.to_owned(), day(row, "registered_at"), id(row)]
        })
        .collect();
    print(&table(["NAME", "EMAIL", "STATE", "SINCE", "USER"], &rows));
    Ok(())
}

async fn deactivate(wanted: &Deactivate) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.there.acting)?;
    let (session, list) = if wanted.account {
        (caller.on_platform().await?, "/v1/identity/users")
    } else {
        (caller.in_tenant(wanted.there.tenant.as_ref()).await?, "/v1/identity/members")
    };
    let row = found(&session, list, &wanted.who).await?;
    let key = if wanted.account { "user_id" } else { "member_id" };
    let path = format!("{list}/{}/deactivate", text(&row, key));
    let answer = session.command(&path, json!({ "reason": wanted.reason })).await?;
    let became = if wanted.account { "signs in nowhere any more" } else { "may do nothing in this tenant any more" };
    if wanted.there.json {
        print_json(&answer);
    } else {
        print(&format!("{} {became}.", wanted.who));
    }
    Ok(())
}

/// The one of a list whom somebody names by address or user id.
async fn found(session: &Session<'_>, list: &str, who: &str) -> Result<Value, Failure> {
    let email = EmailAddress::parse(who).ok();
    let rows = session.list(list).await?;
    let is_meant = |row: &&Value| {
        text(row, "user_id") == who || email.as_ref().is_some_and(|email| text(row, "email") == email.as_str())
    };
    rows.iter().find(is_meant).cloned().ok_or_else(|| {
        Failure::failed(format!("there is nobody {who} here")).remedy("`sillage user list` shows everybody.")
    })
}

fn name(row: &Value) -> String {
    format!("{} {}", text(row, "given_name"), text(row, "family_name"))
}

fn roles(row: &Value) -> String {
    let roles = row["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
    roles.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn day(row: &Value, field: &str) -> String {
    text(row, field).get(..10).unwrap_or_default().to_owned()
}

fn id(row: &Value) -> String {
    text(row, "user_id").to_owned()
}
