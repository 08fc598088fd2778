//! Requests over one kept connection: as little work as HTTP/1.1 allows (RFC 9112), for answers of our own server.
//!
//! A measuring stick, not a client to imitate: no redirects, and what is compressed is only weighed.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Nothing asked here takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// A connection to the server, which hangs up after half a minute of silence.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    line: String,
    body: Vec<u8>,
    /// What the last answer set.
    cookie: String,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let stream = BufReader::new(stream);
        Ok(Client { stream, host: address.to_owned(), line: String::new(), body: Vec::new(), cookie: String::new() })
    }

    /// Asks for a page; its status.
    pub(crate) fn get(&mut self, path: &str, agent: &str) -> Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {agent}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    /// Signs in as a browser does; the cookie.
    pub(crate) fn sign_in(&mut self, email: &str, password: &str) -> Result<String> {
        let form = format!("email={}&password={}", email.replace('@', "%40"), password.replace(' ', "+"));
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}",
            self.host,
            form.len()
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        let status = self.answer()?;
        if status == 303 && !self.cookie.is_empty() { Ok(self.cookie.clone()) } else { bail!("signing in: {status}") }
    }

    /// Looks at a page as a browser of somebody who signed in; its status and the octets of it that came over the wire.
    pub(crate) fn look(&mut self, path: &str, cookie: &str) -> Result<(u16, usize)> {
        self.browse(path, cookie, "gzip, deflate, br")
    }

    /// What a page says.
    pub(crate) fn read(&mut self, path: &str, cookie: &str) -> Result<String> {
        let (status, _) = self.browse(path, cookie, "identity")?;
        if status == 200 { Ok(self.text()) } else { bail!("{path} was answered with {status}") }
    }

    fn browse(&mut self, path: &str, cookie: &str, encodings: &str) -> Result<(u16, usize)> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nAccept-Encoding: {encodings}\r\n\r\n",
            self.host
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        Ok((self.answer()?, self.body.len()))
    }

    /// The last answer's body.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
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
        let (mut length, mut cookie) = (0, None);
        loop {
            let line = self.header()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("a broken header")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
            if name.eq_ignore_ascii_case("set-cookie") {
                cookie = Some(value.trim().split(';').next().unwrap_or_default().to_owned());
            }
        }
        self.cookie = cookie.unwrap_or_default();
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

/// Watches a page that moves for a while; how often its figures were drawn.
pub(crate) fn watch(address: &str, path: &str, cookie: &str, lasting: Duration) -> Result<u64> {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n")?;
    let (mut lines, mut line, mut drawn) = (BufReader::new(stream), String::new(), 0);
    // A page where nothing moves is silent until long after that.
    while let Some(left) = lasting.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        lines.get_ref().set_read_timeout(Some(left))?;
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => bail!("the stream ended"),
            Ok(_) => {}
            Err(silent) if matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => return Err(error.into()),
        }
        if line.starts_with("HTTP/1.1") && !line.contains(" 200 ") {
            bail!("{path} was answered with {line}");
        }
        drawn += u64::from(line.starts_with("event: equation"));
    }
    Ok(drawn)
}
