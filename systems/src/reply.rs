//! What came back for a question: an answer, a failure with its cause, or nothing because nothing was asked.

use std::fmt;

use bevy_ecs::prelude::*;
use throng_engine::record::{Column, ColumnKind, ColumnSpec, Columns};

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cause {
    /// No reply within the time limit.
    Timeout,
    /// The model refused to answer.
    Refused,
    /// Every reply broke the rules of the answer.
    Invalid,
    /// The server answered with an error.
    HttpStatus,
    /// The prompt is longer than the model's context.
    ContextLength,
    /// A budget was used up.
    Budget,
    /// Every endpoint of the model was given up for the time being.
    CircuitOpen,
    /// The run was stopped.
    Cancelled,
    /// An earlier run was to answer, and has no completion of this question.
    Unrecorded,
}

impl Cause {
    /// Every cause, in the order of their codes.
    pub const ALL: [Self; 9] = [
        Self::Timeout,
        Self::Refused,
        Self::Invalid,
        Self::HttpStatus,
        Self::ContextLength,
        Self::Budget,
        Self::CircuitOpen,
        Self::Cancelled,
        Self::Unrecorded,
    ];

    /// The status of an agent that failed for this cause, as tables have it.
    pub const fn status(self) -> &'static str {
        STATUS[2 + self as usize]
    }
}

/// Labels of the status column: answered, not asked, then a label for each cause.
const STATUS: [&str; 11] = [
    "answered",
    "not_asked",
    "failed_timeout",
    "failed_refused",
    "failed_invalid",
    "failed_http_status",
    "failed_context_length",
    "failed_budget",
    "failed_circuit_open",
    "failed_cancelled",
    "failed_unrecorded",
];

/// The reply to this round's question of type `A`. A scenario handles all three.
#[derive(Component, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reply<A: Send + Sync + 'static> {
    /// The agent was not asked.
    #[default]
    NotAsked,
    /// A valid answer.
    Answered(A),
    /// No valid answer, and why.
    Failed(Cause),
}

impl<A: Send + Sync + 'static> Reply<A> {
    /// The answer, if there is one.
    #[inline]
    pub const fn answer(&self) -> Option<&A> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Failed(_) | Self::NotAsked => None,
        }
    }

    /// The place of the status in the status column's labels.
    #[inline]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Answered(_) => 0,
            Self::NotAsked => 1,
            Self::Failed(cause) => 2 + *cause as u8,
        }
    }
}

/// A status as a value of a column.
struct Status(u8);

impl throng_engine::record::ColumnValue for Status {
    fn kind() -> ColumnKind {
        ColumnKind::Category(&STATUS)
    }
    fn extend<'a>(
        values: &mut throng_engine::record::Values,
        rows: impl Iterator<Item = Option<&'a Self>>,
    ) {
        throng_engine::record::extend_category(values, rows, |status: &Self| status.0);
    }
}

/// The places of all statuses, to borrow from.
const STATUSES: [Status; STATUS.len()] = {
    let mut statuses = [const { Status(0) }; STATUS.len()];
    let mut code = 0;
    while code < STATUS.len() {
        statuses[code] = Status(code as u8);
        code += 1;
    }
    statuses
};

/// The status, then the answer's columns, which are empty unless answered.
impl<A: Columns + Send + Sync + 'static> Columns for Reply<A> {
    fn columns() -> Vec<ColumnSpec> {
        let doc =
            "What came of this round's question: answered, not_asked, or failed with its cause.";
        let status = ColumnSpec::new("status", doc, ColumnKind::Category(&STATUS));
        let answer = A::columns().into_iter().map(|spec| ColumnSpec { nullable: true, ..spec });
        std::iter::once(status).chain(answer).collect()
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column]) {
        let (status, answer) = columns.split_first_mut().expect("a reply has a status column");
        let code = |reply: Option<&Self>| usize::from(reply.map_or(1, Self::code));
        status.extend::<Status>(rows.clone().map(|reply| Some(&STATUSES[code(reply)])));
        A::extend(rows.map(|reply| reply.and_then(Reply::answer)), answer);
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status().trim_start_matches("failed_"))
    }
}

#[cfg(test)]
mod tests {
    use throng_engine::Decimal;
    use throng_engine::record::{Table, Values};

    use super::*;
    use crate::Guess;

    #[test]
    fn a_failure_has_a_status_and_no_value() {
        let mut table = Table::new(Reply::<Guess>::columns(), 3);
        table.extend(&[
            Reply::Answered(Guess(Decimal::from_units(10_000))),
            Reply::Failed(Cause::Invalid),
            Reply::NotAsked,
        ]);
        assert_eq!(table.columns[0].values, Values::Category(vec![0, 4, 1]));
        assert_eq!(table.columns[1].valid, Some(vec![true, false, false]));
        assert_eq!(STATUS[4], Cause::Invalid.status());
    }

    #[test]
    fn a_reply_of_a_guess_keeps_its_byte_budget() {
        assert_eq!(size_of::<Reply<Guess>>(), 8);
    }
}
