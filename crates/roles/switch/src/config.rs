use offhook_model::{AllowedHost, RecordingFormat, RecordingLayout};
use serde::{Deserialize, Deserializer, Serialize, de};

/// What an operator can set for the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The host and port that stand in our Contact and Via. Devices never connect to it: their messages
    /// come through the edge, whose Route they carry.
    pub contact: String,
    /// Calls at once; beyond, a new call is answered with 503.
    pub calls_max: usize,
    /// The session interval proposed to devices, seconds (RFC 4028): at least 90, or 0 to propose none.
    #[serde(deserialize_with = "session_interval")]
    pub session_expires_s: u32,
    /// How long a party whose device is lost may come back to its call, seconds; 0 ends the call at once.
    pub reattach_s: u32,
    /// Whether every call is recorded from its answer to its end, without being asked to.
    pub record_calls: bool,
    /// The kind of file of recordings: `wav` or `ogg_opus`.
    pub recording_format: RecordingFormat,
    /// The channels of recordings: `stereo`, with the caller left and what it hears right, or `mixed`.
    pub recording_layout: RecordingLayout,
    /// Whether those who are recorded hear a short tone in the beginning and every 15 seconds.
    pub recording_tone: bool,
    /// The webhooks that menus ask.
    pub webhook: WebhookConfig,
    /// What messages may be.
    pub voicemail: VoicemailConfig,
}

/// What a message may be that a caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VoicemailConfig {
    /// The longest message, seconds: 1 to 3600.
    #[serde(deserialize_with = "message_length")]
    pub message_max_s: u32,
    /// Silence that ends a message, seconds: 1 to 3600.
    #[serde(deserialize_with = "message_length")]
    pub silence_s: u32,
    /// A message with less speech than this is dropped, milliseconds.
    pub speech_min_ms: u32,
}

impl Default for VoicemailConfig {
    fn default() -> Self {
        Self { message_max_s: 180, silence_s: 5, speech_min_ms: 1_000 }
    }
}

/// Which webhooks menus may ask.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The hosts that may be asked; none unless configured, so that nobody who may change a menu can make
    /// this server connect to wherever they like.
    pub allowed_hosts: Vec<AllowedHost>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contact: "127.0.0.1:5080".to_owned(),
            calls_max: 10_000,
            session_expires_s: 1_800,
            reattach_s: 30,
            record_calls: false,
            recording_format: RecordingFormat::Wav,
            recording_layout: RecordingLayout::Stereo,
            recording_tone: false,
            webhook: WebhookConfig::default(),
            voicemail: VoicemailConfig::default(),
        }
    }
}

/// The shortest session interval (RFC 4028 section 4), in seconds.
const SESSION_EXPIRES_MIN_S: u32 = 90;

/// How long a message, or the silence that ends it, may be, in seconds.
const MESSAGE_S: std::ops::RangeInclusive<u32> = 1..=3_600;

fn message_length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    if !MESSAGE_S.contains(&seconds) {
        let found = de::Unexpected::Unsigned(seconds.into());
        return Err(de::Error::invalid_value(found, &"1 to 3600 seconds"));
    }
    Ok(seconds)
}

fn session_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let seconds = u32::deserialize(deserializer)?;
    if (1..SESSION_EXPIRES_MIN_S).contains(&seconds) {
        let found = de::Unexpected::Unsigned(seconds.into());
        return Err(de::Error::invalid_value(found, &"0, or at least 90 seconds (RFC 4028)"));
    }
    Ok(seconds)
}
