//! The header index: where each header stands in the buffer.

use std::ops::Range;

use super::{Defect, HEADER_BYTES_MAX, HeaderName};
use crate::grammar;

/// Headers that the index holds without an allocation.
pub(crate) const INLINE_HEADERS: usize = 32;

/// Where one header stands. Offsets count from the start of the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    line_start: u32,
    value_start: u32,
    value_end: u32,
    name_length: u16,
    pub(crate) name: HeaderName,
}

impl Entry {
    const EMPTY: Self = Self {
        line_start: 0,
        value_start: 0,
        value_end: 0,
        name_length: 0,
        name: HeaderName::Other,
    };

    pub(crate) fn line_start(&self) -> usize {
        self.line_start as usize
    }

    pub(crate) fn name_range(&self) -> Range<usize> {
        let start = self.line_start as usize;
        start..start + usize::from(self.name_length)
    }

    pub(crate) fn value_range(&self) -> Range<usize> {
        self.value_start as usize..self.value_end as usize
    }
}

/// The headers in their order; the first [`INLINE_HEADERS`] without heap.
#[derive(Debug, Clone)]
pub(crate) struct HeaderIndex {
    inline: [Entry; INLINE_HEADERS],
    inline_count: usize,
    spilled: Vec<Entry>,
}

impl HeaderIndex {
    pub(crate) fn new() -> Self {
        Self { inline: [Entry::EMPTY; INLINE_HEADERS], inline_count: 0, spilled: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.inline_count + self.spilled.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.inline[..self.inline_count].iter().chain(&self.spilled)
    }

    pub(crate) fn first(&self, name: HeaderName) -> Option<&Entry> {
        self.iter().find(|entry| entry.name == name)
    }

    fn push(&mut self, entry: Entry) {
        match self.inline.get_mut(self.inline_count) {
            Some(slot) => {
                *slot = entry;
                self.inline_count += 1;
            }
            None => self.spilled.push(entry),
        }
    }

    fn last_mut(&mut self) -> Option<&mut Entry> {
        match self.spilled.last_mut() {
            Some(last) => Some(last),
            None => self.inline[..self.inline_count].last_mut(),
        }
    }

    /// Adds the line at `start..end`, both without the line end. A line that
    /// begins with white space continues the header before it.
    ///
    /// # Errors
    /// The defect of the line. The line is in the index all the same when it
    /// has a colon.
    pub(crate) fn add_line(&mut self, raw: &[u8], start: usize, end: usize) -> Result<(), Defect> {
        let line = &raw[start..end];
        if grammar::is_lws(line[0]) {
            return self.continue_last(raw, start, end);
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return Err(Defect::HeaderLine);
        };
        let mut name_length = colon;
        while name_length > 0 && matches!(line[name_length - 1], b' ' | b'\t') {
            name_length -= 1;
        }
        let value = trim(raw, start + colon + 1, end);
        let name_text = &line[..name_length];
        let name = HeaderName::from_bytes(name_text);
        self.push(Entry {
            line_start: offset(start),
            value_start: offset(value.start),
            value_end: offset(value.end),
            name_length: u16::try_from(name_length).map_err(|_| Defect::HeaderTooLong)?,
            name,
        });
        let is_name = name != HeaderName::Other
            || (name_length > 0 && name_text.iter().all(|byte| grammar::is_token_byte(*byte)));
        match (is_name, line.len() > HEADER_BYTES_MAX) {
            (false, _) => Err(Defect::HeaderLine),
            (true, true) => Err(Defect::HeaderTooLong),
            (true, false) => Ok(()),
        }
    }

    fn continue_last(&mut self, raw: &[u8], start: usize, end: usize) -> Result<(), Defect> {
        let last = self.last_mut().ok_or(Defect::StartLine)?;
        let more = trim(raw, start, end);
        if more.is_empty() {
            return Ok(());
        }
        if last.value_start == last.value_end {
            last.value_start = offset(more.start);
        }
        last.value_end = offset(more.end);
        match more.end - last.line_start() > HEADER_BYTES_MAX {
            true => Err(Defect::HeaderTooLong),
            false => Ok(()),
        }
    }
}

fn trim(raw: &[u8], mut start: usize, mut end: usize) -> Range<usize> {
    while start < end && grammar::is_lws(raw[start]) {
        start += 1;
    }
    while end > start && grammar::is_lws(raw[end - 1]) {
        end -= 1;
    }
    start..end
}

/// Buffers are far below 4 GiB: parsers refuse them at `MESSAGE_BYTES_MAX` and
/// builders write what fits in memory beside many others.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("a message is shorter than 4 GiB")
}
