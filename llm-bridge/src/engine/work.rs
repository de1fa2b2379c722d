//! A piece of work: consecutive members of a cohort that still need the same thing.

use crate::limits::DEATHS_MAX;
use crate::money::{Money, Usage};
use crate::reply::Cause;
use crate::wire::request::Again;
use std::time::Duration;
use tokio::time::Instant;

/// Members of a cohort that were never asked, in the queue of their model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub exchange: u32,
    pub cohort: u32,
    /// Where it begins in the exchange's list of members.
    pub start: u32,
    pub length: u32,
}

/// Members of a cohort that are being asked, or wait to be asked again.
#[derive(Debug)]
pub(super) struct Work {
    pub span: Span,
    /// Which question of its members: 0 is the first, each invalid reply adds one.
    pub question: u8,
    pub again: Option<Box<Again>>,
    /// Requests sent for this question that brought nothing.
    pub tries: u8,
    /// Of these, those that ended with status 500.
    pub server_errors: u8,
    /// Of these, those that ended with status 503.
    pub refusals: u8,
    /// Endpoints that will not take it, as bits.
    pub avoid: u64,
    /// The endpoint that failed it last; another one is preferred.
    pub shun: Option<u16>,
    pub deadline: Instant,
    /// Least time before it is sent again, as the server asked.
    pub rest: Duration,
    /// How it failed last.
    pub last: Option<(Cause, String)>,
    /// Connections lost under it: the endpoint, and how often that had died before.
    pub losses: Vec<(u16, u32)>,
    /// Endpoints that died under it.
    pub deaths: u8,
}

impl Work {
    pub(super) fn new(span: Span, deadline: Instant) -> Self {
        Self {
            span,
            question: 0,
            again: None,
            tries: 0,
            server_errors: 0,
            refusals: 0,
            avoid: 0,
            shun: None,
            deadline,
            rest: Duration::ZERO,
            last: None,
            losses: Vec::new(),
            deaths: 0,
        }
    }

    /// Cuts off everything after the first `length` members.
    pub(super) fn split_off(&mut self, length: u32) -> Option<Self> {
        if length >= self.span.length {
            return None;
        }
        let (_, rest) = split(self.span, length);
        self.span.length = length;
        Some(Self {
            span: rest,
            question: self.question,
            again: self.again.clone(),
            tries: self.tries,
            server_errors: self.server_errors,
            refusals: self.refusals,
            avoid: self.avoid,
            shun: self.shun,
            deadline: self.deadline,
            rest: self.rest,
            last: self.last.clone(),
            losses: self.losses.clone(),
            deaths: self.deaths,
        })
    }

    /// Whether an endpoint died under it before, so that it is sent alone.
    pub(super) fn is_suspect(&self) -> bool {
        self.deaths > 0
    }

    /// Turns losses into deaths where the endpoint has died since; returns whether it must be put away.
    pub(super) fn count_deaths(&mut self, deaths_of: impl Fn(u16) -> u32) -> bool {
        let before = self.losses.len();
        self.losses.retain(|(endpoint, deaths)| deaths_of(*endpoint) <= *deaths);
        self.deaths = self.deaths.saturating_add((before - self.losses.len()) as u8);
        self.deaths >= DEATHS_MAX
    }
}

/// Cuts `span` after its first `length` members.
pub(super) fn split(span: Span, length: u32) -> (Span, Span) {
    let first = Span { length, ..span };
    let rest = Span { start: span.start + length, length: span.length - length, ..span };
    (first, rest)
}

/// What an ask has cost before its last question.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Earlier {
    pub usage: Usage,
    pub cost: Money,
    pub attempts: u16,
}
