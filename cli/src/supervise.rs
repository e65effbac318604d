//! Brings private servers back that have died.

use local_servers::Servers;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between two looks at servers that seem to be away.
const PERIOD: Duration = Duration::from_millis(500);
/// Between two looks at NATS, of which nobody tells.
const NATS_PERIOD: Duration = Duration::from_secs(2);

/// Looks after `servers` until `stop`, and gives them back.
///
/// Only a server whose port nobody listens on is started again: one that is slow or busy is left alone.
pub(crate) async fn supervise(
    mut servers: Servers,
    mut postgres_is_well: watch::Receiver<bool>,
    stop: CancellationToken,
) -> Servers {
    loop {
        let look = async {
            let told = postgres_is_well.wait_for(|well| !well);
            // NATS is looked at all the same: a connection costs it next to nothing.
            let _ = tokio::time::timeout(NATS_PERIOD, told).await;
        };
        if stop.run_until_cancelled(look).await.is_none() {
            return servers;
        }
        let postgres_is_away = !*postgres_is_well.borrow();
        if stop.run_until_cancelled(revive(&mut servers, postgres_is_away)).await.is_none() {
            return servers;
        }
        if postgres_is_away && stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_none() {
            return servers;
        }
    }
}

async fn revive(servers: &mut Servers, postgres_is_away: bool) {
    if postgres_is_away
        && let Some(postgres) = &mut servers.postgres
        && nobody_listens(&servers.database_url).await
    {
        tracing::warn!("the private Postgres has ended; starting it again");
        if let Err(error) = postgres.restart().await {
            tracing::error!(%error, "the private Postgres cannot be started");
        }
    }
    if let Some(nats) = &mut servers.nats
        && nobody_listens(&nats.url()).await
    {
        tracing::warn!("the private NATS has ended; starting it again");
        if let Err(error) = nats.restart().await {
            tracing::error!(%error, "the private NATS cannot be started");
        }
    }
}

/// Whether the loopback port of this URL refuses connections.
async fn nobody_listens(url: &str) -> bool {
    let Some(port) = port_of(url) else { return false };
    match TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
        Ok(_) => false,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    }
}

/// The port of `scheme://user@host:port/path`.
fn port_of(url: &str) -> Option<u16> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_a_url() {
        assert_eq!(port_of("postgres://sillage@127.0.0.1:20001/sillage"), Some(20001));
        assert_eq!(port_of("nats://127.0.0.1:4222"), Some(4222));
        assert_eq!(port_of("postgres://host/db"), None);
    }
}
