//! The distinct values among many 64-bit words, as long as they are few.

/// Most distinct values of a dictionary: all whole numbers and all prices up to 163.83 fit, and
/// the table that finds them stays in a processor's second-level cache.
pub(super) const DISTINCT_MAX: usize = 1 << 14;
/// Places of the table, twice as many as values so that searches stay short.
const PLACES: usize = DISTINCT_MAX * 2;
/// Bits of a hash that are not used as a place.
const UNUSED_BITS: u32 = 64 - PLACES.trailing_zeros();
/// The odd integer next to 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whole numbers and decimals of few places differ in few bits, and those lie high: multiplied once
/// they crowd together, twice they spread.
fn place_of(value: u64) -> usize {
    let once = value.wrapping_mul(MULTIPLIER);
    ((once ^ (once >> 32)).wrapping_mul(MULTIPLIER) >> UNUSED_BITS) as usize
}

/// Codes by value, given in the order in which values are first seen.
pub(super) struct Distinct {
    /// One more than the code of the value in a place; 0 is an empty place.
    places: Vec<u16>,
    values: Vec<u64>,
}

impl Distinct {
    pub(super) fn new() -> Self {
        Self { places: vec![0; PLACES], values: Vec::new() }
    }

    /// The code of a value; `None` where there are too many already.
    #[inline]
    pub(super) fn code(&mut self, value: u64) -> Option<u16> {
        let mut place = place_of(value);
        loop {
            let code = match self.places[place] {
                0 => return self.insert(place, value),
                code => code - 1,
            };
            if self.values[usize::from(code)] == value {
                return Some(code);
            }
            place = (place + 1) % PLACES;
        }
    }

    #[cold]
    fn insert(&mut self, place: usize, value: u64) -> Option<u16> {
        if self.values.len() == DISTINCT_MAX {
            return None;
        }
        let code = u16::try_from(self.values.len()).expect("below DISTINCT_MAX");
        self.values.push(value);
        self.places[place] = code + 1;
        Some(code)
    }

    /// The values by code.
    pub(super) fn values(&self) -> &[u64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_given_in_order_until_there_are_too_many() {
        let mut distinct = Distinct::new();
        for value in 0..DISTINCT_MAX {
            let word = (value as f64 / 100.0).to_bits();
            assert_eq!(distinct.code(word).map(usize::from), Some(value));
        }
        assert_eq!(distinct.code(0.01_f64.to_bits()), Some(1));
        assert_eq!(distinct.code(f64::NAN.to_bits()), None);
        assert_eq!(distinct.values().len(), DISTINCT_MAX);
    }

    #[test]
    fn answers_spread_over_the_table() {
        for parts in [1.0, 3.0, 64.0, 100.0] {
            let mut taken = vec![false; PLACES];
            let mut steps = 0;
            for value in 0..8_000 {
                let mut place = place_of((f64::from(value) / parts).to_bits());
                while taken[place] {
                    place = (place + 1) % PLACES;
                    steps += 1;
                }
                taken[place] = true;
            }
            assert!(steps < 2_000, "{steps} steps beside the first place for parts of {parts}");
        }
    }
}
