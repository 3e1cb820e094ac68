use crate::Config;
use anyhow::{Context, anyhow};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

pub(crate) fn start(config: &Config) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(filter(&config.level)?)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .compact()
        .try_init()
        .map_err(|error| anyhow!(error))
        .context("the logs were set up twice")
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let mut words = level.split(',').map(|part| part.rsplit('=').next().unwrap_or_default().trim());
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    anyhow::ensure!(
        words.all(|word| known.contains(&word.to_ascii_lowercase().as_str())),
        "telemetry.level is {level:?}: allowed are error, warn, info, debug and trace, \
         also per part as in info,offhook_edge=debug"
    );
    EnvFilter::try_new(level).with_context(|| format!("telemetry.level is {level:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_parts_are_read() {
        for level in ["info", "WARN", "info,offhook_edge=debug", "off"] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn a_typo_is_told_what_is_allowed() {
        let error = filter("inof").expect_err("no such level").to_string();
        assert!(error.contains("\"inof\"") && error.contains("debug"), "{error}");
        assert!(filter("info,offhook_edge=verbose").is_err());
    }
}
