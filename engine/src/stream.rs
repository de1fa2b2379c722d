//! Counter-based random numbers: a value depends on (seed, purpose, agent, round, draw) and on nothing else.
//!
//! The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC'11. A block of four 32-bit words is a keyed bijection of a 128-bit counter, so any agent's
//! numbers can be made on any thread or host, in any order, without a shared generator.

use crate::AgentId;
use crate::normal::inverse_normal;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// The Philox4x32-10 block of a counter under a key.
#[inline]
pub const fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    let mut round = 0;
    while round < ROUNDS {
        let first = MULTIPLIERS[0] as u64 * counter[0] as u64;
        let second = MULTIPLIERS[1] as u64 * counter[2] as u64;
        counter = [
            (second >> 32) as u32 ^ counter[1] ^ key[0],
            second as u32,
            (first >> 32) as u32 ^ counter[3] ^ key[1],
            first as u32,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    counter
}

/// What random numbers are for; streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Purpose(u32);

impl Purpose {
    /// The purpose with this name (its 32-bit FNV-1a hash).
    pub const fn new(name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0x811C_9DC5_u32;
        let mut index = 0;
        while index < bytes.len() {
            hash = (hash ^ bytes[index] as u32).wrapping_mul(0x0100_0193);
            index += 1;
        }
        Self(hash)
    }
}

/// The streams of one purpose in one round of a run; hands out one stream per agent.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    key: [u32; 2],
    purpose: u32,
    round: u32,
}

impl Streams {
    /// The streams of `purpose` in `round` of the run with this seed.
    pub const fn new(seed: u64, purpose: Purpose, round: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose: purpose.0, round }
    }

    /// The same streams in a later exchange of the round, counted from 0; exchange 0 leaves them as they are.
    #[must_use]
    pub const fn exchange(mut self, number: u32) -> Self {
        // Odd, so that exchanges of one purpose never share a number of the purpose.
        self.purpose = self.purpose.wrapping_add(number.wrapping_mul(0x9E37_79B9));
        self
    }

    /// The stream of one agent.
    #[inline]
    pub const fn agent(&self, agent: AgentId) -> Stream {
        Stream {
            key: self.key,
            counter: [0, agent.0, self.round, self.purpose],
            words: [0; 4],
            used: 4,
        }
    }
}

/// Agents whose first block is made together: one operation on all of them at a time, which processors with
/// vector instructions do in a few steps.
const LANES: usize = 16;

impl Streams {
    /// Visits the stream of each agent, in order, with the agent's place in the slice.
    ///
    /// The same streams as [`Self::agent`] gives, but the first block of several agents is made at once.
    #[expect(
        clippy::inline_always,
        reason = "measured: a call for each agent costs more than its work"
    )]
    #[inline(always)]
    pub fn each(&self, agents: &[AgentId], mut visit: impl FnMut(usize, &mut Stream)) {
        let (lanes, rest) = agents.as_chunks::<LANES>();
        for (group, agents) in lanes.iter().enumerate() {
            let blocks = self.first_blocks(agents);
            for (lane, agent) in agents.iter().enumerate() {
                let words = [blocks[0][lane], blocks[1][lane], blocks[2][lane], blocks[3][lane]];
                let counter = [1, agent.0, self.round, self.purpose];
                let mut stream = Stream { key: self.key, counter, words, used: 0 };
                visit(group * LANES + lane, &mut stream);
            }
        }
        for (place, agent) in rest.iter().enumerate() {
            visit(lanes.len() * LANES + place, &mut self.agent(*agent));
        }
    }

    /// Word by word, the first block of each agent.
    #[expect(
        clippy::inline_always,
        reason = "measured: a call for each agent costs more than its work"
    )]
    #[inline(always)]
    fn first_blocks(&self, agents: &[AgentId; LANES]) -> [[u32; LANES]; 4] {
        let mut words =
            [[0; LANES], agents.map(|agent| agent.0), [self.round; LANES], [self.purpose; LANES]];
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let mut next = [[0; LANES]; 4];
            for lane in 0..LANES {
                let first = u64::from(MULTIPLIERS[0]) * u64::from(words[0][lane]);
                let second = u64::from(MULTIPLIERS[1]) * u64::from(words[2][lane]);
                next[0][lane] = (second >> 32) as u32 ^ words[1][lane] ^ key[0];
                next[1][lane] = second as u32;
                next[2][lane] = (first >> 32) as u32 ^ words[3][lane] ^ key[1];
                next[3][lane] = first as u32;
            }
            words = next;
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        words
    }
}

/// Random numbers of one (seed, purpose, agent, round), in a fixed sequence.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: u8,
}

impl Stream {
    /// The next 32 random bits.
    #[expect(
        clippy::inline_always,
        reason = "measured: a call for each agent costs more than its work"
    )]
    #[inline(always)]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[usize::from(self.used)];
        self.used += 1;
        word
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let low = u64::from(self.next_u32());
        low | u64::from(self.next_u32()) << 32
    }

    /// A number in [0, 1) with 53 random bits.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A number in [low, high).
    #[inline]
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// An integer in 0..bound without bias (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `bound` is zero.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "the bound of a random integer must be positive");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A number from the standard normal distribution, by inversion: one uniform each.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        // The middle of the cell, so that 0 and 1 cannot occur.
        let cell = (self.next_u64() >> 12) as f64 + 0.5;
        inverse_normal(cell * (1.0 / (1_u64 << 52) as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_the_published_test_vectors() {
        let check = |counter, key, expected| assert_eq!(philox4x32(counter, key), expected);
        check([0; 4], [0; 2], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]);
        check([u32::MAX; 4], [u32::MAX; 2], [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]);
        check(
            [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344],
            [0xA409_3822, 0x299F_31D0],
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1],
        );
    }

    #[test]
    fn streams_made_together_are_those_made_alone() {
        let streams = Streams::new(11, Purpose::new("test"), 3);
        let agents: Vec<AgentId> = (0..45).map(|agent| AgentId(agent * 97)).collect();
        let mut seen = 0;
        streams.each(&agents, |place, stream| {
            let mut alone = streams.agent(agents[place]);
            assert_eq!(place, seen);
            for _ in 0..9 {
                assert_eq!(stream.next_u32(), alone.next_u32());
            }
            seen += 1;
        });
        assert_eq!(seen, agents.len());
    }

    #[test]
    fn a_stream_depends_on_every_part_of_its_key() {
        let first = |seed, name, round, agent| {
            Streams::new(seed, Purpose::new(name), round).agent(AgentId(agent)).next_u64()
        };
        let base = first(1, "guess", 1, 7);
        assert_eq!(base, first(1, "guess", 1, 7));
        for other in [
            first(2, "guess", 1, 7),
            first(1 | 1 << 40, "guess", 1, 7),
            first(1, "model", 1, 7),
            first(1, "guess", 2, 7),
            first(1, "guess", 1, 8),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn uniforms_lie_in_the_unit_interval_with_the_right_mean() {
        let mut stream = Streams::new(3, Purpose::new("test"), 0).agent(AgentId(0));
        let n = 100_000;
        let mut sum = 0.0;
        for _ in 0..n {
            let value = stream.uniform();
            assert!((0.0..1.0).contains(&value));
            sum += value;
        }
        assert!((sum / f64::from(n) - 0.5).abs() < 0.005);
    }

    #[test]
    fn bounded_integers_are_unbiased() {
        let mut stream = Streams::new(5, Purpose::new("test"), 0).agent(AgentId(0));
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[stream.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn normals_have_mean_zero_and_unit_variance() {
        let mut stream = Streams::new(7, Purpose::new("test"), 0).agent(AgentId(0));
        let n = 100_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let value = stream.normal();
            sum += value;
            squares += value * value;
        }
        let mean = sum / f64::from(n);
        assert!(mean.abs() < 0.015, "{mean}");
        assert!((squares / f64::from(n) - 1.0).abs() < 0.02);
    }
}
