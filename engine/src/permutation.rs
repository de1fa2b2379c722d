//! A keyed random order of 0..n in which any place is found alone, without the others.

use crate::stream::Stream;

/// A pseudo-random permutation of 0..n: a Feistel network over the next even power of two, walked until the
/// image lies in 0..n (J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", 2002).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutation {
    n: u64,
    half_bits: u32,
    keys: [u32; 4],
}

impl Permutation {
    /// The permutation of 0..n under the next four words of a stream.
    ///
    /// # Panics
    /// If `n` is zero or above 2^32.
    pub fn new(n: u64, stream: &mut Stream) -> Self {
        assert!(0 < n && n <= 1 << 32, "a permutation of {n}");
        let bits = 64 - (n - 1).leading_zeros();
        let keys = [0; 4].map(|_: u32| stream.next_u32());
        Self { n, half_bits: bits.div_ceil(2).max(1), keys }
    }

    /// How many there are to put in order.
    pub const fn size(&self) -> u64 {
        self.n
    }

    /// The place of `value` in the order.
    ///
    /// # Panics
    /// If `value` is not in 0..n, in debug builds: no place would be its own.
    #[inline]
    pub fn place(&self, value: u64) -> u64 {
        debug_assert!(value < self.n, "{value} is not below {}", self.n);
        let mut place = value;
        loop {
            place = self.network(place);
            if place < self.n {
                return place;
            }
        }
    }

    #[inline]
    fn network(&self, value: u64) -> u64 {
        let mask = (1_u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right as u32, key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finaliser of MurmurHash3 over value and key.
const fn mix(value: u32, key: u32) -> u64 {
    let mut hash = value ^ key;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85EB_CA6B);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xC2B2_AE35);
    (hash ^ (hash >> 16)) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::AgentId;
    use crate::stream::{Purpose, Streams};

    proptest! {
        #[test]
        fn the_order_is_a_permutation(n in 1_u64..5_000, seed in any::<u64>()) {
            let mut stream = Streams::new(seed, Purpose::new("test"), 0).agent(AgentId(0));
            let permutation = Permutation::new(n, &mut stream);
            let mut seen = vec![false; n as usize];
            for agent in 0..n {
                let place = permutation.place(agent) as usize;
                prop_assert!(!seen[place]);
                seen[place] = true;
            }
        }
    }
}
