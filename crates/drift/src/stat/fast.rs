//! Exponentials and logarithms over short arrays, in plain arithmetic that compilers turn into vector instructions.
//!
//! A scan takes one exponential per cohort and effect; one call of a library each was most of a tick. Both
//! functions are within 1e-12 of the true value (relative to it; for the logarithm of a number near 1, absolutely),
//! use no fused operations and no tables, and so give equal bits on every platform.

/// 1.5·2⁵²: adding it rounds to an integer, which then stands in the lowest bits.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
/// ln 2 with its lower bits cleared, so that multiples below 2¹¹ are exact; and what is missing.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// e to each of `x`, for x in −708..=0; below, e to −708, which is nothing.
///
/// x = n·ln 2 + r with |r| ≤ ½·ln 2, e^r by its Taylor polynomial of degree 10.
#[inline(always)]
pub(crate) fn exp<const N: usize>(x: [f64; N]) -> [f64; N] {
    std::array::from_fn(|i| {
        let x = x[i].max(-708.0);
        let shifted = x * std::f64::consts::LOG2_E + TO_INTEGER;
        let n = shifted - TO_INTEGER;
        let r = (x - n * LN2_HIGH) - n * LN2_LOW;
        let mut sum = 1.0 / 3_628_800.0;
        for coefficient in [
            1.0 / 362_880.0,
            1.0 / 40_320.0,
            1.0 / 5_040.0,
            1.0 / 720.0,
            1.0 / 120.0,
            1.0 / 24.0,
            1.0 / 6.0,
            0.5,
            1.0,
            1.0,
        ] {
            sum = sum * r + coefficient;
        }
        // The integer is at least −1022, so that the exponent's bits stay in range.
        sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
    })
}

/// ln of each of `x`, positive and normal.
///
/// x = 2ⁿ·m with m in √½..√2, ln m = 2·artanh s with s = (m−1)/(m+1), by its series to s¹⁵.
#[inline(always)]
pub(crate) fn ln<const N: usize>(x: [f64; N]) -> [f64; N] {
    /// The bits of √½: what is below it belongs to the lower power of two.
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    std::array::from_fn(|i| {
        let from_root = x[i].to_bits().wrapping_sub(SQRT_HALF);
        let n = ((from_root as i64) >> 52) as f64;
        let m = f64::from_bits((from_root & 0x000f_ffff_ffff_ffff).wrapping_add(SQRT_HALF));
        let s = (m - 1.0) / (m + 1.0);
        let square = s * s;
        let mut sum = 1.0 / 15.0;
        for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
            sum = sum * square + 1.0 / odd;
        }
        n * LN2_HIGH + (2.0 * s + (2.0 * s * square * sum + n * LN2_LOW))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_agree_with_the_library() {
        for i in 0..700_000 {
            let x = [-f64::from(i) * 1e-3, -f64::from(i) * 1e-7];
            for (fast, x) in exp(x).into_iter().zip(x) {
                let exact = libm::exp(x);
                assert!((fast / exact - 1.0).abs() <= 1e-12, "{x}: {fast} {exact}");
            }
        }
        assert_eq!(exp([0.0]), [1.0]);
        assert!(exp([-1e300])[0] < 1e-300 && exp([f64::MIN])[0] >= 0.0);
    }

    #[test]
    fn logarithms_agree_with_the_library() {
        for i in 1..500_000 {
            let x =
                [f64::from(i) * 1e-5, f64::from(i) * 1e-12, 1.0 + f64::from(i) * 1e-9, 1.0 / f64::from(i)];
            for (fast, x) in ln(x).into_iter().zip(x) {
                let exact = libm::log(x);
                assert!((fast - exact).abs() <= 1e-12 * exact.abs().max(1.0), "{x}: {fast} {exact}");
            }
        }
        assert_eq!(ln([1.0]), [0.0]);
    }
}
