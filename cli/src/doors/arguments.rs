//! Which installation, and as whom.

use clap::Args;
use domain::identity::tenant::Slug;
use kernel::TenantId;
use platform::config::Secret;
use std::path::PathBuf;
use std::str::FromStr;
use uuid::Uuid;

/// Where the installation is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Installation")]
pub(crate) struct DoorArgs {
    /// The command API, like <https://api.example.com>; that of the `sillage up` in the data folder unless given.
    #[arg(long, env = "SILLAGE_COMMAND_URL", value_name = "URL")]
    pub(crate) command_url: Option<String>,
    /// The query API; that of the `sillage up` in the data folder unless given.
    #[arg(long, env = "SILLAGE_QUERY_URL", value_name = "URL")]
    pub(crate) query_url: Option<String>,
    /// The data folder of a `sillage up`.
    #[arg(long, env = "SILLAGE_DATA_DIR", value_name = "FOLDER", default_value = ".sillage")]
    pub(crate) data_dir: PathBuf,
}

/// Where the installation is, and as whom.
#[derive(Args, Clone, Debug)]
pub(crate) struct ActingArgs {
    #[command(flatten)]
    pub(crate) doors: DoorArgs,
    /// The access token to act with, as `sillage token` prints it. Without it, whoever holds the data folder's signing
    /// key acts as the operator of the installation.
    #[arg(long, env = "SILLAGE_TOKEN", value_name = "TOKEN", hide_env_values = true, help_heading = "Acting as")]
    pub(crate) token: Option<Secret>,
    /// The private key that signs where no token is given, PKCS#8 PEM; the data folder's unless given.
    #[arg(long, env = "SILLAGE_SIGNING_KEY_FILE", value_name = "FILE", help_heading = "Acting as")]
    pub(crate) key: Option<PathBuf>,
    /// The `iss` of a token that the key signs.
    #[arg(long, env = "SILLAGE_TOKEN_ISSUER", value_name = "ISSUER", default_value = "sillage")]
    #[arg(help_heading = "Acting as")]
    pub(crate) token_issuer: String,
    /// The `aud` of a token that the key signs.
    #[arg(long, env = "SILLAGE_TOKEN_AUDIENCE", value_name = "AUDIENCE", default_value = "sillage")]
    #[arg(help_heading = "Acting as")]
    pub(crate) token_audience: String,
}

/// How people name a tenant: by its slug, by its id, or `platform` for that of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TenantRef {
    Id(TenantId),
    Slug(Slug),
}

impl FromStr for TenantRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "platform" {
            return Ok(Self::Id(TenantId::PLATFORM));
        }
        if let Ok(id) = text.parse::<Uuid>() {
            return Ok(Self::Id(TenantId(id)));
        }
        Slug::parse(text).map(Self::Slug).map_err(|error| format!("{text:?} names no tenant: a slug {error}"))
    }
}

impl std::fmt::Display for TenantRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(TenantId::PLATFORM) => f.write_str("platform"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Slug(slug) => write!(f, "{slug}"),
        }
    }
}

/// In which tenant, and as whom.
#[derive(Args, Debug)]
pub(crate) struct There {
    /// The tenant: its slug, its id, or `platform`; that of the access token unless given.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantRef>,
    /// One JSON document instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) acting: ActingArgs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_named_by_slug_id_or_word() {
        let id = Uuid::from_u128(7);
        assert_eq!(id.to_string().parse(), Ok(TenantRef::Id(TenantId(id))));
        assert_eq!("platform".parse(), Ok(TenantRef::Id(TenantId::PLATFORM)));
        assert_eq!("encre-noire".parse::<TenantRef>().unwrap().to_string(), "encre-noire");
        assert!("a b".parse::<TenantRef>().unwrap_err().contains("names no tenant"));
    }
}
