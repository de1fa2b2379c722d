//! To the end: exchanges begin, completions become replies, and every ask gets exactly one.

use super::landing::{Pending, Refused, read};
use super::work::{Earlier, Span, Work};
use super::{Engine, Exchange};
use crate::answer::Answer;
use crate::cohort::runs;
use crate::exchange::{ExchangeError, Exchanged, Prepared, Progress, Stop};
use crate::limits::RAW_TEXT_MAX;
use crate::parse::Invalid;
use crate::reply::{Cause, Reply, Status, Totals};
use crate::store::StoreError;
use crate::wire::request::Again;
use crate::wire::transport::Transport;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

impl<T: Transport> Engine<T> {
    /// Takes up an exchange: what the store holds is settled at once, the rest is queued.
    pub(super) fn begin(
        &mut self,
        prepared: Box<Prepared>,
        progress: Arc<Progress>,
        done: oneshot::Sender<Result<Exchanged, ExchangeError>>,
    ) {
        let id = self.next_exchange;
        self.next_exchange += 1;
        let count = prepared.batch.asks.len();
        progress.total.store(count as u64, Ordering::Relaxed);
        let exchange = Exchange {
            replies: vec![None; count],
            earlier: BTreeMap::new(),
            unsettled: count,
            hopeless: BTreeMap::new(),
            totals: Totals::default(),
            stop: None,
            deadline: prepared.batch.deadline.map(|time| Instant::now() + time),
            prepared,
            progress,
            done,
        };
        let cohorts = exchange.prepared.cohorts.cohorts.len() as u32;
        let known = self.store.may_hold(exchange.prepared.batch.moment);
        self.exchanges.insert(id, exchange);
        for cohort in 0..cohorts {
            if let Err(error) = self.begin_cohort(id, cohort, known) {
                return self.break_off(id, error);
            }
        }
        self.finish_if_settled(id);
    }

    /// Queues the members of a cohort, but for those that the store answers, where `known` says that it may.
    fn begin_cohort(&mut self, exchange: u32, number: u32, known: bool) -> Result<(), StoreError> {
        let Some(state) = self.exchanges.get(&exchange) else { return Ok(()) };
        let cohort = *state.prepared.cohort(number);
        let model = usize::from(cohort.ask.model);
        let mut fresh = vec![true; cohort.length as usize];
        for place in (0..cohort.length).filter(|_| known) {
            fresh[place as usize] = !self.recall(exchange, number, cohort.start + place)?;
        }
        for run in runs(cohort.length, |place| fresh[place as usize]) {
            let span = Span {
                exchange,
                cohort: number,
                start: cohort.start + run.start,
                length: run.length,
            };
            self.models[model].queue.push(span);
        }
        Ok(())
    }

    /// Plays the completions that the store holds for one member; returns whether there were any, in which
    /// case the member is settled or its next question is queued.
    fn recall(&mut self, id: u32, cohort: u32, member: u32) -> Result<bool, StoreError> {
        let mut question = 0;
        let mut refused: Option<Refused> = None;
        loop {
            let exchange = self.exchanges.get_mut(&id).expect("it was inserted before");
            let key = exchange.prepared.completion_key(cohort, member, question);
            let Some(completion) = self.store.lookup(&key)? else { break };
            exchange.totals.journaled += 1;
            self.budget.recalled(&completion.usage, completion.cost);
            let place = exchange.prepared.cohorts.members[member as usize];
            let earlier = exchange.earlier.entry(place).or_default();
            earlier.add(&completion.usage, completion.cost, 1);
            match read(exchange.prepared.spec(cohort), &completion.text, completion.finish) {
                Ok(answer) => {
                    self.answer(id, member, answer, Earlier::default(), 0, None);
                    return Ok(true);
                }
                Err(error) => refused = Some(Refused { error, raw: completion.text }),
            }
            question += 1;
        }
        let Some(refused) = refused else { return Ok(false) };
        let model = self.exchanges[&id].prepared.cohort(cohort).ask.model;
        let deadline = Instant::now()
            + Duration::from_millis(self.models[usize::from(model)].config.patience.reply_ms);
        let span = Span { exchange: id, cohort, start: member, length: 1 };
        self.ask_again(model, span, question - 1, deadline, refused, None);
        Ok(true)
    }

    /// Handles the store's word on one record.
    pub(super) fn on_ack(&mut self, ticket: u64, outcome: Result<(), StoreError>) {
        let Some(pending) = self.pending.remove(&ticket) else { return };
        self.pending_bytes -= pending.bytes;
        match outcome {
            Ok(()) => self.settle(pending),
            Err(error) => self.break_off(pending.span.exchange, error),
        }
    }

    fn settle(&mut self, pending: Pending) {
        let Pending {
            model,
            endpoint,
            span,
            question,
            tries,
            deadline,
            latency_us,
            usage,
            cost,
            choices,
            ..
        } = pending;
        if !self.exchanges.contains_key(&span.exchange) {
            return;
        }
        let count = choices.len() as u32;
        for (rank, (index, choice)) in choices.into_iter().enumerate() {
            let rank = rank as u32;
            let share = Earlier {
                usage: usage.share(rank, count),
                cost: crate::money::Money(
                    cost.0 / u64::from(count)
                        + u64::from(u64::from(rank) < cost.0 % u64::from(count)),
                ),
                attempts: u16::from(tries) + 1,
            };
            let member = span.start + index;
            match choice {
                Ok(answer) => {
                    self.answer(span.exchange, member, answer, share, latency_us, Some(endpoint));
                }
                Err(refused) => {
                    let one = Span { start: member, length: 1, ..span };
                    self.note_earlier(&one, share);
                    self.ask_again(model, one, question, deadline, refused, Some(endpoint));
                }
            }
        }
        self.finish_if_settled(span.exchange);
    }

    fn note_earlier(&mut self, one: &Span, share: Earlier) {
        let Some(exchange) = self.exchanges.get_mut(&one.exchange) else { return };
        let place = exchange.prepared.cohorts.members[one.start as usize];
        let earlier = exchange.earlier.entry(place).or_default();
        earlier.add(&share.usage, share.cost, share.attempts);
    }

    /// Asks one member again with the error named, or fails it where that was tried often enough.
    fn ask_again(
        &mut self,
        model: u16,
        one: Span,
        question: u8,
        deadline: Instant,
        refused: Refused,
        endpoint: Option<u16>,
    ) {
        let state = &mut self.models[usize::from(model)];
        let Some(exchange) = self.exchanges.get_mut(&one.exchange) else { return };
        if exchange.stop.is_none() && question + 1 < state.config.patience.questions_max {
            let spec = exchange.prepared.spec(one.cohort);
            let mut work = Work::new(one, deadline);
            work.question = question + 1;
            work.again = Some(Box::new(Again::new(&refused.raw, &refused.error, spec)));
            exchange.totals.questions_again += 1;
            state.queue.push_waiting(work, Instant::now());
            return;
        }
        let cause =
            if refused.error == Invalid::Withheld { Cause::Refused } else { Cause::Invalid };
        let raw: String = refused.raw.chars().take(RAW_TEXT_MAX).collect();
        let status = Status::failed(cause, refused.error.to_string(), Some(raw));
        self.reply(one.exchange, one.start, status, Earlier::default(), 0, endpoint);
    }

    fn answer(
        &mut self,
        exchange: u32,
        member: u32,
        answer: Answer,
        share: Earlier,
        latency_us: u32,
        endpoint: Option<u16>,
    ) {
        self.reply(exchange, member, Status::Answered(answer), share, latency_us, endpoint);
    }

    /// Gives `member` its one reply.
    fn reply(
        &mut self,
        exchange: u32,
        member: u32,
        status: Status,
        share: Earlier,
        latency_us: u32,
        endpoint: Option<u16>,
    ) {
        let Some(exchange) = self.exchanges.get_mut(&exchange) else { return };
        let place = exchange.prepared.cohorts.members[member as usize];
        let mut paid = exchange.earlier.remove(&place).unwrap_or_default();
        paid.add(&share.usage, share.cost, share.attempts);
        let answered = matches!(status, Status::Answered(_));
        let Earlier { usage, cost, attempts } = paid;
        let slot = &mut exchange.replies[place as usize];
        assert!(slot.is_none(), "an ask has exactly one reply");
        *slot = Some(Reply { status, usage, cost, latency_us, attempts, endpoint });
        exchange.unsettled -= 1;
        let (total, counter) = if answered {
            (&mut exchange.totals.answered, &exchange.progress.answered)
        } else {
            (&mut exchange.totals.failed, &exchange.progress.failed)
        };
        *total += 1;
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Fails all members of `work`.
    pub(super) fn fail(&mut self, work: Work, cause: Cause, words: &str) {
        let tries = u16::from(work.tries);
        let raw = work.again.as_ref().map(|again| again.said.clone());
        for member in work.span.start..work.span.start + work.span.length {
            let share = Earlier { attempts: tries, ..Earlier::default() };
            let status = Status::failed(cause, words.to_owned(), raw.clone());
            self.reply(work.span.exchange, member, status, share, 0, work.shun);
        }
        self.finish_if_settled(work.span.exchange);
    }

    /// Fails all members of `span`, which were never asked.
    pub(super) fn fail_span(&mut self, span: Span, cause: Cause, words: &str) {
        self.fail(Work::new(span, Instant::now()), cause, words);
    }

    /// Sends the end of an exchange in which every ask has its reply.
    fn finish_if_settled(&mut self, id: u32) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let failed_max = exchange.prepared.batch.failed_max;
        if exchange.unsettled > 0 {
            let too_many = failed_max.is_some_and(|most| exchange.totals.failed > most);
            if too_many && exchange.stop.is_none() {
                self.stop(id, Stop::Failed, Cause::Cancelled, "too many replies failed");
            }
            return;
        }
        let exchange = self.exchanges.remove(&id).expect("it was found above");
        let settled = |reply: Option<Reply>| reply.expect("no ask is unsettled");
        let replies: Vec<Reply> = exchange.replies.into_iter().map(settled).collect();
        let totals = exchange.totals;
        assert_eq!(
            totals.answered + totals.failed,
            replies.len() as u64,
            "every ask has one reply"
        );
        // A caller that no longer waits has dropped its exchange.
        let _ = exchange.done.send(Ok(Exchanged { replies, totals, stop: exchange.stop }));
    }

    /// Ends an exchange whose completions cannot be kept.
    fn break_off(&mut self, id: u32, error: StoreError) {
        self.stop(id, Stop::Cancelled, Cause::Cancelled, "the completion store failed");
        if let Some(exchange) = self.exchanges.remove(&id) {
            let _ = exchange.done.send(Err(ExchangeError::Store(error)));
        }
    }
}

impl Earlier {
    fn add(&mut self, usage: &crate::money::Usage, cost: crate::money::Money, attempts: u16) {
        self.usage.prompt_tokens = self.usage.prompt_tokens.saturating_add(usage.prompt_tokens);
        self.usage.completion_tokens =
            self.usage.completion_tokens.saturating_add(usage.completion_tokens);
        self.usage.cached_tokens = self.usage.cached_tokens.saturating_add(usage.cached_tokens);
        self.cost = self.cost.plus(cost);
        self.attempts = self.attempts.saturating_add(attempts);
    }
}
