//! `sillage tenant`: companies come, are held up, and go on. Over HTTP, as an administrator of the platform.

use crate::doors::{ActingArgs, Caller, Session, TenantRef, text};
use crate::failure::Failure;
use crate::terminal::{print, print_json, table};
use clap::{Args, Subcommand};
use domain::identity::tenant::{Plan, Slug, TenantName};
use domain::identity::{EmailAddress, Locale, Reason, TimeZone};
use kernel::Labelled;
use serde_json::{Value, json};

#[derive(Subcommand, Debug)]
pub(crate) enum TenantCommand {
    /// Creates a tenant.
    Create(Box<Create>),
    /// Prints all tenants, the newest first.
    List {
        /// One JSON document instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        acting: Box<ActingArgs>,
    },
    /// Lets a tenant change nothing any more; its people go on reading.
    Suspend {
        #[command(flatten)]
        which: Box<Which>,
        /// Why, for the record and for its people.
        #[arg(long, value_name = "TEXT", value_parser = parsed::<Reason>())]
        reason: Reason,
    },
    /// Lets a suspended tenant work again.
    Resume {
        #[command(flatten)]
        which: Box<Which>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// How it is called in addresses: 3 to 63 of a-z, 0-9 and hyphens; cannot be changed later.
    slug: Slug,
    /// How it is called by people; the slug unless given.
    #[arg(long, value_name = "TEXT", value_parser = parsed::<TenantName>())]
    name: Option<TenantName>,
    /// What it pays for: free, starter, professional, enterprise.
    #[arg(long, default_value = "free", value_parser = labelled::<Plan>)]
    plan: Plan,
    /// In which language it is spoken to: fr, en.
    #[arg(long, default_value = "fr", value_parser = labelled::<Locale>)]
    locale: Locale,
    /// In which zone its days begin.
    #[arg(long, value_name = "ZONE", default_value = "Europe/Paris", value_parser = parsed::<TimeZone>())]
    time_zone: TimeZone,
    /// Who is to be its first administrator: the address is sent an invitation, in the tenant's language.
    #[arg(long, value_name = "ADDRESS", value_parser = parsed::<EmailAddress>())]
    admin: Option<EmailAddress>,
    /// One JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    acting: ActingArgs,
}

/// One tenant.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The tenant: its slug, or its id.
    tenant: TenantRef,
    /// One JSON document instead of a sentence.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    acting: ActingArgs,
}

/// Reads a value that is written as JSON text.
fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

/// A parser of arguments for what commands take as JSON text.
pub(crate) fn parsed<T>() -> impl clap::builder::TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    use clap::builder::TypedValueParser as _;
    clap::builder::NonEmptyStringValueParser::new().try_map(|text| read::<T>(&text))
}

/// One of the values of an enumeration, in any spelling that commands accept.
pub(crate) fn labelled<L: Labelled + serde::de::DeserializeOwned>(text: &str) -> Result<L, String> {
    read(text).map_err(|_| {
        let known: Vec<&str> = L::ALL.iter().map(|value| value.as_str()).collect();
        format!("it must be one of {}", known.join(", "))
    })
}

pub(crate) async fn run(command: &TenantCommand) -> Result<(), Failure> {
    match command {
        TenantCommand::Create(create) => self::create(create).await,
        TenantCommand::List { json, acting } => list(acting, *json).await,
        TenantCommand::Suspend { which, reason } => {
            act(which, "suspend", json!({ "reason": reason }), "is suspended: its people read, and change nothing")
                .await
        }
        TenantCommand::Resume { which } => act(which, "resume", json!({}), "works again").await,
    }
}

async fn create(wanted: &Create) -> Result<(), Failure> {
    let caller = Caller::find(&wanted.acting)?;
    let session = caller.on_platform().await?;
    let name = wanted.name.as_ref().map_or(wanted.slug.as_str(), |name| name.as_str());
    let body = json!({
        "slug": wanted.slug, "name": name, "plan": wanted.plan, "locale": wanted.locale, "time_zone": wanted.time_zone,
        "administrator_email": wanted.admin,
    });
    let answer = session.command("/v1/identity/tenants", body).await?;
    if wanted.json {
        print_json(&answer);
        return Ok(());
    }
    let next = match &wanted.admin {
        Some(email) => format!("{email} is invited to administer it; the link in the mail is good for seven days."),
        None => format!(
            "Nobody belongs to it yet: `sillage user invite <address> --role tenant_admin --tenant {}`",
            wanted.slug
        ),
    };
    print(&format!("{name} is created: {} ({}).\n{next}", wanted.slug, text(&answer, "id")));
    Ok(())
}

async fn list(acting: &ActingArgs, as_json: bool) -> Result<(), Failure> {
    let caller = Caller::find(acting)?;
    let tenants = caller.on_platform().await?.list("/v1/identity/tenants").await?;
    if as_json {
        print_json(&tenants);
        return Ok(());
    }
    if tenants.is_empty() {
        print("There is no tenant. `sillage tenant create <slug>` makes one.");
        return Ok(());
    }
    let rows: Vec<[String; 6]> = tenants
        .iter()
        .map(|tenant| {
            let state = match (tenant["suspended"].as_bool(), text(tenant, "suspension_reason")) {
                (Some(true), reason) => format!("suspended: {reason}"),
                _ => "active".to_owned(),
            };
            let created_at = text(tenant, "created_at").get(..10).unwrap_or_default();
            [text(tenant, "slug"), text(tenant, "name"), text(tenant, "plan"), created_at, text(tenant, "id"), &state]
                .map(str::to_owned)
        })
        .collect();
    print(&table(["SLUG", "NAME", "PLAN", "CREATED", "ID", "STATE"], &rows));
    Ok(())
}

async fn act(which: &Which, verb: &str, body: Value, became: &str) -> Result<(), Failure> {
    let caller = Caller::find(&which.acting)?;
    let session = caller.on_platform().await?;
    let id = id_of(&session, &which.tenant).await?;
    let answer = session.command(&format!("/v1/identity/tenants/{id}/{verb}"), body).await?;
    if which.json {
        print_json(&answer);
    } else {
        print(&format!("{} {became}.", which.tenant));
    }
    Ok(())
}

/// The id of a tenant that people name by its slug.
async fn id_of(session: &Session<'_>, named: &TenantRef) -> Result<String, Failure> {
    match named {
        TenantRef::Id(id) => Ok(id.to_string()),
        TenantRef::Slug(slug) => {
            let found = session.get(&format!("/v1/identity/tenants?slug={slug}")).await?;
            found["items"][0]["id"].as_str().map(str::to_owned).ok_or_else(|| {
                Failure::failed(format!("there is no tenant {named}")).remedy("`sillage tenant list` shows them.")
            })
        }
    }
}
