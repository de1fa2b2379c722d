//! Quotients of large integers, rounded to the nearest floating-point number once.

/// Bits that a quotient needs so that one more bit, set when anything is left over, decides its rounding.
const QUOTIENT_BITS: u32 = 55;
/// Bits appended to a quotient at a time.
const DIGIT_BITS: u32 = 32;
/// The largest denominator: a remainder and a digit must fit into 128 bits.
const DENOMINATOR_MAX: u128 = 1 << (128 - DIGIT_BITS);

/// `numerator / denominator`, exact and then rounded once to the nearest number, ties to even.
///
/// # Panics
/// If the denominator is zero or above 2^96.
pub(super) fn quotient(numerator: i128, denominator: u128) -> f64 {
    assert!(0 < denominator && denominator <= DENOMINATOR_MAX, "the denominator fits 96 bits");
    let magnitude = numerator.unsigned_abs();
    let (mut quotient, mut rest) = (magnitude / denominator, magnitude % denominator);
    let mut scale = 1.0;
    while rest != 0 && quotient < 1 << QUOTIENT_BITS {
        let digit = (rest << DIGIT_BITS) / denominator;
        rest = (rest << DIGIT_BITS) % denominator;
        quotient = quotient << DIGIT_BITS | digit;
        scale /= (1_u64 << DIGIT_BITS) as f64;
    }
    let rounded = (quotient | u128::from(rest != 0)) as f64 * scale;
    if numerator < 0 { -rounded } else { rounded }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "figures of known size"
    )]

    use proptest::prelude::*;

    use super::quotient;

    proptest! {
        #[test]
        fn small_quotients_equal_the_processor_s_division(a in -(1_i64 << 53)..1 << 53, b in 1_i64..1 << 53) {
            let expected = a as f64 / b as f64;
            prop_assert_eq!(quotient(a.into(), b as u128).to_bits(), (expected + 0.0).to_bits());
        }

        #[test]
        fn no_neighbour_is_nearer(b in 1_u128..1 << 40, whole in 0_u128..1 << 20, rest in 0_u128..1 << 40) {
            let a = b * whole.max(1) + rest % b;
            let found = quotient(a as i128, b);
            // found * 2^52 is an integer below 2^73, since found >= 1.
            let error = |value: f64| (value * (1_u64 << 52) as f64) as i128 * b as i128 - ((a as i128) << 52);
            prop_assert!(error(found).abs() <= error(found.next_up()).abs());
            prop_assert!(error(found).abs() <= error(found.next_down()).abs());
        }
    }

    #[test]
    fn ties_go_to_even_and_the_slightest_excess_does_not() {
        let half_way = (1_i128 << 53) + 1;
        assert_eq!(quotient(half_way, 1).to_bits(), ((1_i64 << 53) as f64).to_bits());
        let denominator = 1_u128 << 70;
        let above = half_way * (1 << 70) + 1;
        assert_eq!(quotient(above, denominator).to_bits(), (((1_i64 << 53) + 2) as f64).to_bits());
    }

    #[test]
    fn extremes_stay_finite() {
        assert!(quotient(i128::MAX, 1).is_finite());
        assert!(quotient(1, 1 << 96) > 0.0);
        assert_eq!(quotient(0, 7).to_bits(), 0);
    }
}
