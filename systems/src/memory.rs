//! What an agent keeps between rounds: the numbers it reported, bounded.

use bevy_ecs::prelude::*;
use throng_engine::Decimal;

/// Reports that an agent remembers.
pub const MEMORY_ROUNDS: usize = 6;

/// The last [`MEMORY_ROUNDS`] numbers that an agent reported, and in which rounds; 28 bytes.
///
/// What all were told in earlier rounds is the same for everyone and kept once, by the scenario.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    /// Most recent first.
    reports: [Decimal; MEMORY_ROUNDS],
    count: u16,
    /// Bit k: whether the agent reported in the round k before the last.
    reported: u16,
}

impl Memory {
    /// Remembers a round with or without a report; the oldest report is forgotten when the memory is full.
    #[inline]
    pub fn remember(&mut self, report: Option<Decimal>) {
        self.reported <<= 1;
        if let Some(report) = report {
            self.reported |= 1;
            // Spelled out, the shift stays in registers; `copy_within` would be a call for each agent.
            let [first, second, third, fourth, fifth, _] = self.reports;
            self.reports = [report, first, second, third, fourth, fifth];
            self.count = (self.count + 1).min(MEMORY_ROUNDS as u16);
        }
    }

    /// The remembered reports, most recent first.
    #[inline]
    pub fn reports(&self) -> &[Decimal] {
        &self.reports[..usize::from(self.count)]
    }

    /// The report of the round this many before the last, if there was one and it is remembered.
    pub fn report(&self, rounds_before: u32) -> Option<Decimal> {
        if rounds_before >= u16::BITS || self.reported >> rounds_before & 1 == 0 {
            return None;
        }
        let later = self.reported & ((1 << rounds_before) - 1);
        self.reports().get(later.count_ones() as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(memory: &Memory) -> Vec<i32> {
        memory.reports().iter().map(|report| report.units()).collect()
    }

    #[test]
    fn the_oldest_report_is_forgotten() {
        let mut memory = Memory::default();
        assert!(memory.reports().is_empty());
        for report in 1..=8 {
            memory.remember(Some(Decimal::from_units(report)));
        }
        assert_eq!(units(&memory), [8, 7, 6, 5, 4, 3]);
        assert_eq!(memory.report(5), Some(Decimal::from_units(3)));
        assert_eq!(memory.report(6), None);
    }

    #[test]
    fn a_round_without_a_report_leaves_a_gap() {
        let mut memory = Memory::default();
        for report in [Some(1), None, Some(3), None] {
            memory.remember(report.map(Decimal::from_units));
        }
        assert_eq!(units(&memory), [3, 1]);
        let rounds: Vec<_> = (0..5).map(|k| memory.report(k).map(Decimal::units)).collect();
        assert_eq!(rounds, [None, Some(3), None, Some(1), None]);
    }

    #[test]
    fn memory_keeps_its_byte_budget() {
        assert_eq!(size_of::<Memory>(), 28);
    }
}
