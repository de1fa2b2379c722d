//! Batch files: an exchange as an upload that a hosted service works off within a day, at a lower price.
//!
//! What comes back, in whole or in part, goes into the completion store. An ordinary exchange of the same
//! batch then takes it from there and pays only for what is missing.

use crate::digest::Digest;
use crate::exchange::{Batch, Prepared};
use crate::limits::{
    BATCH_FILE_BYTES_MAX, BATCH_FILE_REQUESTS_MAX, BATCH_FILE_TIMEOUT, BATCH_RESULT_BYTES_MAX,
    BATCHES_LISTED,
};
use crate::money::{Money, Usage};
use crate::reply::Totals;
use crate::service::{Service, ServiceError, good, read};
use crate::store::{Ack, CompletionStore, Finish, Record};
use crate::wire::request;
use crate::wire::response::decode;
use crate::wire::transport::Address;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write as _;

/// The requests of one batch file: a line each, and nothing of it depends on when or where it is made.
#[derive(Debug, Default)]
pub struct BatchFile {
    lines: Vec<u8>,
    requests: u64,
}

/// A batch at the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The service's name for it.
    pub id: String,
    /// Requests in it.
    pub requests: u64,
    /// Whether it had been sent before.
    pub found: bool,
}

/// Where a batch stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The service's word: `in_progress`, `completed`, `expired`, `cancelled`, `failed` and others.
    pub status: String,
    /// The file of results, complete or partial, once there is one.
    pub output: Option<String>,
}

/// What was taken from a file of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Completions put into the store.
    pub completions: u64,
    /// Lines that hold no completion of this batch.
    pub unusable: u64,
    /// Prompt tokens of the completions.
    pub prompt_tokens: u64,
    /// Completion tokens of the completions.
    pub completion_tokens: u64,
    /// Prompt tokens that the service had cached.
    pub cached_tokens: u64,
    /// Price of the completions.
    pub cost: Money,
}

impl Standing {
    /// Whether nothing more will come of it.
    pub fn has_ended(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "expired" | "cancelled" | "failed")
    }
}

impl Ingested {
    fn note(&mut self, record: &Record) {
        self.completions += 1;
        self.prompt_tokens += u64::from(record.usage.prompt_tokens);
        self.completion_tokens += u64::from(record.usage.completion_tokens);
        self.cached_tokens += u64::from(record.usage.cached_tokens);
        self.cost = self.cost.plus(record.cost);
    }

    /// Counts these as paid for by the exchange that found them in the store.
    pub fn count_in(&self, totals: &mut Totals) {
        totals.requests += self.completions + self.unusable;
        totals.completions += self.completions;
        totals.journaled = totals.journaled.saturating_sub(self.completions);
        totals.prompt_tokens += self.prompt_tokens;
        totals.completion_tokens += self.completion_tokens;
        totals.cached_tokens += self.cached_tokens;
        totals.cost = totals.cost.plus(self.cost);
    }
}

impl BatchFile {
    /// The requests in it.
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

impl Service {
    /// Makes files of the first questions of `batch`, whose asks must all go to the model at `at`, and hands each to
    /// `take` before it makes the next: of the asks whose places `wanted` names, in files of a size that services take.
    pub fn batch_files(
        &self,
        at: Address,
        batch: &Batch,
        wanted: impl Fn(usize) -> bool,
        mut take: impl FnMut(BatchFile) -> Result<(), ServiceError>,
    ) -> Result<(), ServiceError> {
        let prepared = self.prepare(at, batch)?;
        let model = &self.config.models[usize::from(at.model)];
        let quirks = model.endpoints[usize::from(at.endpoint)].quirks();
        let seeds = model.seeds && quirks.seeds == crate::quirk::Seeds::Consecutive;
        let mut file = BatchFile::default();
        for (number, cohort) in (0..).zip(&prepared.cohorts.cohorts) {
            let head = request::head(&prepared.model(model), &quirks, prepared.spec(number));
            let asked = (model.api, cohort.ask.prompt);
            for member in cohort.start..cohort.start + cohort.length {
                if !wanted(prepared.cohorts.members[member as usize] as usize) {
                    continue;
                }
                let seed = seeds.then(|| prepared.seed(number, member));
                let body = request::body(&head, 1, seed, &prepared.batch.prompts, asked, None);
                let full = file.lines.len() + body.len() + LINE_BYTES_MAX > BATCH_FILE_BYTES_MAX;
                if full || file.requests == BATCH_FILE_REQUESTS_MAX as u64 {
                    take(std::mem::take(&mut file))?;
                }
                file.push(prepared.ask(member).agent, model.api.path(), &body);
            }
        }
        if file.requests > 0 { take(file) } else { Ok(()) }
    }

    /// Sends `file` to the service, unless that has it already: a batch is known by a digest of its requests, so that
    /// whoever was interrupted finds it again.
    pub fn submit(&self, at: Address, file: &BatchFile) -> Result<Submitted, ServiceError> {
        let digest = Digest::of([file.lines.as_slice()]).to_string();
        if let Some(id) = self.sent_before(at, &digest)? {
            return Ok(Submitted { id, requests: file.requests, found: true });
        }
        let (content, form) = form(&file.lines, &digest);
        let landed = self.wait_for(BATCH_FILE_TIMEOUT, async {
            good(self.http.post_to(at, "/files", false, &content, Bytes::from(form)).await?)
        })?;
        let uploaded: Named = read(&landed)?;
        let path = self.config.models[usize::from(at.model)].api.path();
        let body = serde_json::json!({
            "input_file_id": uploaded.id, "endpoint": format!("/v1{path}"), "completion_window": "24h",
            "metadata": { TAG: digest },
        });
        let landed = self.wait(self.post(at, "/batches", false, &body))?;
        let batch: Named = read(&landed)?;
        Ok(Submitted { id: batch.id, requests: file.requests, found: false })
    }

    /// The batch with this digest among the latest of the service, if it has not failed.
    fn sent_before(&self, at: Address, digest: &str) -> Result<Option<String>, ServiceError> {
        let path = format!("/batches?limit={BATCHES_LISTED}");
        let landed = self.wait(self.get(at, &path, false))?;
        let listed: Value = read(&landed)?;
        let ours = |batch: &&Value| {
            let ended_badly = matches!(batch["status"].as_str(), Some("failed" | "cancelled"));
            batch["metadata"][TAG] == digest && !ended_badly
        };
        let found = listed["data"].as_array().into_iter().flatten().find(ours);
        Ok(found.and_then(|batch| batch["id"].as_str().map(str::to_owned)))
    }

    /// Asks where a batch stands.
    pub fn standing(&self, at: Address, id: &str) -> Result<Standing, ServiceError> {
        let landed = self.wait(self.get(at, &format!("/batches/{}", checked_id(id)?), false))?;
        let reply: Value = read(&landed)?;
        let text = |key: &str| reply[key].as_str().map(str::to_owned);
        let status =
            text("status").ok_or_else(|| ServiceError::Reply("no status came".to_owned()))?;
        Ok(Standing { status, output: text("output_file_id") })
    }

    /// Puts the completions of the file `output` into `store`, at `price_factor` of the model's prices.
    pub fn ingest(
        &self,
        at: Address,
        batch: &Batch,
        output: &str,
        price_factor: f64,
        store: &dyn CompletionStore,
    ) -> Result<Ingested, ServiceError> {
        let prepared = self.prepare(at, batch)?;
        let path = format!("/files/{}/content", checked_id(output)?);
        let landed = self.wait_for(BATCH_FILE_TIMEOUT, async {
            good(self.http.get(at, &path, false, BATCH_RESULT_BYTES_MAX).await?)
        })?;
        let (sender, mut acks) = tokio::sync::mpsc::unbounded_channel();
        let mut ingested = Ingested::default();
        let cohort_of = prepared.cohorts_of_asks();
        for line in landed.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match self.record(at, &prepared, &cohort_of, line, price_factor) {
                Some(record) => {
                    ingested.note(&record);
                    store.append(record, Ack::new(ingested.completions, sender.clone()));
                }
                None => ingested.unusable += 1,
            }
        }
        for _ in 0..ingested.completions {
            let (_, outcome) =
                acks.blocking_recv().expect("each acknowledgement reports, even when dropped");
            outcome.map_err(|error| ServiceError::Unsupported(error.to_string()))?;
        }
        Ok(ingested)
    }

    fn prepare(&self, at: Address, batch: &Batch) -> Result<Prepared, ServiceError> {
        if batch.asks.iter().any(|ask| ask.model != at.model) {
            return Err(ServiceError::Unsupported(
                "a batch file holds the asks of one model".to_owned(),
            ));
        }
        Prepared::new(batch.clone(), &self.config)
            .map_err(|error| ServiceError::Unsupported(error.to_string()))
    }

    /// The record of one line of results; none if it holds no completion of this batch.
    fn record(
        &self,
        at: Address,
        prepared: &Prepared,
        cohort_of: &[u32],
        line: &[u8],
        price_factor: f64,
    ) -> Option<Record> {
        let line: ResultLine = serde_json::from_slice(line).ok()?;
        let response = line.response.filter(|response| response.status_code == 200)?;
        let agent: u64 = line.custom_id.parse().ok()?;
        let place = prepared.batch.asks.binary_search_by_key(&agent, |ask| ask.agent).ok()?;
        let mut decoded = decode(response.body.to_string().as_bytes(), 1).ok()?;
        let (_, text, finish): (u32, Box<str>, Finish) = decoded.choices.swap_remove(0);
        let usage: Usage = decoded.usage;
        let cost = self.config.models[usize::from(at.model)].price.of(&usage);
        let key = prepared.key(cohort_of[place]);
        Some(Record {
            moment: prepared.batch.moment,
            attempt: 0,
            prompt: key.prompt,
            model: key.model,
            parameters: key.parameters,
            model_index: at.model,
            endpoint: at.endpoint,
            latency_us: 0,
            usage,
            cost: Money::from_usd(cost.usd() * price_factor),
            choices: vec![(agent, text, finish)],
        })
    }
}

/// The field of a batch's metadata that holds the digest of its requests.
const TAG: &str = "throng";
/// Bytes of a line besides the body of its request.
const LINE_BYTES_MAX: usize = 128;

impl BatchFile {
    /// Adds a request; its custom id is the agent.
    fn push(&mut self, agent: u64, path: &str, body: &[u8]) {
        let mut line = String::with_capacity(LINE_BYTES_MAX);
        write!(line, r#"{{"custom_id":"{agent}","method":"POST","url":"/v1{path}","body":"#)
            .expect("a string takes it");
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.extend_from_slice(body);
        self.lines.extend_from_slice(b"}\n");
        self.requests += 1;
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct ResultLine {
    custom_id: String,
    response: Option<LineResponse>,
}

#[derive(Deserialize)]
struct LineResponse {
    status_code: u16,
    body: Value,
}

/// An id that may stand in a path.
fn checked_id(id: &str) -> Result<&str, ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !id.is_empty() && id.bytes().all(plain) {
        return Ok(id);
    }
    Err(ServiceError::Reply("an id holds characters that no path may".to_owned()))
}

/// A multipart form that uploads `lines`, which have this digest: its media type and its bytes.
fn form(lines: &[u8], digest: &str) -> (String, Vec<u8>) {
    let boundary = format!("throng-{}", &digest[..32]);
    let mut form = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\n\
         content-type: application/jsonl\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(lines);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), form)
}
