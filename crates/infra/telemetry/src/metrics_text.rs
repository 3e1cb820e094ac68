use crate::resident_bytes;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::fmt;
use std::time::{Duration, Instant};

/// How often what was recorded is folded into its histograms, so that it does not pile up while nobody asks.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);
/// Bounds of the histograms of durations, in seconds: from a loopback's set-up to a long wait.
const SECONDS: [f64; 14] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Bounds of the histogram of mean opinion scores.
const MOS: [f64; 8] = [1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.1, 4.3];

/// What was recorded since the start. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorded: PrometheusHandle,
    started: Instant,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn start() -> Result<Self, BuildError> {
        let metrics = Self { recorded: builder()?.install_recorder()?, started: Instant::now() };
        let recorded = metrics.recorded.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(UPKEEP_PERIOD);
            loop {
                ticks.tick().await;
                recorded.run_upkeep();
            }
        });
        Ok(metrics)
    }

    /// The text that Prometheus reads (exposition format 0.0.4).
    #[must_use]
    pub fn render(&self) -> String {
        metrics::gauge!("offhook_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        if let Some(bytes) = resident_bytes() {
            #[allow(clippy::cast_precision_loss)]
            metrics::gauge!("offhook_resident_bytes").set(bytes as f64);
        }
        self.recorded.render()
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_mos".to_owned()), &MOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_histograms_with_bounds() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("offhook_call_setup_seconds").record(0.004);
            metrics::histogram!("offhook_call_mos").record(4.2);
        });
        let text = handle.render();
        assert!(text.contains("offhook_call_setup_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.contains("offhook_call_setup_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("offhook_call_mos_bucket{le=\"4.3\"} 1"), "{text}");
    }

    #[tokio::test]
    async fn the_process_tells_of_itself() {
        let metrics = Metrics::start().unwrap();
        let text = metrics.render();
        let value = |name: &str| -> f64 {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(value("offhook_uptime_seconds ") >= 0.0);
        assert!(value("offhook_resident_bytes ") > 1_000_000.0);
        assert!(Metrics::start().is_err(), "a second recorder would hide the first");
    }
}
