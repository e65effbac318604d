//! A lean HTTP/1.1 client: one keep-alive connection, one request at a time, buffers used again.
//!
//! It knows just enough to talk to the servers of this benchmark and to notice when an answer is not the expected
//! one; the less the load costs, the more of the machine is left for what is measured.

use crate::Failure;
use std::io::Write as _;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection.
pub(crate) struct HttpClient {
    stream: TcpStream,
    /// Sent with each request.
    headers: String,
    out: Vec<u8>,
    received: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl HttpClient {
    /// Connects; `token` is sent with each request, where there is one.
    pub(crate) async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut headers = format!("host: {address}\r\n");
        if let Some(token) = token {
            headers.push_str("authorization: Bearer ");
            headers.push_str(token);
            headers.push_str("\r\n");
        }
        Ok(Self { stream, headers, out: Vec::with_capacity(4_096), received: Vec::with_capacity(4_096) })
    }

    /// Reads one thing.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer<'_>, Failure> {
        self.out.clear();
        write!(self.out, "GET {path} HTTP/1.1\r\n{}\r\n", self.headers)?;
        self.exchange().await
    }

    /// Sends JSON; with a new idempotency key each time, where the server asks for one.
    pub(crate) async fn post(&mut self, path: &str, body: &[u8], keyed: bool) -> Result<Answer<'_>, Failure> {
        self.out.clear();
        let length = body.len();
        write!(self.out, "POST {path} HTTP/1.1\r\n{}content-type: application/json\r\n", self.headers)?;
        if keyed {
            write!(self.out, "idempotency-key: {}\r\n", Uuid::new_v4())?;
        }
        write!(self.out, "content-length: {length}\r\n\r\n")?;
        self.out.extend_from_slice(body);
        self.exchange().await
    }

    async fn exchange(&mut self) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(&self.out).await?;
        self.received.clear();
        let mut head = None;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if head.is_none() {
                head = parse_head(&self.received)?;
            }
            if let Some(Head { status, begin, length }) = head
                && self.received.len() >= begin + length
            {
                return Ok(Answer { status, body: &self.received[begin..begin + length] });
            }
        }
    }
}

impl Answer<'_> {
    /// The body, if the answer is a success; otherwise what the server says.
    pub(crate) fn success(&self) -> Result<&[u8], Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(format!("the server answered {}: {}", self.status, String::from_utf8_lossy(self.body)).into())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    begin: usize,
    length: usize,
}

/// The head of an answer, or nothing while it is not all there.
fn parse_head(received: &[u8]) -> Result<Option<Head>, Failure> {
    let Some(end) = received.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("the answer has no status")?.parse()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    let length = length.ok_or("the answer does not tell its length")?.parse()?;
    Ok(Some(Head { status, begin: end + END_OF_HEAD.len(), length }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_all_there() {
        let answer = b"HTTP/1.1 201 Created\r\nETag: \"1\"\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(parse_head(answer).unwrap(), Some(Head { status: 201, begin: answer.len() - 5, length: 5 }));
        assert_eq!(parse_head(&answer[..40]).unwrap(), None);
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn only_a_success_has_a_body_to_use() {
        assert!(Answer { status: 409, body: b"{}" }.success().is_err());
        assert_eq!(Answer { status: 200, body: b"{}" }.success().unwrap(), b"{}");
    }
}
