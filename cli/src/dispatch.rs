//! From the command line to the code that does it.

use crate::arguments::{
    Api, ConfigCommand, KeysCommand, PrivacyCommand, QUIET_LOG, Sillage, Task, TokenCommand, TokenIssue,
};
use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::tokens::{Audience, Grant, all_scopes, issue};
use crate::{
    config_check, demo, effects_command, events, heal, import_command, log_command, operator, privacy, projections,
    separate, sign_in, tenant_command, terminal, up, user_command, verify, what_if,
};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use kernel::{ActorId, TenantId};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let matches = Sillage::command().get_matches_from(with_default(std::env::args_os().collect()));
    let parsed = match Sillage::from_arg_matches(&matches) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(run(parsed.task, &matches));
            // What still waits somewhere (a name look-up, a read of standard input) must not hold up the end.
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            outcome
        }
        Err(error) => Err(Failure::failed("the system refuses threads").because(error)),
    };
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("sillage: {failure}");
            failure.exit_code()
        }
    }
}

/// `sillage` and `sillage --quiet` mean `sillage up` and `sillage up --quiet`.
fn with_default(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let own = ["-h", "--help", "-V", "--version"];
    let means_up = match arguments.get(1).and_then(|argument| argument.to_str()) {
        None => arguments.len() <= 1,
        Some(first) => first.starts_with('-') && !own.contains(&first),
    };
    if means_up {
        arguments.insert(arguments.len().min(1), "up".into());
    }
    arguments
}

async fn run(task: Task, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let done = |result: Result<(), Failure>| result.map(|()| ExitCode::SUCCESS);
    match task {
        Task::Up(mut up) => {
            if up.quiet && is_default(matches, "log") {
                QUIET_LOG.clone_into(&mut up.log.log);
            }
            done(Box::pin(up::run(&up)).await)
        }
        Task::CommandApi(arguments) => done(Box::pin(separate::command_api(&arguments)).await),
        Task::QueryApi(arguments) => done(separate::query_api(&arguments).await),
        Task::Projector(arguments) => done(separate::projector(&arguments).await),
        Task::Effects(arguments) => match &arguments.command {
            Some(command) => effects_command::run(command).await,
            None => done(separate::effects(&arguments.process).await),
        },
        Task::Relay(arguments) => done(separate::relay(&arguments).await),
        Task::Migrate(on) => done(operator::migrate(&on).await),
        Task::Config(ConfigCommand::Check(check)) => config_check::run(&check, matches).await,
        Task::Token(wanted) => match wanted.command {
            Some(TokenCommand::Issue(wanted)) => done(token(&wanted)),
            None => done(sign_in::run(wanted.sign_in).await),
        },
        Task::Tenant(command) => done(tenant_command::run(&command).await),
        Task::User(command) => done(user_command::run(&command).await),
        Task::Import(command) => done(import_command::run(&command).await),
        Task::Keys(KeysCommand::Show { key, folder }) => {
            let key = LocalKey::open(key.unwrap_or_else(|| LocalKey::path_in(&folder.data_dir)))?;
            terminal::print(&format!("{:#}", key.signer().jwks()));
            Ok(ExitCode::SUCCESS)
        }
        Task::Keys(KeysCommand::Rotate(wanted)) => done(privacy::rotate(&wanted).await),
        Task::Privacy(PrivacyCommand::Export(wanted)) => done(privacy::export_person(&wanted).await),
        Task::Privacy(PrivacyCommand::Erase(wanted)) => done(privacy::run(&wanted).await),
        Task::Projections(command) => Box::pin(projections::run(command)).await,
        Task::Events(command) => done(Box::pin(events::run(command)).await),
        Task::WhatIf(command) => done(Box::pin(what_if::run(&command)).await),
        Task::Log(command) => log_command::run(&command).await,
        Task::Heal(arguments) => Box::pin(heal::run(&arguments)).await,
        Task::Verify(arguments) => Box::pin(verify::run(&arguments)).await,
        Task::Openapi { api } => done(openapi(api)),
        Task::Version => {
            terminal::print(concat!("sillage ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Whether nobody has set this argument of the innermost command.
fn is_default(matches: &ArgMatches, id: &str) -> bool {
    let mut innermost = matches;
    while let Some((_, inner)) = innermost.subcommand() {
        innermost = inner;
    }
    innermost.value_source(id) == Some(ValueSource::DefaultValue)
}

fn openapi(api: Api) -> Result<(), Failure> {
    let document = match api {
        Api::Command => command_api::openapi(),
        Api::Query => query_api::openapi(),
        Api::Identity => identity_api::openapi(),
    };
    let text = document.to_pretty_json();
    terminal::print(&text.map_err(|error| Failure::failed("the document cannot be written").because(error))?);
    Ok(())
}

fn token(wanted: &TokenIssue) -> Result<(), Failure> {
    let key = LocalKey::open(wanted.key.clone().unwrap_or_else(|| LocalKey::path_in(&wanted.folder.data_dir)))?;
    let person = match &wanted.role {
        None => None,
        Some(role) => Some(demo::named(role).ok_or_else(|| {
            Failure::usage(format!("there is no role {role:?}")).remedy("`sillage token issue --help` lists them.")
        })?),
    };
    let grant = person.map(|person| person.grant(wanted.ttl));
    let missing = |what: &str| {
        Failure::usage(format!("whose token? Give --role, or --tenant, --user and --scopes ({what} is missing)"))
    };
    let scopes = match (&wanted.scopes, &grant) {
        (Some(scopes), _) if scopes.iter().any(|scope| scope == "all") => all_scopes().into_iter().collect(),
        (Some(scopes), _) => known(scopes)?.into_iter().collect(),
        (None, Some(grant)) => grant.scopes.clone(),
        (None, None) => return Err(missing("--scopes")),
    };
    let tenant_id = wanted.tenant.map(TenantId).or(grant.as_ref().map(|grant| grant.tenant_id));
    let actor_id = wanted.user.map(ActorId).or(grant.as_ref().map(|grant| grant.actor_id));
    let grant = Grant {
        tenant_id: tenant_id.ok_or_else(|| missing("--tenant"))?,
        actor_id: actor_id.ok_or_else(|| missing("--user"))?,
        scopes,
        ttl: wanted.ttl,
    };
    let audience = Audience { issuer: wanted.token_issuer.clone(), audience: wanted.token_audience.clone() };
    terminal::print(&issue(&key, &audience, &grant)?);
    Ok(())
}

/// A misspelt scope would only be noticed when a request is refused.
fn known(scopes: &[String]) -> Result<Vec<String>, Failure> {
    let mut all = all_scopes();
    all.push(query_api::analyst::TENANTS.to_string());
    match scopes.iter().find(|scope| !all.contains(scope)) {
        None => Ok(scopes.to_vec()),
        Some(unknown) => Err(Failure::usage(format!("there is no scope {unknown:?}"))
            .remedy(format!("Scopes are: all, {}.", all.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_up() {
        let given = |arguments: &[&str]| {
            let all = std::iter::once(&"sillage").chain(arguments).map(OsString::from).collect();
            with_default(all).into_iter().skip(1).map(|word| word.into_string().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(given(&[]), ["up"]);
        assert_eq!(given(&["--quiet"]), ["up", "--quiet"]);
        assert_eq!(given(&["--help"]), ["--help"]);
        assert_eq!(given(&["verify"]), ["verify"]);
    }
}
