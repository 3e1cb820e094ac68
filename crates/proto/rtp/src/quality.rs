//! A mean opinion score from what was measured: the E-model (ITU-T G.107, G.113).
//!
//! The score is on the narrowband scale of G.107, whose best is 4.4 for G.711 without loss.
//! Wideband codecs reach its top and do not go beyond it.

use std::time::Duration;

/// How a codec sounds and how well it bears loss (G.113).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodecImpairment {
    /// The equipment impairment factor Ie.
    pub ie: f64,
    /// The packet loss robustness factor Bpl.
    pub bpl: f64,
}

impl CodecImpairment {
    /// G.711 with concealment (G.113 appendix I).
    pub const G711: Self = Self::new(0.0, 25.1);
    /// G.722 with concealment; on the narrowband scale its coding does not show. Its robustness
    /// is taken to be that of G.711, whose concealment it shares here.
    pub const G722: Self = Self::new(0.0, 25.1);
    /// Opus with in-band error correction; on the narrowband scale its coding does not show. No
    /// recommendation gives its robustness; it is assumed to be twice that of G.711, as the
    /// correction repairs single losses.
    pub const OPUS: Self = Self::new(0.0, 50.0);
    /// Linear samples with concealment.
    pub const L16: Self = Self::new(0.0, 25.1);
    /// G.729 annex A (G.113 appendix I).
    pub const G729A: Self = Self::new(11.0, 19.0);

    /// Other values.
    pub const fn new(ie: f64, bpl: f64) -> Self {
        Self { ie, bpl }
    }
}

/// What was measured of one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The codec that was used.
    pub codec: CodecImpairment,
    /// Packets that should have come.
    pub packets_expected: u64,
    /// Packets that did not come, or came too late to be played.
    pub packets_lost: u64,
    /// Runs of lost packets: one for each time that loss began.
    pub loss_bursts: u64,
    /// The time packets took through the network, half the round trip; `None` when no RTCP
    /// report told it. Then the score leaves it out.
    pub network_delay: Option<Duration>,
    /// The time packets waited to be played, their own length included.
    pub playout_delay: Duration,
}

/// A score and the rating behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// The mean opinion score, 1 to 4.5.
    pub mos: f64,
    /// The transmission rating factor R, 0 to 100.
    pub r_factor: f64,
    /// The share of packets lost, 0 to 1.
    pub loss: f64,
    /// How much burstier than chance the loss is; 1 for chance.
    pub burst_ratio: f64,
}

/// The score; `None` when no packet was expected, as nothing is known then.
pub fn quality(measured: &Measured) -> Option<Quality> {
    if measured.packets_expected == 0 {
        return None;
    }
    let expected = measured.packets_expected as f64;
    let lost = measured.packets_lost.min(measured.packets_expected) as f64;
    let loss = lost / expected;
    let burst_ratio = burst_ratio(loss, lost, measured.loss_bursts);
    let delay = measured.network_delay.unwrap_or_default() + measured.playout_delay;
    let r_factor = SIGNAL_TO_NOISE
        - SIMULTANEOUS_IMPAIRMENT
        - delay_impairment(delay.as_secs_f64() * 1_000.0)
        - equipment_impairment(measured.codec, loss * 100.0, burst_ratio);
    let r_factor = r_factor.clamp(0.0, 100.0);
    Some(Quality { mos: mos(r_factor), r_factor, loss, burst_ratio })
}

/// Ro with the default values of G.107 table 2.
const SIGNAL_TO_NOISE: f64 = 94.768_8;
/// Is with the default values.
const SIMULTANEOUS_IMPAIRMENT: f64 = 1.413_6;
/// The talker echo loudness rating, in dB.
const TELR: f64 = 65.0;
/// The weighted echo path loss, in dB.
const WEPL: f64 = 110.0;

/// The length of loss bursts against what chance would make (G.107 7.5).
///
/// Reports tell losses without bursts; those count as chance.
fn burst_ratio(loss: f64, lost: f64, bursts: u64) -> f64 {
    if bursts == 0 || loss >= 1.0 {
        return 1.0;
    }
    let mean_length = lost / bursts as f64;
    (mean_length * (1.0 - loss)).max(1.0)
}

/// Ie-eff (G.107 7.5); loss in percent.
fn equipment_impairment(codec: CodecImpairment, loss_percent: f64, burst_ratio: f64) -> f64 {
    let CodecImpairment { ie, bpl } = codec;
    ie + (95.0 - ie) * loss_percent / (loss_percent / burst_ratio + bpl)
}

/// Id (G.107 7.4) for a one-way delay in milliseconds: talker echo, listener echo, delay itself.
fn delay_impairment(delay_ms: f64) -> f64 {
    talker_echo(delay_ms) + listener_echo(2.0 * delay_ms) + absolute_delay(delay_ms)
}

fn talker_echo(delay_ms: f64) -> f64 {
    let ratio = (1.0 + delay_ms / 10.0) / (1.0 + delay_ms / 150.0);
    let terv = TELR - 40.0 * ratio.log10() + 6.0 * (-0.3 * delay_ms * delay_ms).exp();
    let half = (SIGNAL_TO_NOISE - (80.0 + 2.5 * (terv - 14.0))) / 2.0;
    (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-delay_ms).exp())
}

fn listener_echo(round_trip_ms: f64) -> f64 {
    let rle = 10.5 * (WEPL + 7.0) * (round_trip_ms + 1.0).powf(-0.25);
    let half = (SIGNAL_TO_NOISE - rle) / 2.0;
    half + (half * half + 169.0).sqrt()
}

fn absolute_delay(delay_ms: f64) -> f64 {
    if delay_ms <= 100.0 {
        return 0.0;
    }
    let x = (delay_ms / 100.0).log2();
    let sixth = |base: f64| (1.0 + base.powi(6)).powf(1.0 / 6.0);
    25.0 * (sixth(x) - 3.0 * sixth(x / 3.0) + 2.0)
}

/// The score of a rating (G.107 annex B).
fn mos(r: f64) -> f64 {
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(expected: u64, lost: u64, bursts: u64, delay_ms: u64) -> Measured {
        Measured {
            codec: CodecImpairment::G711,
            packets_expected: expected,
            packets_lost: lost,
            loss_bursts: bursts,
            network_delay: None,
            playout_delay: Duration::from_millis(delay_ms),
        }
    }

    fn score(measured: &Measured) -> Quality {
        quality(measured).expect("packets were expected")
    }

    #[test]
    fn nothing_measured_is_no_score() {
        assert_eq!(quality(&measured(0, 0, 0, 0)), None);
    }

    /// G.107 gives 93.2 with all defaults, which is 4.41.
    #[test]
    fn a_perfect_line_has_the_rating_of_g_107() {
        let quality = score(&measured(1_000, 0, 0, 0));
        assert!((quality.r_factor - 93.2).abs() < 0.05, "{quality:?}");
        assert!((quality.mos - 4.41).abs() < 0.01, "{quality:?}");
    }

    /// The values follow from (95 * Ppl) / (Ppl + 25.1).
    #[test]
    fn random_loss_costs_what_g_113_says() {
        for (lost, impairment) in [(10, 3.64), (20, 7.01), (50, 15.78), (100, 27.07)] {
            let quality = score(&measured(1_000, lost, lost, 0));
            let cost = 93.2 - quality.r_factor;
            assert!((cost - impairment).abs() < 0.5, "{lost}: {cost}");
        }
    }

    #[test]
    fn bursts_cost_more_than_single_losses() {
        let single = score(&measured(1_000, 50, 48, 0));
        let bursts = score(&measured(1_000, 50, 10, 0));
        assert!((single.burst_ratio - 1.0).abs() < 0.01);
        assert!((bursts.burst_ratio - 4.75).abs() < 0.01);
        // 95 * 5 / (5 / 4.75 + 25.1) against 95 * 5 / (5 + 25.1).
        let cost = single.r_factor - bursts.r_factor;
        assert!((cost - 2.38).abs() < 0.05, "{cost}");
    }

    #[test]
    fn delay_costs_little_until_it_costs_much() {
        let at = |ms| score(&measured(1_000, 0, 0, ms)).r_factor;
        assert!(at(0) - at(100) < 4.0);
        assert!(at(0) - at(400) > 20.0);
        let falls = [0, 50, 100, 150, 200, 300, 400, 600].map(at);
        assert!(falls.is_sorted_by(|a, b| a > b), "{falls:?}");
    }

    #[test]
    fn network_and_playout_delay_add_up() {
        let split = Measured {
            network_delay: Some(Duration::from_millis(120)),
            ..measured(1_000, 0, 0, 80)
        };
        assert_eq!(score(&split).r_factor, score(&measured(1_000, 0, 0, 200)).r_factor);
    }

    #[test]
    fn scores_stay_in_range_for_any_input() {
        for lost in [0, 1, 500, 1_000, 9_999] {
            for bursts in [0, 1, 9_999] {
                for delay in [0, 10_000_000] {
                    let quality = score(&measured(1_000, lost, bursts, delay));
                    assert!((1.0..=4.5).contains(&quality.mos), "{quality:?}");
                    assert!((0.0..=1.0).contains(&quality.loss));
                }
            }
        }
        assert!((score(&measured(1_000, 1_000, 1, 0)).mos - 1.0).abs() < 0.5);
    }
}
