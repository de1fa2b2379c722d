//! The one queue of a model: what was never asked, in prefix order, and what waits to be asked again.

use super::work::{Span, Work, split};
use crate::limits::AFFINITY_WINDOW;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::time::Instant;

/// Orders waiting work by when it may be sent, then by age.
type Turn = (Instant, u64);

/// The queue of one model.
#[derive(Debug, Default)]
pub(super) struct Queue {
    fresh: VecDeque<Span>,
    waiting: BTreeMap<Turn, Work>,
    deadlines: BTreeSet<(Instant, Turn)>,
    next: u64,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.waiting.is_empty()
    }

    /// Adds members that were never asked behind all others.
    pub(super) fn push(&mut self, span: Span) {
        self.fresh.push_back(span);
    }

    /// Adds work that may be sent from `at` on.
    pub(super) fn push_waiting(&mut self, work: Work, at: Instant) {
        let turn = (at, self.next);
        self.next += 1;
        self.deadlines.insert((work.deadline, turn));
        self.waiting.insert(turn, work);
    }

    /// Takes the first waiting work that is due and that `suits`, among a few.
    pub(super) fn pop_waiting(
        &mut self,
        now: Instant,
        suits: impl Fn(&Work) -> bool,
    ) -> Option<Work> {
        let due = self.waiting.range(..=(now, u64::MAX)).take(AFFINITY_WINDOW);
        let turn = due.filter(|(_, work)| suits(work)).map(|(turn, _)| *turn).next()?;
        self.remove(turn)
    }

    /// Takes up to `most` members that were never asked: those that `prefers` names if they stand near
    /// the front, else the foremost. The members of one call belong to one cohort.
    pub(super) fn pop_fresh(
        &mut self,
        most: impl Fn(&Span) -> u32,
        prefers: impl Fn(&Span) -> bool,
    ) -> Option<Span> {
        let place = self.fresh.iter().take(AFFINITY_WINDOW).position(prefers).unwrap_or(0);
        let span = *self.fresh.get(place)?;
        let most = most(&span).max(1);
        if span.length <= most {
            return self.fresh.remove(place);
        }
        let (first, rest) = split(span, most);
        self.fresh[place] = rest;
        Some(first)
    }

    /// Takes all work whose deadline has passed.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Vec<Work> {
        let mut expired = Vec::new();
        while let Some(&(deadline, turn)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            expired.extend(self.remove(turn));
        }
        expired
    }

    /// Takes everything that `chosen` names: the spans of the first list were never asked.
    pub(super) fn drain(&mut self, chosen: impl Fn(&Span) -> bool) -> (Vec<Span>, Vec<Work>) {
        let mut spans = Vec::new();
        self.fresh.retain(|span| {
            let chosen = chosen(span);
            if chosen {
                spans.push(*span);
            }
            !chosen
        });
        let turns: Vec<Turn> = self
            .waiting
            .iter()
            .filter(|(_, work)| chosen(&work.span))
            .map(|(turn, _)| *turn)
            .collect();
        let works = turns.into_iter().filter_map(|turn| self.remove(turn)).collect();
        (spans, works)
    }

    /// When waiting work is next due after `now`.
    pub(super) fn next_due(&self, now: Instant) -> Option<Instant> {
        self.waiting.range((now, u64::MAX)..).next().map(|((at, _), _)| *at)
    }

    /// The nearest deadline of waiting work.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn remove(&mut self, turn: Turn) -> Option<Work> {
        let work = self.waiting.remove(&turn)?;
        self.deadlines.remove(&(work.deadline, turn));
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn span(cohort: u32, length: u32) -> Span {
        Span { exchange: 0, cohort, start: cohort * 100, length }
    }

    #[test]
    fn fresh_members_leave_in_order_and_in_bites() {
        let mut queue = Queue::default();
        queue.push(span(0, 5));
        queue.push(span(1, 1));
        let mut pop =
            |most: u32| queue.pop_fresh(|_| most, |_| false).map(|span| (span.start, span.length));
        assert_eq!(pop(2), Some((0, 2)));
        assert_eq!(pop(2), Some((2, 2)));
        assert_eq!(pop(2), Some((4, 1)));
        assert_eq!(pop(2), Some((100, 1)));
        assert_eq!(pop(2), None);
    }

    #[test]
    fn a_preferred_span_near_the_front_goes_first_but_nothing_waits_for_it() {
        let mut queue = Queue::default();
        (0..40).for_each(|cohort| queue.push(span(cohort, 1)));
        let mut pop = |wanted: u32| {
            queue.pop_fresh(|_| 9, |span| span.cohort == wanted).map(|span| span.cohort)
        };
        assert_eq!(pop(3), Some(3));
        assert_eq!(pop(39), Some(0), "too far back");
    }

    #[test]
    fn waiting_work_is_due_in_order_and_expires() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut queue = Queue::default();
        queue.push_waiting(Work::new(span(0, 1), now + 9 * second), now + 2 * second);
        queue.push_waiting(Work::new(span(1, 1), now + 3 * second), now + second);
        assert!(queue.pop_waiting(now, |_| true).is_none());
        assert_eq!(queue.next_due(now), Some(now + second));
        assert_eq!(queue.next_deadline(), Some(now + 3 * second));
        assert_eq!(queue.pop_expired(now + 3 * second).len(), 1);
        assert_eq!(
            queue.pop_waiting(now + 3 * second, |_| true).map(|work| work.span.cohort),
            Some(0)
        );
        assert!(queue.is_empty() && queue.next_deadline().is_none());
    }
}
