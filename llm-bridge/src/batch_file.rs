//! Batch files: an exchange as an upload that a hosted service works off within a day, at a lower price.
//!
//! What comes back, in whole or in part, goes into the completion store. An ordinary exchange of the same
//! batch then takes it from there and pays only for what is missing.

use crate::exchange::{Batch, Prepared};
use crate::limits::{BATCH_FILE_BYTES_MAX, BATCH_FILE_REQUESTS_MAX};
use crate::money::{Money, Usage};
use crate::service::{Service, ServiceError, good, read};
use crate::store::{Ack, CompletionStore, Finish, Record};
use crate::wire::request;
use crate::wire::response::decode;
use crate::wire::transport::Address;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write as _;

/// A batch at the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The service's name for it; keep it, it survives this process.
    pub id: String,
    /// Requests in it.
    pub requests: u64,
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
}

impl Service {
    /// Uploads `batch`, whose asks must all go to the model at `at`.
    pub fn submit(&self, at: Address, batch: &Batch) -> Result<Submitted, ServiceError> {
        let prepared = self.prepare(at, batch)?;
        let requests = prepared.batch.asks.len();
        let lines = self.lines(at, &prepared);
        if requests > BATCH_FILE_REQUESTS_MAX || lines.len() > BATCH_FILE_BYTES_MAX {
            return Err(ServiceError::Unsupported(format!(
                "a batch file has at most {BATCH_FILE_REQUESTS_MAX} requests and {BATCH_FILE_BYTES_MAX} bytes"
            )));
        }
        let (content, form) = form(&lines);
        let landed = self.wait(async {
            good(self.http.post_to(at, "/files", false, &content, Bytes::from(form)).await?)
        })?;
        let file: Named = read(&landed)?;
        let body = serde_json::json!({
            "input_file_id": file.id, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        });
        let landed = self.wait(self.post(at, "/batches", false, &body))?;
        let batch: Named = read(&landed)?;
        Ok(Submitted { id: batch.id, requests: requests as u64 })
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
        let landed =
            self.wait(self.get(at, &format!("/files/{}/content", checked_id(output)?), false))?;
        let (sender, mut acks) = tokio::sync::mpsc::unbounded_channel();
        let mut ingested = Ingested::default();
        let mut cohort_of = vec![0; prepared.batch.asks.len()];
        for (number, cohort) in prepared.cohorts.cohorts.iter().enumerate() {
            for member in cohort.start..cohort.start + cohort.length {
                cohort_of[prepared.cohorts.members[member as usize] as usize] = number;
            }
        }
        for line in landed.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match self.record(at, &prepared, &cohort_of, line, price_factor) {
                Some(record) => {
                    store.append(record, Ack::new(ingested.completions, sender.clone()));
                    ingested.completions += 1;
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

    /// One line per ask; the custom id is the ask's agent.
    fn lines(&self, at: Address, prepared: &Prepared) -> Vec<u8> {
        let model = &self.config.models[usize::from(at.model)];
        let endpoint = &model.endpoints[usize::from(at.endpoint)];
        let quirks = endpoint.quirks.apply(endpoint.server.quirks());
        let seeds = model.seeds && quirks.seeds == crate::quirk::Seeds::Consecutive;
        let mut lines = Vec::new();
        for (number, cohort) in (0..).zip(&prepared.cohorts.cohorts) {
            let head = request::head(&prepared.model(model), &quirks, prepared.spec(number));
            for member in cohort.start..cohort.start + cohort.length {
                let seed = seeds.then(|| prepared.seed(number, member));
                let body =
                    request::body(&head, 1, seed, &prepared.batch.prompts, cohort.ask.prompt, None);
                let agent = prepared.ask(member).agent;
                let mut line = String::new();
                write!(line, r#"{{"custom_id":"{agent}","method":"POST","url":"/v1/chat/completions","body":"#)
                    .expect("a string takes it");
                lines.extend_from_slice(line.as_bytes());
                lines.extend_from_slice(&body);
                lines.extend_from_slice(b"}\n");
            }
        }
        lines
    }

    /// The record of one line of results; none if it holds no completion of this batch.
    fn record(
        &self,
        at: Address,
        prepared: &Prepared,
        cohort_of: &[usize],
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
        let key = prepared.key(cohort_of[place] as u32);
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

/// A multipart form that uploads `lines`: its media type and its bytes.
fn form(lines: &[u8]) -> (String, Vec<u8>) {
    let digest = crate::digest::Digest::of([lines]);
    let boundary = format!("throng-{}", &digest.to_string()[..32]);
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
