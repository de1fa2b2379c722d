//! The completions of a committed round as the table `calls`: a row per agent and paid attempt.

use super::index::Place;
use super::record::{Call, JournalKey};
use super::scan::Found;
use super::{Journal, lock};
use crate::digest::hex;
use crate::error::{Error, Result};
use crate::layout::{CALLS, PROMPT_HASH};
use crate::rules::{AGENT, ROUND, STATUS};
use crate::schema::TableSchema;
use crate::stream::TableStream;
use crate::table::{Column, Table, Values};
use crate::text::Text;
use crate::writer::{Stamp, Written};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::path::Path;

/// The status of a completion that was paid although the same question had been answered.
pub const DUPLICATE: &str = "duplicate";
/// Rows that are in memory at a time.
const CHUNK_ROWS: usize = 4_096;
/// Units of a price in a US dollar.
pub(super) const PER_DOLLAR: f64 = 1e12;

/// What the rows of `calls` call a model and its endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelNames {
    /// The model.
    pub model: String,
    /// Its endpoints.
    pub endpoints: Vec<String>,
}

/// Writes the completions of the stamp's round to a new file at `path`, in agent order and not yet
/// durable; `None` where there are none. Only completions of `agents` count, where some are given. The journal takes no more records of that round.
///
/// # Errors
/// [`Error::Corrupt`] where the journal has changed on disk, [`Error::Table`] where a completion is
/// of a model that has no name, [`Error::Io`].
pub(crate) fn write_calls(
    journal: &Journal,
    models: &[ModelNames],
    agents: Option<&Range<u64>>,
    path: &Path,
    stamp: &Stamp,
) -> Result<Option<(TableSchema, File, Written)>> {
    journal.close_rounds(stamp.round)?;
    let mut last: Option<Place> = None;
    let mut answered = Answered::default();
    let mut stream: Option<(TableSchema, TableStream)> = None;
    loop {
        let places = lock(&journal.index).after(stamp.round, last, CHUNK_ROWS);
        let Some(&end) = places.last() else { break };
        let mut rows = Rows::default();
        let own = |place: &&Place| agents.is_none_or(|agents| agents.contains(&place.agent));
        for place in places.iter().filter(own) {
            let segment = lock(&journal.index).segment(place.segment);
            let segment = segment.expect("places go before their segments do");
            let found = journal.read(place, &segment)?;
            let duplicate = !answered.add(found.call.key(place.agent));
            rows.push(models, place, found, duplicate)?;
        }
        last = Some(end);
        if rows.agent.is_empty() {
            continue;
        }
        let table = rows.table()?;
        let (_, stream) = match &mut stream {
            Some(open) => open,
            None => {
                let schema = table.schema();
                let created = TableStream::create(path, schema.clone(), stamp)?;
                stream.insert((schema, created))
            }
        };
        stream.push(table)?;
    }
    let Some((schema, stream)) = stream else { return Ok(None) };
    let (file, written) = stream.finish()?;
    Ok(Some((schema, file, written)))
}

/// Keys of the question that was looked at last; its answers follow each other.
#[derive(Debug, Default)]
struct Answered(Vec<JournalKey>);

impl Answered {
    /// Notes a key; false where the same was answered before.
    fn add(&mut self, key: JournalKey) -> bool {
        let question = |key: &JournalKey| (key.agent, key.exchange, key.attempt);
        if self.0.first().is_some_and(|first| question(first) != question(&key)) {
            self.0.clear();
        }
        let new = !self.0.contains(&key);
        self.0.push(key);
        new
    }
}

/// Rows of the table, column by column.
#[derive(Debug, Default)]
struct Rows {
    agent: Vec<i64>,
    round: Vec<i32>,
    exchange: Vec<i32>,
    model: Names,
    endpoint: Names,
    prompt: Text,
    fingerprint: Names,
    parameters: Names,
    cohort_size: Vec<i32>,
    attempt: Vec<i32>,
    status: Names,
    prompt_tokens: Vec<i64>,
    completion_tokens: Vec<i64>,
    cached_tokens: Vec<i64>,
    latency_us: Vec<i64>,
    cost_usd: Vec<f64>,
    reply: Text,
}

impl Rows {
    fn push(
        &mut self,
        models: &[ModelNames],
        place: &Place,
        found: Found,
        duplicate: bool,
    ) -> Result<()> {
        let Found { call, count, choice } = found;
        let (model, endpoint) = names(models, &call)?;
        let completion = call.completion(place.choice.into(), count, choice);
        self.agent.push(place.agent as i64);
        self.round.push(call.round as i32);
        self.exchange.push(call.exchange as i32);
        self.model.push(model);
        self.endpoint.push(endpoint);
        self.prompt.push(&hex(&call.prompt));
        self.fingerprint.push(&hex(&call.model));
        self.parameters.push(&hex(&call.parameters));
        self.cohort_size.push(count as i32);
        self.attempt.push(call.attempt.into());
        self.status.push(if duplicate { DUPLICATE } else { completion.finish.word() });
        self.prompt_tokens.push(completion.tokens.prompt.into());
        self.completion_tokens.push(completion.tokens.completion.into());
        self.cached_tokens.push(completion.tokens.cached.into());
        self.latency_us.push(call.latency_us.into());
        self.cost_usd.push(completion.cost as f64 / PER_DOLLAR);
        self.reply.push(&completion.text);
        Ok(())
    }

    fn table(self) -> Result<Table> {
        let column = Column::new;
        let exchange = "Which exchange of the round, from 0.";
        let cohort = "The number of agents that the same request answered.";
        let fingerprint = "Fingerprint of the model, in hex.";
        let parameters = "SHA-256 of the sampling parameters and of the answer's type, in hex.";
        let attempt = "Which question of the agent: 0 is the first, each invalid reply adds one.";
        let status = "How the reply ended: stop, length or withheld; duplicate where it was paid a second \
                      time and not used.";
        let prompt_tokens =
            "The agent's share of the request's prompt tokens, cached ones included.";
        let completion_tokens = "The agent's share of the request's completion tokens.";
        let cached_tokens = "The agent's share of the prompt tokens that the server had cached.";
        let latency = "Time from sending the request to its whole reply.";
        let cost = "The agent's share of the request's price.";
        let columns = vec![
            column(AGENT, "The agent that was answered.", Values::I64(self.agent)),
            column(ROUND, "The round.", Values::I32(self.round)),
            column("exchange", exchange, Values::I32(self.exchange)),
            column("model", "The model that answered.", self.model.values()),
            column("endpoint", "The endpoint that answered.", self.endpoint.values()),
            column(PROMPT_HASH, "SHA-256 of the prompt, in hex.", Values::Text(self.prompt)),
            column("model_hash", fingerprint, self.fingerprint.values()),
            column("parameters_hash", parameters, self.parameters.values()),
            column("cohort_size", cohort, Values::I32(self.cohort_size)),
            column("attempt", attempt, Values::I32(self.attempt)),
            column(STATUS, status, self.status.values()),
            column("prompt_tokens", prompt_tokens, Values::I64(self.prompt_tokens)),
            column("completion_tokens", completion_tokens, Values::I64(self.completion_tokens)),
            column("cached_tokens", cached_tokens, Values::I64(self.cached_tokens)),
            column("latency_us", latency, Values::I64(self.latency_us)).with_unit("us"),
            column("cost_usd", cost, Values::F64(self.cost_usd)).with_unit("usd"),
            column("reply", "The reply as the model sent it.", Values::Text(self.reply)),
        ];
        Table::new(CALLS, columns)
    }
}

fn names<'a>(models: &'a [ModelNames], call: &Call) -> Result<(&'a str, &'a str)> {
    let model = models.get(usize::from(call.model_index));
    let endpoint = model.and_then(|model| model.endpoints.get(usize::from(call.endpoint)));
    model.zip(endpoint).map(|(model, endpoint)| (&*model.model, &**endpoint)).ok_or_else(|| {
        let (model, endpoint) = (call.model_index, call.endpoint);
        let problem =
            format!("a completion is of endpoint {endpoint} of model {model}, unknown here");
        Error::Table { table: CALLS.to_owned(), problem }
    })
}

/// A column of few distinct texts; [`CHUNK_ROWS`] rows have no more than their codes can tell apart.
#[derive(Debug, Default)]
struct Names {
    codes: Vec<u16>,
    distinct: Vec<String>,
    by_name: BTreeMap<String, u16>,
}

impl Names {
    fn push(&mut self, name: &str) {
        let code = self.by_name.get(name).copied().unwrap_or_else(|| {
            let code = self.distinct.len() as u16;
            self.distinct.push(name.to_owned());
            self.by_name.insert(name.to_owned(), code);
            code
        });
        self.codes.push(code);
    }

    fn values(self) -> Values {
        Values::Category16 { codes: self.codes, names: self.distinct }
    }
}
