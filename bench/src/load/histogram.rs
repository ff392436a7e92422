//! Latencies, counted in buckets whose width grows with the value: under 1 % off, constant memory, cheap to record.

use std::time::Duration;

/// Buckets for each doubling of the value.
const STEPS: usize = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// The largest exponent that is told apart: 2^40 ns are 18 minutes.
const EXPONENTS: usize = 40;

/// How often each latency occurred.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; STEPS * EXPONENTS], total: 0, max: 0 }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let bucket = bucket(nanoseconds).min(self.counts.len() - 1);
        self.counts[bucket] += 1;
        self.total += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The latency that this share of all stayed under (never told smaller than it was).
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        let wanted = ((percent / 100.0 * self.total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_bound(bucket).min(self.max));
            }
        }
        self.max()
    }
}

/// Values under `STEPS` have a bucket each; above, each doubling has `STEPS` buckets.
fn bucket(value: u64) -> usize {
    let exponent = value.max(1).ilog2();
    if exponent < STEP_BITS {
        return value as usize;
    }
    let shift = exponent - STEP_BITS;
    (shift as usize + 1) * STEPS + ((value >> shift) as usize - STEPS)
}

fn upper_bound(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) as u64) << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_within_a_hundredth_under_its_bucket() {
        let mut value = 1u64;
        while value < 1 << 38 {
            let bound = upper_bound(bucket(value));
            assert!(bound >= value && (bound - value) as f64 <= 0.01 * value as f64, "{value} is counted as {bound}");
            value = value * 21 / 20 + 1;
        }
    }

    #[test]
    fn percentiles_of_a_known_list() {
        let mut histogram = Histogram::new();
        for millisecond in 1..=1000 {
            histogram.record(Duration::from_millis(millisecond));
        }
        for (percent, expected) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (99.9, 999.0)] {
            let got = histogram.percentile(percent).as_secs_f64() * 1000.0;
            assert!((got - expected).abs() / expected < 0.01, "p{percent} is {got}");
        }
        assert_eq!(histogram.percentile(100.0), Duration::from_secs(1));
    }
}
