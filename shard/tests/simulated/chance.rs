//! Chance from a seed, and how often which fault befalls a host.

/// A small generator with a fixed sequence.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Any number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

/// Which faults there are, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faults {
    /// The first of: kill, kill, freeze, divide, no store, reset, kill all.
    pub(crate) kinds: u64,
    /// Milliseconds between two of them, on average.
    pub(crate) pause: u64,
    pub(crate) gossip_interval: u64,
}

impl Faults {
    pub(crate) fn none() -> Self {
        Self { kinds: 0, pause: 1_000, gossip_interval: 250 }
    }

    pub(crate) fn all() -> Self {
        Self { kinds: 7, pause: 3_000, gossip_interval: 250 }
    }

    pub(crate) fn rare() -> Self {
        Self { kinds: 6, pause: 8_000, gossip_interval: 1_000 }
    }
}
