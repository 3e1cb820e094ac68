//! The NG protocol as far as the load needs it: bencode over UDP.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer is waited for, and how often a command is sent.
const TIMEOUT: Duration = Duration::from_secs(1);
const ATTEMPTS: usize = 4;
/// How long the proxy may take to start.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 65_535;

/// A value of a command.
pub enum Value<'a> {
    /// A string.
    Text(&'a str),
    /// A list of strings.
    List(&'a [&'a str]),
    /// A dictionary.
    Map(Vec<(&'a str, Value<'a>)>),
    /// A number.
    Number(i64),
}

/// The way to the proxy.
pub struct NgClient {
    socket: UdpSocket,
    next_cookie: u64,
}

impl NgClient {
    /// A client of the proxy with that address, which may still be starting.
    pub fn connect(server: SocketAddrV4) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(TIMEOUT))?;
        let mut client = Self { socket, next_cookie: 1 };
        let begun = Instant::now();
        while let Err(error) = client.command(vec![("command", Value::Text("ping"))]) {
            anyhow::ensure!(begun.elapsed() < START_PATIENCE, "the proxy does not start: {error}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(client)
    }

    /// Sends a command and gives the strings of the answer's dictionary. An error of the proxy is one here.
    pub fn command(&mut self, keys: Vec<(&str, Value<'_>)>) -> Result<BTreeMap<String, String>> {
        let cookie = format!("{}_{}", std::process::id(), self.next_cookie);
        self.next_cookie += 1;
        let mut message = format!("{cookie} ");
        print(&Value::Map(keys), &mut message);
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        for _ in 0..ATTEMPTS {
            self.socket.send(message.as_bytes())?;
            while let Ok(length) = self.socket.recv(&mut buffer) {
                if let Some(answer) = buffer[..length].strip_prefix(cookie.as_bytes()) {
                    return strings(answer);
                }
            }
        }
        bail!("the proxy does not answer");
    }
}

fn print(value: &Value<'_>, message: &mut String) {
    match value {
        Value::Text(text) => message.push_str(&format!("{}:{text}", text.len())),
        Value::Number(number) => message.push_str(&format!("i{number}e")),
        Value::List(texts) => {
            message.push('l');
            texts.iter().for_each(|text| print(&Value::Text(text), message));
            message.push('e');
        }
        Value::Map(entries) => {
            message.push('d');
            for (key, value) in entries {
                print(&Value::Text(key), message);
                print(value, message);
            }
            message.push('e');
        }
    }
}

/// The entries of an answer that are strings.
fn strings(answer: &[u8]) -> Result<BTreeMap<String, String>> {
    let mut rest = answer.strip_prefix(b" d").context("the answer is no dictionary")?;
    let mut found = BTreeMap::new();
    while !rest.is_empty() && rest[0] != b'e' {
        let key = text(&mut rest)?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            found.insert(key, text(&mut rest)?);
        } else {
            skip(&mut rest)?;
        }
    }
    match found.get("error-reason") {
        Some(reason) => bail!("the proxy says: {reason}"),
        None => Ok(found),
    }
}

fn text(rest: &mut &[u8]) -> Result<String> {
    let colon = rest.iter().position(|byte| *byte == b':').context("a string has no colon")?;
    let length: usize = std::str::from_utf8(&rest[..colon])?.parse()?;
    let bytes = rest.get(colon + 1..colon + 1 + length).context("a string is cut off")?;
    *rest = &rest[colon + 1 + length..];
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn skip(rest: &mut &[u8]) -> Result<()> {
    match rest.first().context("the answer is cut off")? {
        b'i' => {
            let end = rest.iter().position(|byte| *byte == b'e').context("a number has no end")?;
            *rest = &rest[end + 1..];
        }
        b'l' | b'd' => {
            *rest = &rest[1..];
            while *rest.first().context("the answer is cut off")? != b'e' {
                skip(rest)?;
            }
            *rest = &rest[1..];
        }
        _ => drop(text(rest)?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_bencode() {
        let mut message = String::new();
        let list = Value::List(&["origin", "x"]);
        print(&Value::Map(vec![("replace", list), ("delay", Value::Number(-3))]), &mut message);
        assert_eq!(message, "d7:replacel6:origin1:xe5:delayi-3ee");
    }

    #[test]
    fn an_answers_strings_are_found_between_other_values() {
        let found = strings(b" d3:tagld1:ai1eee3:sdp4:v=0\n6:result2:oke").unwrap();
        assert_eq!(found["sdp"], "v=0\n");
        assert_eq!(found["result"], "ok");
        assert!(strings(b" d12:error-reason4:nonee").is_err());
        assert!(strings(b" d3:sdp9:v=0e").is_err());
    }
}
