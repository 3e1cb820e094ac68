//! Whether the thread has room for work that costs more than passing packets on.

use super::agreed::Agreed;
use offhook_audio::Codec;

/// Measurements after which what was admitted is wholly contained in what is measured.
const MEASUREMENTS_TO_SETTLE: usize = 3;

/// What is admitted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Two parties without a codec in common are bridged.
    Bridge,
    /// Somebody's audio is mixed.
    Conference,
}

impl Work {
    /// The word that is counted.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
            Self::Conference => "conference",
        }
    }
}

/// The load of a thread, as a share of its time from 0 to 1: what was measured, and an estimate of what was
/// admitted since and is not seen in the measurement yet. Without the estimate a burst of calls would all be
/// admitted before the first of them is measured.
#[derive(Debug)]
pub(crate) struct Capacity {
    /// `None` when everything is admitted.
    limit: Option<f64>,
    measured: f64,
    admitted: [f64; MEASUREMENTS_TO_SETTLE],
}

impl Capacity {
    pub(crate) fn new(limit: Option<f64>) -> Self {
        Self { limit, measured: 0.0, admitted: [0.0; MEASUREMENTS_TO_SETTLE] }
    }

    /// A measurement, of about a second.
    pub(crate) fn handle_measured(&mut self, load: f64) {
        self.measured = load;
        self.admitted.rotate_right(1);
        self.admitted[0] = 0.0;
    }

    /// Whether something is expected that was not measured yet.
    pub(crate) fn is_settling(&self) -> bool {
        self.admitted.iter().any(|admitted| *admitted > 0.0)
    }

    /// Whether there is no room for work of this cost.
    pub(crate) fn is_short_of(&self, cost: f64) -> bool {
        let expected = self.measured + self.admitted.iter().sum::<f64>() + cost;
        self.limit.is_some_and(|limit| expected > limit)
    }

    /// Takes on work of this cost, unless there is no room for it.
    pub(crate) fn admit(&mut self, cost: f64) -> bool {
        let is_admitted = !self.is_short_of(cost);
        if is_admitted {
            self.admitted[0] += cost;
        }
        is_admitted
    }
}

/// What a leg asks while it negotiates.
#[derive(Debug)]
pub(crate) struct Admission<'a> {
    pub(crate) capacity: &'a mut Capacity,
    /// What was agreed on with the leg that this one will be bridged to, where that is known.
    pub(crate) partner: Option<Agreed>,
}

impl Admission<'_> {
    /// Whether a leg should speak a codec that costs little, so that its bridge need not transcode.
    pub(crate) fn is_frugal(&self) -> bool {
        self.capacity.is_short_of(cost_of(Codec::Opus) + cost_of(Codec::Pcmu))
    }

    /// Whether there is room for the bridge of a leg with this agreement.
    pub(crate) fn admits(&mut self, agreed: &Agreed) -> bool {
        let partner = self.partner.as_ref();
        let cost = partner.and_then(|partner| cost_of_bridge(agreed, partner));
        cost.is_none_or(|cost| self.capacity.admit(cost))
    }
}

/// What decoding and encoding one party's audio takes of a core: the figures of `docs/performance.md` with
/// the resampling and the packets.
pub(crate) fn cost_of(codec: Codec) -> f64 {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::L16(_) | Codec::L16Stereo(_) => 0.000_5,
        Codec::G722 => 0.001_5,
        Codec::Opus => 0.009,
    }
}

/// What a bridge of the two costs; `None` when packets pass both ways without being decoded.
pub(crate) fn cost_of_bridge(a: &Agreed, b: &Agreed) -> Option<f64> {
    let passes = |from: &Agreed, to: &Agreed| to.passage_of(from.format).is_some();
    let is_relayed = passes(a, b) && passes(b, a);
    (!is_relayed).then(|| cost_of(a.codec) + cost_of(b.codec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_stopped_before_it_is_measured() {
        let mut capacity = Capacity::new(Some(0.5));
        let admitted = (0..100).filter(|_| capacity.admit(0.01)).count();
        assert!((49..=50).contains(&admitted), "{admitted}");
        assert!(!capacity.admit(0.01));
    }

    #[test]
    fn what_was_admitted_counts_until_it_is_measured() {
        let mut capacity = Capacity::new(Some(0.5));
        assert!(capacity.admit(0.4));
        for _ in 1..MEASUREMENTS_TO_SETTLE {
            capacity.handle_measured(0.2);
            assert!(capacity.is_settling() && capacity.is_short_of(0.05));
        }
        capacity.handle_measured(0.2);
        assert!(!capacity.is_settling() && !capacity.is_short_of(0.05));
    }

    #[test]
    fn without_a_limit_everything_is_admitted() {
        let mut capacity = Capacity::new(None);
        capacity.handle_measured(1.0);
        assert!(capacity.admit(1.0));
    }
}
