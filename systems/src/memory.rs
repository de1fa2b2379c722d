//! What an agent keeps between rounds: the numbers it reported, bounded.

use bevy_ecs::prelude::*;
use throng_engine::Decimal;

/// Reports that an agent remembers.
pub const MEMORY_ROUNDS: usize = 6;

/// The last [`MEMORY_ROUNDS`] numbers that an agent reported, 28 bytes.
///
/// What all were told in earlier rounds is the same for everyone and kept once, by the scenario.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Most recent first.
    reports: [Decimal; MEMORY_ROUNDS],
    count: u32,
}

impl Memory {
    /// Remembers a report; the oldest one is forgotten when the memory is full.
    #[inline]
    pub fn remember(&mut self, report: Decimal) {
        self.reports.copy_within(..MEMORY_ROUNDS - 1, 1);
        self.reports[0] = report;
        self.count = (self.count + 1).min(MEMORY_ROUNDS as u32);
    }

    /// The remembered reports, most recent first.
    #[inline]
    pub fn reports(&self) -> &[Decimal] {
        &self.reports[..self.count as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_report_is_forgotten() {
        let mut memory = Memory::default();
        assert!(memory.reports().is_empty());
        for report in 1..=8 {
            memory.remember(Decimal::from_units(report));
        }
        let reports: Vec<_> = memory.reports().iter().map(|report| report.units()).collect();
        assert_eq!(reports, [8, 7, 6, 5, 4, 3]);
    }

    #[test]
    fn memory_keeps_its_byte_budget() {
        assert_eq!(size_of::<Memory>(), 28);
    }
}
