//! Where a process may call on behalf of somebody else: the addresses that others give us must not lead behind our walls.
//!
//! A name is resolved here and every address that it has is looked at; whoever connects must connect to these addresses and
//! resolve nothing himself, or another answer of the name server would undo the look. See [`Guard`].

mod addresses;

pub use addresses::closed;

use addresses::Network;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// Ports that may be called: those of HTTPS, as it is usually served.
const PORTS: [u16; 3] = [443, 4443, 8443];
/// And those of HTTP, where that is permitted at all.
const PLAIN_PORTS: [u16; 2] = [80, 8080];
/// Names that are of this machine or of a network's own; with everything below them.
const OWN_NAMES: [&str; 8] = ["localhost", "local", "localdomain", "internal", "intranet", "lan", "home.arpa", "onion"];
/// How long a name server may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The addresses of a name, being found.
pub type Looking<'a> = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Finds the addresses of a name.
pub trait Lookup: Send + Sync + 'static {
    /// All of them, as they are now.
    fn addresses<'a>(&'a self, host: &'a str) -> Looking<'a>;
}

/// As the system finds them.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses<'a>(&'a self, host: &'a str) -> Looking<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Why somewhere must not be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is no URL.
    #[error("it is not a URL like https://example.com/hooks")]
    Malformed,
    /// Neither HTTPS, nor HTTP where that is permitted.
    #[error("it must begin with https://")]
    Scheme,
    /// A name or a password stands in it.
    #[error("it must hold no name and no password")]
    Credentials,
    /// The port is none of those that may be called.
    #[error("port {0} may not be called; 443, 4443 and 8443 may")]
    Port(u16),
    /// The name is of this machine or of a network's own.
    #[error("the name {0} is not of the open Internet")]
    Name(String),
    /// The address, or one that the name has, is not of the open Internet.
    #[error("it leads to an address that is {what}")]
    Address {
        /// Which; for operators.
        address: IpAddr,
        /// What it is.
        what: &'static str,
    },
}

/// Why a name leads nowhere now.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// It leads where nobody may be called.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It has no address, or nobody says which.
    #[error("the name could not be resolved")]
    Unknown(#[source] std::io::Error),
}

/// What an operator permits besides: `10.1.0.0/16`, `hooks.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    Network(Network),
    Name(String),
}

/// What an operator permits cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a network like 10.1.0.0/16 nor the name of a host")]
pub struct AllowError(String);

/// Says where may be called.
///
/// HTTPS alone, no credentials in the URL, the ports 443, 4443 and 8443, addresses of the open Internet. What an operator
/// allows is excepted from the rules of names, addresses and ports.
#[derive(Clone)]
pub struct Guard {
    allowed: Arc<[Allowed]>,
    is_plain_allowed: bool,
    ports: Arc<[u16]>,
    lookup: Arc<dyn Lookup>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard")
            .field("allowed", &self.allowed)
            .field("is_plain_allowed", &self.is_plain_allowed)
            .finish_non_exhaustive()
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self { allowed: Arc::new([]), is_plain_allowed: false, ports: Arc::new(PORTS), lookup: Arc::new(SystemLookup) }
    }
}

impl Guard {
    /// Also lets through to these networks and hosts, and with `plain` also over HTTP.
    ///
    /// # Errors
    /// One of them is neither.
    pub fn allowing<'a>(allowed: impl IntoIterator<Item = &'a str>, plain: bool) -> Result<Self, AllowError> {
        let allowed = allowed.into_iter().map(|text| {
            let text = text.trim();
            if let Some(network) = Network::parse(text) {
                return Ok(Allowed::Network(network));
            }
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            if text.is_empty() || !text.chars().all(is_name) {
                return Err(AllowError(text.to_owned()));
            }
            Ok(Allowed::Name(bare(text)))
        });
        Ok(Self { allowed: allowed.collect::<Result<_, _>>()?, is_plain_allowed: plain, ..Self::default() })
    }

    /// Finds addresses through `lookup`.
    #[must_use]
    pub fn finding(self, lookup: Arc<dyn Lookup>) -> Self {
        Self { lookup, ..self }
    }

    /// Permits these ports and no others.
    #[must_use]
    pub fn on_ports(self, ports: &[u16]) -> Self {
        Self { ports: ports.into(), ..self }
    }

    /// Reads a URL and says whether it may be called, as far as it tells by itself. Whoever calls a host by its name must
    /// still ask [`Guard::resolve`].
    ///
    /// # Errors
    /// Why it may not.
    pub fn read(&self, text: &str) -> Result<Url, Forbidden> {
        let url = Url::parse(text).map_err(|_| Forbidden::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if self.is_plain_allowed => {}
            _ => return Err(Forbidden::Scheme),
        }
        if !url.username().is_empty() || url.password().is_some() || has_userinfo(text) {
            return Err(Forbidden::Credentials);
        }
        let (port, fits) = (url.port_or_known_default().unwrap_or_default(), self.is_usual_port(&url));
        match url.host() {
            None => return Err(Forbidden::Malformed),
            Some(Host::Ipv4(address)) => self.permit(IpAddr::V4(address), port, fits)?,
            Some(Host::Ipv6(address)) => self.permit(IpAddr::V6(address), port, fits)?,
            Some(Host::Domain(name)) => {
                let name = bare(name);
                if !self.allows_name(&name) {
                    let is_own =
                        |own: &&str| name.strip_suffix(*own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                    if !name.contains('.') || OWN_NAMES.iter().any(is_own) {
                        return Err(Forbidden::Name(name));
                    }
                    // What the port of a network that is allowed may be is known when its addresses are.
                    if !fits && !self.allowed.iter().any(|one| matches!(one, Allowed::Network(_))) {
                        return Err(Forbidden::Port(port));
                    }
                }
            }
        }
        Ok(url)
    }

    /// The addresses of a host, every one of them permitted: connect to these. A host that also has another one is refused
    /// whole.
    ///
    /// # Errors
    /// It leads where nobody may be called, or its addresses cannot be found.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Unreachable> {
        let fits = self.ports.contains(&port) || (self.is_plain_allowed && PLAIN_PORTS.contains(&port));
        let found = self.addresses(host, port, fits).await?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// The same for whoever has looked at the port before.
    ///
    /// # Errors
    /// As [`Guard::resolve`].
    pub async fn resolve_any_port(&self, host: &str) -> Result<Vec<IpAddr>, Unreachable> {
        self.addresses(host, 0, true).await
    }

    async fn addresses(&self, host: &str, port: u16, fits: bool) -> Result<Vec<IpAddr>, Unreachable> {
        let looking = tokio::time::timeout(PATIENCE, self.lookup.addresses(host)).await;
        let found = looking.map_err(|_| Unreachable::Unknown(std::io::ErrorKind::TimedOut.into()))?;
        let found = found.map_err(Unreachable::Unknown)?;
        if found.is_empty() {
            return Err(Unreachable::Unknown(std::io::ErrorKind::NotFound.into()));
        }
        if !self.allows_name(&bare(host)) {
            found.iter().try_for_each(|address| self.permit(*address, port, fits))?;
        }
        Ok(found)
    }

    /// Reads a URL and looks at where it leads now.
    ///
    /// # Errors
    /// It leads where nobody may be called, or nowhere.
    pub async fn check(&self, text: &str) -> Result<Url, Unreachable> {
        let url = self.read(text)?;
        if let Some(Host::Domain(name)) = url.host() {
            self.resolve(name, url.port_or_known_default().unwrap_or_default()).await?;
        }
        Ok(url)
    }

    /// Whether the port of a URL is one that may be called anywhere.
    pub fn is_usual_port(&self, url: &Url) -> bool {
        let port = url.port_or_known_default().unwrap_or_default();
        self.ports.contains(&port) || (url.scheme() == "http" && PLAIN_PORTS.contains(&port))
    }

    fn permit(&self, address: IpAddr, port: u16, fits: bool) -> Result<(), Forbidden> {
        if self.allowed.iter().any(|one| matches!(one, Allowed::Network(network) if network.has(address))) {
            return Ok(());
        }
        match closed(address) {
            Some(what) => Err(Forbidden::Address { address, what }),
            None if fits => Ok(()),
            None => Err(Forbidden::Port(port)),
        }
    }

    fn allows_name(&self, name: &str) -> bool {
        self.allowed.iter().any(|one| matches!(one, Allowed::Name(allowed) if allowed == name))
    }
}

/// A name as it is compared: without the dot of the root, in small letters.
fn bare(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Whether something stands before an `@` in front of the path, also nothing: `https://@example.com`.
fn has_userinfo(text: &str) -> bool {
    let rest = text.split_once(':').map_or(text, |(_, rest)| rest).trim_start_matches(['/', '\\']);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default().contains('@')
}

#[cfg(test)]
mod tests;
