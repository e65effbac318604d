//! Just enough of the Postgres protocol to ask a trusting loopback server one simple question, without a client library.

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the server made of a statement.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// The first column of every row, NULL as an empty string.
    Rows(Vec<String>),
    /// An error, while connecting or running.
    Refused { code: String, message: String },
}

/// Connects as `sillage`, runs one statement, disconnects.
pub(crate) async fn query(port: u16, database: &str, sql: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let protocol_3 = 196_608_u32.to_be_bytes();
    let startup = [&protocol_3[..], b"user\0sillage\0database\0", database.as_bytes(), b"\0\0"].concat();
    stream.write_all(&[&length_of(&startup)?, &startup[..]].concat()).await?;
    let mut rows = Vec::new();
    let mut is_asked = false;
    loop {
        let (kind, body) = read_message(&mut stream).await?;
        match kind {
            b'E' => return Ok(refusal(&body)),
            b'R' if body != [0; 4] => {
                return Ok(Answer::Refused {
                    code: "28000".to_owned(),
                    message: "the server wants a password".to_owned(),
                });
            }
            b'D' => rows.push(first_column(&body)),
            b'Z' if is_asked => {
                stream.write_all(b"X\0\0\0\x04").await?;
                return Ok(Answer::Rows(rows));
            }
            b'Z' => {
                is_asked = true;
                let text = [sql.as_bytes(), b"\0"].concat();
                stream.write_all(&[b"Q", &length_of(&text)?[..], &text[..]].concat()).await?;
            }
            _ => {}
        }
    }
}

/// The length prefix of a message: it counts itself.
fn length_of(body: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(body.len() + 4).map_err(io::Error::other)?;
    Ok(length.to_be_bytes())
}

async fn read_message(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?;
    // 16 MB: whatever answers with more is not our server.
    let length = length.checked_sub(4).filter(|length| *length < 1 << 24);
    let length = length.ok_or(io::ErrorKind::InvalidData)?;
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn first_column(row: &[u8]) -> String {
    let column = || {
        let (length, rest) = row.get(2..)?.split_first_chunk::<4>()?;
        rest.get(..usize::try_from(i32::from_be_bytes(*length)).ok()?)
    };
    String::from_utf8_lossy(column().unwrap_or_default()).into_owned()
}

fn refusal(fields: &[u8]) -> Answer {
    let field = |wanted: u8| {
        let found = fields.split(|byte| *byte == 0).find(|field| field.first() == Some(&wanted));
        String::from_utf8_lossy(found.and_then(|field| field.get(1..)).unwrap_or_default()).into_owned()
    };
    Answer::Refused { code: field(b'C'), message: field(b'M') }
}
