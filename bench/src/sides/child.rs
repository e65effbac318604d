//! One side as a child process: the same binary again, told by its standard input what to serve.
//!
//! Both sides of a comparison and the load then are processes of their own, scheduled alike. The child ends when its
//! standard input does, so none outlives the run.

use crate::Failure;
use crate::sides::{minimal, sillage};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

/// The first argument of a child.
pub(crate) const SERVE: &str = "serve-one-side";
/// How long a child may take to serve, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a child serves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Side {
    /// Sillage itself.
    Sillage(sillage::Setup),
    /// One INSERT per request.
    Insert {
        /// The database with the table.
        database_url: String,
    },
    /// One SELECT per request.
    Select {
        /// The database with the table.
        database_url: String,
    },
}

/// A child that serves.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    child: Child,
    input: ChildStdin,
}

impl Serving {
    /// Starts a child and waits until it listens. What it logs goes to a file in `folder`.
    pub(crate) async fn start(side: &Side, folder: &Path) -> Result<Self, Failure> {
        let log = std::fs::File::create(folder.join(format!("side-{}.log", uuid::Uuid::new_v4().simple())))?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut input = child.stdin.take().ok_or("the child has no standard input")?;
        let mut errors = BufReader::new(child.stderr.take().ok_or("the child has no standard error")?).lines();
        let mut setup = serde_json::to_vec(side)?;
        setup.push(b'\n');
        input.write_all(&setup).await?;
        let first = tokio::time::timeout(PATIENCE, errors.next_line()).await.map_err(|_| "a side does not start")??;
        let first = first.ok_or("a side ended before it served")?;
        let address = first.parse().map_err(|_| format!("a side did not start: {first}"))?;
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                eprintln!("side: {line}");
            }
        });
        Ok(Self { address, child, input })
    }

    /// Lets it finish what is in hand and end.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let Self { mut child, input, .. } = self;
        drop(input);
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.map_err(|_| "a side does not end")??;
        if status.success() { Ok(()) } else { Err(format!("a side ended with {status}").into()) }
    }
}

/// The child's `main`: reads what to serve, says where it listens, serves until its standard input ends.
pub(crate) async fn serve() -> Result<(), Failure> {
    let mut setup = String::new();
    std::io::stdin().read_line(&mut setup)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let shutdown = CancellationToken::new();
    let over = shutdown.clone();
    let ready = move || {
        eprintln!("{address}");
        std::thread::spawn(move || {
            // However the parent ends, this comes to an end with it.
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            over.cancel();
        });
    };
    match serde_json::from_str(&setup)? {
        Side::Sillage(setup) => sillage::serve(&setup, listener, shutdown, ready).await,
        Side::Insert { database_url } => minimal::serve_inserts(&database_url, listener, shutdown, ready).await,
        Side::Select { database_url } => minimal::serve_selects(&database_url, listener, shutdown, ready).await,
    }
}
