//! The exact sum of floating-point numbers, rounded once at the end, in any order.

use serde::{Deserialize, Serialize};

use super::{OrderFree, Reduction};

/// Bits per limb.
const LIMB: u32 = 32;
/// Limbs that cover the bits of every finite number (2^-1074 to 2^1024) and of 2^64 additions.
const LIMBS: usize = 70;
/// Exponent of the lowest bit.
const LOWEST: i32 = -1074;
/// Additions after which limbs are carried, long before a limb of 63 bits can overflow.
const CARRY_AFTER: u32 = 1 << 29;

/// A sum of `f64` as one wide fixed-point number.
///
/// The long accumulator of U. Kulisch, in the form with redundant limbs of R. M. Neal, "Fast exact summation
/// using small and large superaccumulators", 2015. Numbers that are not finite are counted, not added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExactSum {
    #[serde(with = "limbs")]
    limbs: [i64; LIMBS],
    pending: u32,
    n: u64,
    not_finite: u64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { limbs: [0; LIMBS], pending: 0, n: 0, not_finite: 0 }
    }
}

impl ExactSum {
    /// Adds a number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        let bits = value.to_bits();
        let biased = (bits >> 52) & 0x7FF;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, place) =
            if biased == 0 { (fraction, 0) } else { (fraction | 1 << 52, biased as u32 - 1) };
        let wide = u128::from(mantissa) << (place % LIMB);
        let first = (place / LIMB) as usize;
        let sign = if value.is_sign_negative() { -1 } else { 1 };
        for (offset, limb) in self.limbs[first..first + 3].iter_mut().enumerate() {
            *limb += sign * ((wide >> (LIMB as usize * offset)) & 0xFFFF_FFFF) as i64;
        }
        self.n += 1;
        self.pending += 1;
        if self.pending == CARRY_AFTER {
            self.carry();
        }
    }

    /// Finite numbers added.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Numbers refused because they were infinite or NaN.
    pub const fn not_finite(&self) -> u64 {
        self.not_finite
    }

    /// The sum, rounded once to the nearest (ties to even).
    pub fn sum(&self) -> f64 {
        let mut exact = self.clone();
        exact.carry();
        let negative = exact.limbs[LIMBS - 1] < 0;
        if negative {
            exact.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            exact.carry();
        }
        let magnitude = round(&exact.limbs);
        if negative { -magnitude } else { magnitude }
    }

    /// The mean of the finite numbers, or nothing without any.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum() / self.n as f64)
    }

    /// Brings every limb but the last into 0..2^32, which makes the representation unique.
    fn carry(&mut self) {
        let mut carry = 0;
        for limb in &mut self.limbs[..LIMBS - 1] {
            let value = *limb + carry;
            *limb = value & 0xFFFF_FFFF;
            carry = value >> LIMB;
        }
        self.limbs[LIMBS - 1] += carry;
        self.pending = 0;
    }
}

/// The value of non-negative, carried limbs, rounded to the nearest (ties to even).
fn round(limbs: &[i64; LIMBS]) -> f64 {
    let Some(top) = limbs.iter().rposition(|&limb| limb != 0) else { return 0.0 };
    let low = top.saturating_sub(2);
    let mut window =
        limbs[low..=top].iter().rev().fold(0_u128, |sum, &limb| sum << LIMB | limb as u128);
    // What lies below the window only matters as "more than nothing".
    if limbs[..low].iter().any(|&limb| limb != 0) {
        window |= 1;
    }
    let exponent = LOWEST + (low as i32) * LIMB as i32;
    scale(window, exponent)
}

/// `window` times 2^`exponent`, rounded once.
fn scale(window: u128, exponent: i32) -> f64 {
    let bits = 128 - window.leading_zeros() as i32;
    // Keep 53 bits, or fewer where the result is subnormal; the lowest kept bit stands for 2^(exponent + drop).
    let drop = (bits - 53).max(LOWEST - exponent).max(0);
    let kept = (window >> drop) as u64;
    let rest = window & ((1_u128 << drop) - 1);
    let half = if drop == 0 { u128::MAX } else { 1_u128 << (drop - 1) };
    let up = rest > half || (rest == half && kept & 1 == 1);
    let mantissa = kept + u64::from(up);
    // Both factors are exact, and so is the product unless it overflows to infinity.
    let place = exponent + drop;
    let (first, second) = (place / 2, place - place / 2);
    mantissa as f64 * power_of_two(first) * power_of_two(second)
}

fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

impl Reduction for ExactSum {
    fn merge(&mut self, later: &Self) {
        if self.pending >= CARRY_AFTER - later.pending {
            self.carry();
        }
        let mut later = later.clone();
        later.carry();
        for (limb, other) in self.limbs.iter_mut().zip(&later.limbs) {
            *limb += other;
        }
        self.pending += 1;
        self.n += later.n;
        self.not_finite += later.not_finite;
    }
}

impl OrderFree for ExactSum {}

/// Limbs as a sequence, since serde's arrays end at 32.
mod limbs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::LIMBS;

    pub(super) fn serialize<S: Serializer>(limbs: &[i64; LIMBS], to: S) -> Result<S::Ok, S::Error> {
        limbs.as_slice().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<[i64; LIMBS], D::Error> {
        let limbs = Vec::<i64>::deserialize(from)?;
        limbs.try_into().map_err(|_| D::Error::custom("an exact sum has another number of limbs"))
    }
}
