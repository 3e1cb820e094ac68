//! From bytes to a [`SessionDescription`].

use crate::description::{
    Connection, Line, MediaDescription, MediaKind, Origin, Protocol, SessionDescription,
};

/// Bytes of a description that are read at most.
pub const DESCRIPTION_BYTES_MAX: usize = 64 * 1024;
/// Lines of a description.
pub const LINES_MAX: usize = 4_000;
/// Bytes of one line.
pub const LINE_BYTES_MAX: usize = 8 * 1024;
/// Media sections of a description.
pub const MEDIA_SECTIONS_MAX: usize = 128;
/// Formats of one media section.
pub const FORMATS_MAX: usize = 256;

/// Why a body is no session description: the line and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SDP line {line}: {problem}")]
pub struct ParseError {
    /// The line's number, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The body has more than [`DESCRIPTION_BYTES_MAX`] bytes.
    #[error("the description is longer than {DESCRIPTION_BYTES_MAX} bytes")]
    DescriptionTooLong,
    /// The body has more than [`LINES_MAX`] lines.
    #[error("the description has more than {LINES_MAX} lines")]
    TooManyLines,
    /// The line has more than [`LINE_BYTES_MAX`] bytes.
    #[error("the line is longer than {LINE_BYTES_MAX} bytes")]
    LineTooLong,
    /// There are more than [`MEDIA_SECTIONS_MAX`] media sections.
    #[error("the description has more than {MEDIA_SECTIONS_MAX} media sections")]
    TooManyMediaSections,
    /// The `m=` line has more than [`FORMATS_MAX`] formats.
    #[error("the media line has more than {FORMATS_MAX} formats")]
    TooManyFormats,
    /// The line is not a letter, `=` and a value.
    #[error("a line is a letter, \"=\" and a value")]
    NotALine,
    /// The line has a NUL or a CR within it.
    #[error("the line has a NUL or CR byte in it")]
    ForbiddenByte,
    /// The body does not begin with `v=`.
    #[error("the first line is v=0")]
    NoVersion,
    /// The version is not 0.
    #[error("only version 0 is known")]
    UnknownVersion,
    /// There is no `o=` line before the media, or there are two.
    #[error("there is one o= line in the session part")]
    NotOneOrigin,
    /// The `o=` line does not have six fields.
    #[error("the origin has six fields")]
    BadOrigin,
    /// The `c=` line does not have three fields.
    #[error("the connection has a network type, an address type and an address")]
    BadConnection,
    /// The `m=` line lacks a media type, a port or a protocol.
    #[error("the media line has a type, a port, a protocol and formats")]
    BadMedia,
    /// The port of the `m=` line is no number of 16 bits.
    #[error("the port is a number from 0 to 65535")]
    BadPort,
}

pub(crate) fn parse(input: &[u8]) -> Result<SessionDescription, ParseError> {
    if input.len() > DESCRIPTION_BYTES_MAX {
        return Err(at(1, Problem::DescriptionTooLong));
    }
    let text = String::from_utf8_lossy(input);
    let mut reader = Reader::default();
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        reader.handle_line(number, line).map_err(|p| at(number, p))?;
        reader.last_number = number;
    }
    let last_number = reader.last_number;
    reader.finish().map_err(|p| at(last_number, p))
}

fn at(line: usize, problem: Problem) -> ParseError {
    ParseError { line, problem }
}

#[derive(Default)]
struct Reader {
    last_number: usize,
    has_version: bool,
    origin: Option<Origin>,
    lines: Vec<Line>,
    media: Vec<MediaDescription>,
}

impl Reader {
    fn handle_line(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if number > LINES_MAX {
            return Err(Problem::TooManyLines);
        }
        if line.len() > LINE_BYTES_MAX {
            return Err(Problem::LineTooLong);
        }
        if line.bytes().any(|byte| byte == 0 || byte == b'\r') {
            return Err(Problem::ForbiddenByte);
        }
        let (kind, value) = split(line)?;
        if !self.has_version {
            return self.handle_version(kind, value);
        }
        self.handle_field(kind, value)
    }

    fn handle_version(&mut self, kind: u8, value: &str) -> Result<(), Problem> {
        if kind != b'v' {
            return Err(Problem::NoVersion);
        }
        if value.trim_ascii() != "0" {
            return Err(Problem::UnknownVersion);
        }
        self.has_version = true;
        Ok(())
    }

    fn handle_field(&mut self, kind: u8, value: &str) -> Result<(), Problem> {
        match kind {
            b'o' if self.origin.is_some() || !self.media.is_empty() => Err(Problem::NotOneOrigin),
            b'o' => {
                self.origin = Some(origin(value)?);
                Ok(())
            }
            b'm' if self.media.len() == MEDIA_SECTIONS_MAX => Err(Problem::TooManyMediaSections),
            b'm' => {
                self.media.push(media(value)?);
                Ok(())
            }
            b'v' => Err(Problem::UnknownVersion),
            b'c' if value.parse::<Connection>().is_err() => Err(Problem::BadConnection),
            _ => {
                self.push(Line::new(kind, value));
                Ok(())
            }
        }
    }

    fn push(&mut self, line: Line) {
        match self.media.last_mut() {
            Some(media) => media.lines.push(line),
            None => self.lines.push(line),
        }
    }

    fn finish(mut self) -> Result<SessionDescription, Problem> {
        if !self.has_version {
            return Err(Problem::NoVersion);
        }
        let origin = self.origin.take().ok_or(Problem::NotOneOrigin)?;
        self.fill_in_mandatory();
        Ok(SessionDescription { origin, lines: self.lines, media: self.media })
    }

    /// Puts a missing `s=` first and a missing `t=` before `z=`, `k=` and the attributes.
    fn fill_in_mandatory(&mut self) {
        let has = |lines: &[Line], kind| lines.iter().any(|line| line.kind == kind);
        if !has(&self.lines, b's') {
            self.lines.insert(0, Line::new(b's', "-"));
        }
        if !has(&self.lines, b't') {
            let mut lines = self.lines.iter();
            let place = lines.position(|line| matches!(line.kind, b'z' | b'k' | b'a'));
            let place = place.unwrap_or(self.lines.len());
            self.lines.insert(place, Line::new(b't', "0 0"));
        }
    }
}

fn split(line: &str) -> Result<(u8, &str), Problem> {
    let (kind, value) = line.split_once('=').ok_or(Problem::NotALine)?;
    match kind.as_bytes() {
        [kind] if kind.is_ascii_alphabetic() => Ok((*kind, value)),
        _ => Err(Problem::NotALine),
    }
}

fn origin(value: &str) -> Result<Origin, Problem> {
    let mut fields = value.split_ascii_whitespace();
    let mut next = || fields.next().map(str::to_owned).ok_or(Problem::BadOrigin);
    Ok(Origin {
        username: next()?,
        session_id: next()?,
        version: next()?,
        address: Connection { network: next()?, address_type: next()?, address: next()? },
    })
}

fn media(value: &str) -> Result<MediaDescription, Problem> {
    let mut fields = value.split_ascii_whitespace();
    let kind = fields.next().ok_or(Problem::BadMedia)?;
    let (port, port_count) = port(fields.next().ok_or(Problem::BadMedia)?)?;
    let protocol = fields.next().ok_or(Problem::BadMedia)?;
    let formats: Vec<String> = fields.map(str::to_owned).collect();
    if formats.len() > FORMATS_MAX {
        return Err(Problem::TooManyFormats);
    }
    Ok(MediaDescription {
        kind: MediaKind::from(kind),
        port,
        port_count,
        protocol: Protocol::from(protocol),
        formats,
        lines: Vec::new(),
    })
}

fn port(field: &str) -> Result<(u16, Option<u16>), Problem> {
    let number = |text: &str| text.parse().map_err(|_| Problem::BadPort);
    match field.split_once('/') {
        Some((port, count)) => Ok((number(port)?, Some(number(count)?))),
        None => Ok((number(field)?, None)),
    }
}
