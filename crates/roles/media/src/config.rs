use crate::state::InbandDtmf;
use offhook_model::AllowedHost;
use offhook_net::packet_io::PacketIoKind;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// The lowest even RTP port of the default range.
pub const PORT_MIN: u16 = 30_000;
/// The upper end of the default range, not included.
pub const PORT_MAX: u16 = 40_000;
/// Legs at a time unless configured otherwise.
pub const LEGS_MAX: usize = 4_000;
/// Seconds without a packet before a leg is reported silent, unless configured otherwise.
pub const SILENT_AFTER_S: u32 = 30;
/// Percent of its time that a media thread may have work, unless configured otherwise, before it takes on no
/// further transcoding and mixing.
pub const LOAD_MAX_PERCENT: u8 = 85;

/// How the media threads reach their packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacketIoChoice {
    /// `io_uring` where the kernel allows it, epoll elsewhere.
    #[default]
    Auto,
    /// `io_uring`; without it the role does not start.
    IoUring,
    /// epoll.
    Epoll,
}

impl PacketIoChoice {
    /// What was asked for; `None` when whatever works best is.
    pub(crate) fn wanted(self) -> Option<PacketIoKind> {
        match self {
            Self::Auto => None,
            Self::IoUring => Some(PacketIoKind::IoUring),
            Self::Epoll => Some(PacketIoKind::Epoll),
        }
    }
}

/// Audio forks at a time unless configured otherwise.
pub const FORKS_MAX: usize = 200;

/// Where the audio of calls may be forked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForkConfig {
    /// The hosts that audio may be forked to; none unless configured, so that nobody who may order a fork
    /// can make this server connect to wherever they like.
    pub allowed_hosts: Vec<AllowedHost>,
    /// A PEM file with further certificate authorities that `wss` receivers may have their certificates of.
    pub ca_file: Option<PathBuf>,
    /// How many forks there may be at a time; further ones are refused.
    pub forks_max: usize,
}

impl Default for ForkConfig {
    fn default() -> Self {
        Self { allowed_hosts: Vec::new(), ca_file: None, forks_max: FORKS_MAX }
    }
}

/// Settings of the media role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The address on which RTP is received and from which it is sent.
    pub bind: IpAddr,
    /// The addresses that descriptions name, the first of them in the connection line and every one as an
    /// ICE candidate. Empty: the bound address, or the machine's own when that is `0.0.0.0` or `::`.
    pub advertise: Vec<IpAddr>,
    /// The first port of the range for RTP. RTP takes the even port of a pair, RTCP the odd one above it.
    pub port_min: u16,
    /// The end of the range, not included. When both ends are zero the kernel chooses, and pairs are not
    /// neighbours.
    pub port_max: u16,
    /// Media threads; zero means one for each processor.
    pub threads: usize,
    /// The processors that the media threads are bound to, one after the other and again from the first
    /// when there are more threads. Empty: the kernel moves them as it likes.
    pub pin: Vec<usize>,
    /// How the media threads reach their packets.
    pub packet_io: PacketIoChoice,
    /// How many legs there may be at a time; further ones are refused.
    pub legs_max: usize,
    /// After how many seconds without a packet a leg is reported silent. Zero never does.
    pub silent_after_s: u32,
    /// The folder of the sound files (WAV, MP3, Ogg) that `file:name` prompts name; `prompts` in the data
    /// folder unless set.
    pub prompts: Option<PathBuf>,
    /// The folder of recordings; `recordings` in the data directory when it is not named.
    pub recordings: Option<PathBuf>,
    /// The files of the keys with which recordings are encrypted: the first encrypts, the others open what
    /// was encrypted before. Empty: recordings are not encrypted.
    #[serde(deserialize_with = "one_or_more")]
    pub recordings_key_file: Vec<PathBuf>,
    /// After how many days recordings are deleted; zero keeps them for ever.
    pub recordings_keep_days: u32,
    /// Whether a party whose partner holds the call without sending anything hears our hold music.
    pub hold_music: bool,
    /// When keys are listened for in the audio: `needed`, when no telephone-event was agreed on with the
    /// party; `always`; or `never`.
    pub inband_dtmf: InbandDtmf,
    /// How many percent of its time a media thread may have work before it takes on no further transcoding
    /// and mixing: such calls are refused, those that run go on. Zero for no limit.
    pub load_max_percent: u8,
    /// The file of the numbers of packets that are passed on and encrypted, for the process after this one. It
    /// should be in memory: media threads write into it. Absent: one in `/dev/shm` while calls are kept.
    pub numbers_file: Option<PathBuf>,
    /// Audio forks to WebSocket servers.
    pub fork: ForkConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            advertise: Vec::new(),
            port_min: PORT_MIN,
            port_max: PORT_MAX,
            threads: 0,
            pin: Vec::new(),
            packet_io: PacketIoChoice::Auto,
            legs_max: LEGS_MAX,
            silent_after_s: SILENT_AFTER_S,
            prompts: None,
            recordings: None,
            recordings_key_file: Vec::new(),
            recordings_keep_days: 0,
            hold_music: true,
            inband_dtmf: InbandDtmf::default(),
            load_max_percent: LOAD_MAX_PERCENT,
            numbers_file: None,
            fork: ForkConfig::default(),
        }
    }
}

/// A file, or a list of them.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "the path of a key file, or a list of such paths")]
    enum Files {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    Ok(match Files::deserialize(deserializer)? {
        Files::One(file) => vec![file],
        Files::More(files) => files,
    })
}
