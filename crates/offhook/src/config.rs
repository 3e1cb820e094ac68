//! The configuration: a TOML file and the environment, checked before anything starts.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// Everything an operator can set. Each role declares its own part and sees no other's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the database, recordings and keys are.
    pub data_dir: PathBuf,
    /// How long a stop waits for calls to end by themselves, seconds.
    pub stop_grace_s: u64,
    /// The edge: where SIP is spoken.
    pub edge: offhook_edge::Config,
    /// The switch: the calls.
    pub switch: offhook_switch::Config,
    /// The media role: RTP.
    pub media: offhook_media::Config,
    /// Text to speech.
    pub speech: offhook_speech::Config,
    /// The gateway: HTTP.
    pub gateway: offhook_gateway::Config,
    /// The door for RTPengine's clients.
    pub ng: offhook_ng_door::Config,
    /// Voicemail.
    pub voicemail: offhook_mailbox::Config,
    /// What outlives the process.
    pub shared_state: offhook_snapshots::Config,
    /// The API.
    pub api: offhook_api::Config,
    /// Logs.
    pub telemetry: offhook_telemetry::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./offhook-data"),
            stop_grace_s: 30,
            edge: offhook_edge::Config::default(),
            switch: offhook_switch::Config::default(),
            media: offhook_media::Config::default(),
            speech: offhook_speech::Config::default(),
            gateway: offhook_gateway::Config::default(),
            ng: offhook_ng_door::Config::default(),
            voicemail: offhook_mailbox::Config::default(),
            shared_state: offhook_snapshots::Config::default(),
            api: offhook_api::Config::default(),
            telemetry: offhook_telemetry::Config::default(),
        }
    }
}

/// What begins the name of a variable that overrides a key: `OFFHOOK_EDGE__UDP_PORT` is `edge.udp_port`.
const PREFIX: &str = "OFFHOOK_";

impl Config {
    /// Reads the file, if one is named, and lays the environment over it.
    ///
    /// # Errors
    /// When a key is unknown or a value not allowed: the message names the file and line, or the variable,
    /// and what is allowed.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        demo: bool,
    ) -> anyhow::Result<Self> {
        let text = match file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the configuration {}", path.display()))?,
            None => String::new(),
        };
        let name = file.map_or_else(String::new, |path| path.display().to_string());
        // The text itself is checked first: only then does an error know its line.
        let _: Self = toml::from_str(&text).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        let mut table = if demo { on_loopback() } else { toml::Table::new() };
        merge(&mut table, text.parse()?);
        for (variable, value) in environment {
            overlay(&mut table, &variable, &value)?;
        }
        let config: Self = table.try_into()?;
        config.edge.limits.check().map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
        if demo {
            config.refuse_open_demo()?;
        }
        Ok(config)
    }

    /// The demo's passwords are known to everybody, so it is not for the network.
    fn refuse_open_demo(&self) -> anyhow::Result<()> {
        let binds = [
            ("edge.bind", self.edge.bind),
            ("media.bind", self.media.bind),
            ("gateway.bind", self.gateway.bind),
            ("ng.bind", self.ng.bind),
        ];
        for (key, bind) in binds {
            if !bind.is_loopback() {
                bail!(
                    "{key} is {bind}: the demo, whose passwords are public, binds to loopback only"
                );
            }
        }
        Ok(())
    }
}

fn on_loopback() -> toml::Table {
    let mut table = toml::Table::new();
    for role in ["edge", "media", "gateway"] {
        let bind = toml::Value::String(IpAddr::V4(Ipv4Addr::LOCALHOST).to_string());
        let part = toml::Table::from_iter([("bind".to_owned(), bind)]);
        table.insert(role.to_owned(), toml::Value::Table(part));
    }
    let hosts =
        ["localhost", "127.0.0.1", "[::1]"].map(|host| toml::Value::String(host.to_owned()));
    for keys in [
        ["media", "fork", "allowed_hosts"],
        ["switch", "webhook", "allowed_hosts"],
        ["api", "webhooks", "allowed_hosts"],
    ] {
        merge(&mut table, nest(&keys, toml::Value::Array(hosts.to_vec())));
    }
    table
}

fn merge(below: &mut toml::Table, above: toml::Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => merge(under, over),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// Lays one variable over the table, and checks it at once so that an error can name it.
/// Variables without a role's name (`OFFHOOK_BIN`) are not ours, but for the two top-level keys.
fn overlay(table: &mut toml::Table, variable: &str, value: &str) -> anyhow::Result<()> {
    let Some(rest) = variable.strip_prefix(PREFIX) else { return Ok(()) };
    let path = rest.to_ascii_lowercase();
    if !path.contains("__") && path != "data_dir" && path != "stop_grace_s" {
        return Ok(());
    }
    let keys: Vec<_> = path.split("__").collect();
    // A value that is no TOML, such as an address, is a string. A string wins where both are possible.
    let typed = format!("v = {value}").parse::<toml::Table>().ok().and_then(|mut t| t.remove("v"));
    let text = toml::Value::String(value.to_owned());
    let mut error = None;
    for candidate in typed.into_iter().chain([text]) {
        let mut with = table.clone();
        merge(&mut with, nest(&keys, candidate));
        match with.clone().try_into::<Config>() {
            Ok(_) => {
                *table = with;
                return Ok(());
            }
            Err(found) => error = error.or(Some(found)),
        }
    }
    let why = error.map(|error| error.to_string()).unwrap_or_default();
    bail!("the environment's {variable}={value}: {}", why.trim())
}

fn nest(keys: &[&str], value: toml::Value) -> toml::Table {
    let (first, rest) = keys.split_first().expect("split gives at least one part");
    let inner = if rest.is_empty() { value } else { toml::Value::Table(nest(rest, value)) };
    toml::Table::from_iter([((*first).to_owned(), inner)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)], demo: bool) -> anyhow::Result<Config> {
        let folder = std::env::temp_dir().join(format!("offhook-config-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let unique = text.len() + environment.len() * 1000 + usize::from(demo) * 500;
        let file = folder.join(format!("{unique}.toml"));
        std::fs::write(&file, text)?;
        let pairs = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(Some(&file), pairs, demo)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(load("", &[], false).expect("loads"), Config::default());
    }

    #[test]
    fn the_environment_lies_over_the_file() {
        let text = "[edge]\nudp_port = 5070\n";
        let config = load(text, &[("OFFHOOK_EDGE__UDP_PORT", "5090")], false).expect("loads");
        assert_eq!(config.edge.udp_port.number(), Some(5090));
    }

    #[test]
    fn a_typo_names_the_line_and_what_is_allowed() {
        let error = load("[edge]\nbind = \"127.0.0.1\"\nupd_port = 5060\n", &[], false);
        let text = error.expect_err("refused").to_string();
        assert!(text.contains(".toml") && text.contains("line 3"), "{text}");
        assert!(text.contains("upd_port") && text.contains("`udp_port`"), "{text}");
    }

    #[test]
    fn a_bad_value_names_the_line_and_what_is_allowed() {
        let text = load("[edge]\nudp_port = 70000\n", &[], false).expect_err("refused").to_string();
        assert!(text.contains("line 2") && text.contains("0 to 65535"), "{text}");
    }

    #[test]
    fn limits_that_let_nothing_through_are_refused() {
        for (text, line, allowed) in [
            ("[switch]\nsession_expires_s = 60\n", "line 2", "0, or at least 90"),
            ("[edge]\n[edge.limits]\nbindings_per_user = 0\n", "line 3", "at least 1"),
            ("[edge.limits]\nidle_s = 600\nconnections = 0\n", "line 3", "at least 1"),
        ] {
            let error = load(text, &[], false).expect_err(text).to_string();
            assert!(error.contains(line) && error.contains(allowed), "{error}");
        }
        for seconds in [0, 90] {
            let text = format!("[switch]\nsession_expires_s = {seconds} #\n");
            assert_eq!(load(&text, &[], false).expect("loads").switch.session_expires_s, seconds);
        }
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused_as_a_whole() {
        let text = "[edge.limits]\nregistration_min_s = 1200\n";
        let error = load(text, &[], false).expect_err("the default is 600").to_string();
        assert!(error.contains("registration_min_s (1200)") && error.contains(".toml"), "{error}");
        let longer = [("OFFHOOK_EDGE__LIMITS__REGISTRATION_DEFAULT_S", "1800")];
        let limits = load(text, &longer, false).expect("the environment mends it").edge.limits;
        assert_eq!((limits.registration_min_s, limits.registration_default_s), (1_200, 1_800));
    }

    #[test]
    fn a_bad_variable_is_named() {
        let refused = load("", &[("OFFHOOK_EDGE__UDP_PROT", "1")], false).expect_err("refused");
        let text = refused.to_string();
        assert!(text.contains("OFFHOOK_EDGE__UDP_PROT") && text.contains("`udp_port`"), "{text}");
    }

    #[test]
    fn audio_is_forked_to_no_host_that_was_not_named() {
        assert!(load("", &[], false).expect("loads").media.fork.allowed_hosts.is_empty());
        let text = "[media.fork]\nallowed_hosts = [\"*.speech.example\", \"ws://x\"]\n";
        let error = load(text, &[], false).expect_err("refused").to_string();
        assert!(error.contains("line 2") && error.contains("*.example"), "{error}");
    }

    #[test]
    fn the_demo_stays_on_loopback() {
        let config = load("", &[], true).expect("loads");
        assert!(config.edge.bind.is_loopback() && config.media.bind.is_loopback());
        let hosts = &config.media.fork.allowed_hosts;
        let own = offhook_model::ForkUrl::parse("ws://127.0.0.1:9000/").expect("a URL");
        assert!(hosts.len() == 3 && hosts.iter().any(|host| host.allows(&own)));
        let refused = load("[edge]\nbind = \"0.0.0.0\"\n", &[], true).expect_err("refused");
        assert!(refused.to_string().contains("loopback"));
    }
}
