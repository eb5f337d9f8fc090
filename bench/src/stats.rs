//! Numbers of many measurements.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The value below which this share of the values lies. They get sorted.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

/// The value in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&mut values.into_iter().collect::<Vec<_>>(), 0.5)
}

/// The exponent `e` of the growth `y = c * x^e` that fits best: least squares over the logarithms.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let mean = |part: fn(&(f64, f64)) -> f64| logs.iter().map(part).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let slope = |point: &(f64, f64)| (point.0 - x) * (point.1 - y);
    logs.iter().map(slope).sum::<f64>() / logs.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

/// How long something takes, in nanoseconds, and what it gives.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = black_box(work());
    (nanoseconds(start.elapsed()), result)
}

/// A duration in nanoseconds.
pub fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// What `timed` finds when nothing is done: the cost of looking at the clock, in nanoseconds.
pub fn clock_cost() -> f64 {
    let mut costs: Vec<f64> = (0..20_000).map(|_| timed(|| ()).0).collect();
    quantile(&mut costs, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_of_a_power_is_found() {
        let points = [1e2, 1e4, 1e6].map(|x: f64| (x, 7.0 * x.powf(0.25)));
        assert!((exponent(&points) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn quantiles_are_values() {
        let mut values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!([quantile(&mut values, 0.5), quantile(&mut values, 0.99)], [50.0, 99.0]);
    }
}
