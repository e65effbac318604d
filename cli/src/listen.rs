//! Binding addresses: an address that was asked for must be free, a default one may move.

use crate::failure::Failure;
use crate::terminal::Progress;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Binds `wanted`, which somebody chose.
///
/// # Errors
/// It is taken or not ours; the address is named.
pub(crate) async fn exactly(what: &str, wanted: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(wanted).await.map_err(|error| {
        Failure::failed(format!("{what} cannot listen on {wanted}"))
            .because(error)
            .remedy(format!("Choose another address with {setting}; port 0 takes a free one."))
    })
}

/// Binds what was chosen, or else the default, or else a free port with a notice.
///
/// # Errors
/// As [`exactly`].
pub(crate) async fn or_free(
    what: &str,
    chosen: Option<SocketAddr>,
    default: SocketAddr,
    setting: &str,
    progress: &Progress,
) -> Result<TcpListener, Failure> {
    if let Some(chosen) = chosen {
        return exactly(what, chosen, setting).await;
    }
    match TcpListener::bind(default).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let listener = exactly(what, SocketAddr::new(default.ip(), 0), setting).await?;
            let port = listener.local_addr().map_or(0, |address| address.port());
            progress.say(&format!("port {} is taken: {what} listens on {port} instead", default.port()));
            Ok(listener)
        }
        Ok(listener) => Ok(listener),
        Err(_) => exactly(what, default, setting).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_default_port_moves_and_a_chosen_one_does_not() {
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = held.local_addr().unwrap();
        let quiet = Progress::new(true);
        let moved = or_free("the API", None, taken, "--listen", &quiet).await.unwrap();
        assert_ne!(moved.local_addr().unwrap(), taken);
        let refused = or_free("the API", Some(taken), taken, "--listen", &quiet).await.unwrap_err().to_string();
        assert!(refused.contains(&taken.to_string()) && refused.contains("--listen"), "{refused}");
    }
}
