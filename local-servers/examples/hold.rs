//! Starts private servers, says how long that took, and holds them until a line or the end of stdin: `hold <data> <bin> [durable]`.

use std::time::Instant;

use local_servers::{Options, start};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(data), Some(bin)) = (arguments.next(), arguments.next()) else {
        return Err("usage: hold <data folder> <folder for fetched programs> [durable]".into());
    };
    let options = Options { durable: arguments.next().is_some(), ..Options::new(data, bin) };
    let began = Instant::now();
    let servers = start(options, |line| println!("{:6} ms  {line}", began.elapsed().as_millis())).await?;
    println!("{:6} ms  ready: {} {:?}", began.elapsed().as_millis(), servers.database_url, servers.nats_url);
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
    let began = Instant::now();
    servers.stop().await?;
    println!("{:6} ms  stopped", began.elapsed().as_millis());
    Ok(())
}
