//! Sections of one description that are served each by its own side: taken apart and put together.

use crate::description::{Connection, Line, MediaDescription, MediaKind, SessionDescription};
use crate::opaque::TRANSPORT_ATTRIBUTES;

/// The header extension that carries a section's `mid` (RFC 9143 15). A section alone needs none, and a
/// `mid` that the receiver does not know makes it drop the packet.
const MID_EXTENSION: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

impl SessionDescription {
    /// The first video section that has a transport of its own, with its index.
    ///
    /// One that is `bundle-only` (RFC 9143 6) has none, and one on whose transport another section depends
    /// so has none for itself.
    pub fn video(&self) -> Option<(usize, &MediaDescription)> {
        if self.media.iter().any(|section| section.has("bundle-only")) {
            return None;
        }
        let mut sections = self.media.iter().enumerate();
        sections.find(|(_, section)| section.kind == MediaKind::Video && section.port != 0)
    }

    /// The description with one section alone, which is in no group any longer; `None` when there is no
    /// such section.
    pub fn section_alone(&self, index: usize) -> Option<Self> {
        let mut section = self.media.get(index)?.clone();
        let is_group = |line: &Line| matches!(line.as_attribute(), Some(("group", _)));
        let is_mid = |line: &Line| {
            let Some(("extmap", map)) = line.as_attribute() else { return false };
            map.split_ascii_whitespace().nth(1) == Some(MID_EXTENSION)
        };
        section.lines.retain(|line| !is_mid(line));
        let mut lines = self.lines.clone();
        lines.retain(|line| !is_group(line));
        Some(Self { origin: self.origin.clone(), lines, media: vec![section] })
    }

    /// Puts the one section of `other` at an index, where a rejected one stands or the list ends; false
    /// when there is no such place.
    ///
    /// The section keeps the `mid` of the rejected one when `keeps_mid`, and gets one that no section has
    /// otherwise. Where the description has no `mid`s it gets none. It is in no group.
    pub fn put_section(&mut self, index: usize, other: &Self, keeps_mid: bool) -> bool {
        let Some(mut section) = other.media.first().cloned() else { return false };
        if index > self.media.len() {
            return false;
        }
        let known = self.media.get(index).and_then(MediaDescription::mid).map(str::to_owned);
        let mid = match known {
            Some(mid) if keeps_mid => Some(mid),
            _ => self.has_mids().then(|| self.free_mid(index, section.mid())),
        };
        section.set_mid(mid.as_deref());
        if section.connection().is_none()
            && let Some(connection) = other.connection(&section)
        {
            section.set_connection(&connection);
        }
        if other.is_ice_lite() && !self.is_ice_lite() {
            self.lines.push(Line::attribute("ice-lite", ""));
        }
        if index == self.media.len() {
            self.media.push(section);
        } else {
            self.media[index] = section;
        }
        true
    }

    /// Takes every section out of its bundle: each has a transport of its own (RFC 9143).
    pub fn unbundle(&mut self) {
        let is_bundle = |line: &Line| match line.as_attribute() {
            Some(("group", group)) => group.split_ascii_whitespace().next() == Some("BUNDLE"),
            _ => false,
        };
        self.lines.retain(|line| !is_bundle(line));
    }

    /// Whether the section is to share a transport with another.
    pub fn is_bundled_with_others(&self, section: &MediaDescription) -> bool {
        let Some(mid) = section.mid() else { return false };
        let is_it = |found: &String| found == mid;
        self.bundles().iter().any(|group| group.mids.len() > 1 && group.mids.iter().any(is_it))
    }

    /// Lets an offer have every section of the description that the other side has last: those that are
    /// rejected here or missing are as they were there, rejected (RFC 3264 8).
    pub fn keep_sections_of(&mut self, previous: &Self) {
        for (index, before) in previous.media.iter().enumerate() {
            match self.media.get_mut(index) {
                Some(section) if section.port == 0 => *section = before.rejected(),
                Some(_) => {}
                None => self.media.push(before.rejected()),
            }
        }
    }

    /// Gives the description the version that follows that of the description which the other side has
    /// last: one higher when anything has changed (RFC 3264 8).
    pub fn set_version_after(&mut self, previous: &Self) {
        self.origin.version.clone_from(&previous.origin.version);
        if self != previous {
            let before = previous.origin.version.parse::<u64>().unwrap_or_default();
            self.origin.version = before.saturating_add(1).to_string();
        }
    }

    fn has_mids(&self) -> bool {
        self.media.iter().any(|section| section.mid().is_some())
    }

    /// The wanted `mid`, unless another section than the one at `index`, or that one itself, has it.
    fn free_mid(&self, index: usize, wanted: Option<&str>) -> String {
        let is_free = |mid: &str| self.section_with_mid(mid).is_none();
        if let Some(wanted) = wanted.filter(|mid| is_free(mid)) {
            return wanted.to_owned();
        }
        let mut made = (index..).map(|number| format!("v{number}"));
        made.find(|mid| is_free(mid)).expect("numbers do not end before the mids of a description")
    }
}

impl MediaDescription {
    /// Whether the section says the same of its streams as another; their transports and `mid`s may
    /// differ.
    pub fn has_streams_of(&self, other: &Self) -> bool {
        let is_of_streams = |line: &&Line| match line.as_attribute() {
            Some((name, _)) => name != "mid" && !TRANSPORT_ATTRIBUTES.contains(&name),
            None => line.kind != b'c',
        };
        (self.port == 0) == (other.port == 0)
            && self.kind == other.kind
            && self.protocol == other.protocol
            && self.formats == other.formats
            && self.lines.iter().filter(is_of_streams).eq(other.lines.iter().filter(is_of_streams))
    }

    fn set_mid(&mut self, mid: Option<&str>) {
        self.lines.retain(|line| !matches!(line.as_attribute(), Some(("mid", _))));
        if let Some(mid) = mid {
            self.push_attribute("mid", mid);
        }
    }

    fn set_connection(&mut self, connection: &Connection) {
        self.lines.insert(0, Line::new(b'c', connection.to_string()));
    }
}
