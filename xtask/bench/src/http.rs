//! Requests over one kept connection: as little work as HTTP/1.1 allows (RFC 9112), for answers of our own server.
//!
//! A measuring stick, not a client to imitate: no redirects, no compression, no chunks.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing asked here takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    line: String,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let stream = BufReader::new(stream);
        Ok(Client { stream, host: address.to_owned(), line: String::new(), body: Vec::new() })
    }

    /// Asks for a page; its status.
    pub(crate) fn get(&mut self, path: &str, agent: &str) -> Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    /// Sends something in; status and body.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        key: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<(u16, Value)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        let status = self.answer()?;
        Ok((status, serde_json::from_slice(&self.body).unwrap_or(Value::Null)))
    }

    /// Asks the API; fails unless it succeeds.
    pub(crate) fn ask(&mut self, method: &str, path: &str, key: &str, body: &Value) -> Result<Value> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.send(method, path, key, "application/json", text.as_bytes())?;
        if status / 100 == 2 { Ok(answer) } else { bail!("{method} {path} answered {status}: {answer}") }
    }

    fn answer(&mut self) -> Result<u16> {
        let status = self.header()?.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP answer")?;
        let mut length = 0;
        loop {
            let line = self.header()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a broken header")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    fn header(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            bail!("the server hung up");
        }
        Ok(self.line.trim_end())
    }
}
