//! Decides what the mock server does with a request, without knowing of sockets.

use crate::digest::{Digest, mix};
use crate::mock::batch::Batches;
use crate::mock::chat::{Drawn, Request, tokens};
use crate::mock::fault::{FAULTS, Fault};
use crate::mock::options::MockOptions;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bodies whose repetitions are counted, and blocks of prompts that count as cached.
const REMEMBERED_MAX: usize = 1 << 20;
/// Bytes of a block of the pretended prefix cache.
const BLOCK_BYTES: usize = 64;
/// Blocks that the pretended prefix cache holds.
const CACHE_BLOCKS: usize = 4_096;
/// Bytes of a body beyond all bounds.
pub const HUGE_BODY: usize = crate::limits::REPLY_BYTES_MAX + 1;

/// What to do with a request, and after how long.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Time before anything is written.
    pub delay: Duration,
    /// What is written.
    pub action: Action,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum Action {
    /// A whole reply.
    Reply(Answered),
    /// Events, with a pause between them.
    Stream(Vec<String>, Duration),
    /// A fault that takes a socket to play, with the reply that it spoils.
    Spoil(Fault, Answered),
}

/// A whole reply.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Seconds of a `Retry-After` header.
    pub retry_after: Option<f64>,
    /// The media type.
    pub content: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// What a mock server counted, to reconcile a client's accounts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Completion requests read.
    pub requests: u64,
    /// Completion requests answered well.
    pub replies: u64,
    /// Choices in them.
    pub choices: u64,
    /// Prompt tokens of them.
    pub prompt_tokens: u64,
    /// Completion tokens of them.
    pub completion_tokens: u64,
    /// Requests whose client went away before the reply.
    pub abandoned: u64,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Most requests at once.
    pub at_once_max: u64,
    /// Requests at once now.
    pub at_once: u64,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    seen: BTreeMap<u64, u32>,
    blocks: BTreeSet<u64>,
    block_order: VecDeque<u64>,
    unseeded: u64,
    batches: Batches,
}

/// The mind of a mock server.
#[derive(Debug)]
pub struct Core {
    options: MockOptions,
    state: Mutex<State>,
}

impl Core {
    /// A mock that does as told.
    pub fn new(options: MockOptions) -> Self {
        Self { options, state: Mutex::default() }
    }

    /// What it was told.
    pub fn options(&self) -> &MockOptions {
        &self.options
    }

    /// What it counted.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// Notes that a completion is under way, or no longer.
    pub fn under_way(&self, begins: bool) {
        let mut state = self.state();
        let counts = &mut state.counts;
        counts.at_once = if begins { counts.at_once + 1 } else { counts.at_once.saturating_sub(1) };
        counts.at_once_max = counts.at_once_max.max(counts.at_once);
    }

    /// Notes that a client went away before its reply.
    pub fn abandoned(&self) {
        self.state().counts.abandoned += 1;
    }

    /// Whether a request to `path` takes a slot.
    pub fn is_work(path: &str) -> bool {
        matches!(path, "/v1/chat/completions" | "/v1/completions")
    }

    /// Decides about one request.
    pub fn respond(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &[u8],
    ) -> Plan {
        let allowed = self
            .options
            .key
            .as_ref()
            .is_none_or(|key| authorization == Some(format!("Bearer {key}").as_str()));
        if !allowed {
            // Some services repeat the key; a client must not let it get into its logs.
            let given = authorization.unwrap_or_default();
            return now(error(401, &format!("incorrect key: {given}"), None));
        }
        match (method, path) {
            ("POST", "/v1/chat/completions") => self.complete(body, true),
            ("POST", "/v1/completions") => self.complete(body, false),
            ("POST", "/v1/embeddings") => now(embeddings(body)),
            ("POST", "/tokenize") => now(tokenize(body)),
            ("GET", "/v1/models") => now(ok(
                &json!({"object": "list", "data": [{"id": self.options.model, "object": "model", "max_model_len": self.options.context_tokens}]}),
            )),
            ("GET", "/health") => now(ok(&json!({"status": "ok"}))),
            ("GET", "/metrics") => now(Answered {
                status: 200,
                retry_after: None,
                content: "text/plain",
                body: self.metrics().into_bytes(),
            }),
            (_, path) if path.starts_with("/v1/files") || path.starts_with("/v1/batches") => {
                self.batch(method, path, body)
            }
            _ => now(error(404, "there is nothing here", None)),
        }
    }

    fn complete(&self, body: &[u8], chat: bool) -> Plan {
        let request: Request = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(problem) => return now(error(400, &problem.to_string(), None)),
        };
        let hash = Digest::of([body]).short();
        let (occurrence, refused, unseeded) = self.note_request(hash);
        if refused {
            return now(error(429, "too many requests", Some(self.options.faults.retry_after_s)));
        }
        let fault = self.options.faults.draw(self.options.seed, hash, occurrence);
        if let Some(fault) = fault {
            *self.state().counts.faults.entry(fault.name()).or_default() += 1;
        }
        let delay =
            self.options.latency.draw(mix(self.options.seed ^ mix(hash) ^ u64::from(occurrence)));
        if let Some(answered) = fault.and_then(|fault| self.status_of(fault)) {
            return Plan { delay, action: Action::Reply(answered) };
        }
        match self.draw(&request, unseeded, fault) {
            Err(answered) => now(answered),
            Ok(drawn) => self.write(&request, &drawn, chat, fault, delay),
        }
    }

    /// Counts the request; returns how often its body came before, whether it is one too many, and a number
    /// that stands for the seed of a request without one.
    fn note_request(&self, hash: u64) -> (u32, bool, u64) {
        let mut state = self.state();
        state.counts.requests += 1;
        state.unseeded += 1;
        if state.seen.len() >= REMEMBERED_MAX {
            state.seen.clear();
        }
        let seen = state.seen.entry(hash).or_default();
        let occurrence = *seen;
        *seen += 1;
        let refused =
            self.options.refuse_above.is_some_and(|most| state.counts.at_once > most as u64);
        if refused {
            *state.counts.faults.entry("refused").or_default() += 1;
        }
        (occurrence, refused, mix(self.options.seed ^ state.unseeded))
    }

    fn status_of(&self, fault: Fault) -> Option<Answered> {
        match fault {
            Fault::Busy => Some(error(429, "slow down", Some(self.options.faults.retry_after_s))),
            Fault::ServerError => Some(error(500, "something broke", None)),
            Fault::Unavailable => Some(error(503, "overloaded", None)),
            Fault::ContextLength => {
                Some(error(400, "This model's maximum context length is exceeded", None))
            }
            _ => None,
        }
    }

    fn draw(
        &self,
        request: &Request,
        unseeded: u64,
        fault: Option<Fault>,
    ) -> Result<Drawn, Answered> {
        let options = &self.options;
        if request.n == 0 || request.n > options.n_max {
            return Err(error(400, &format!("n must be from 1 to {}", options.n_max), None));
        }
        if tokens(&request.text()) > options.context_tokens {
            return Err(error(400, "This model's maximum context length is exceeded", None));
        }
        let schema = if options.ignores_schema {
            None
        } else {
            request.schema().map_err(|words| error(400, words, None))?
        };
        let wanted = if options.ignores_n { 1 } else { request.n };
        let count = match fault {
            Some(Fault::WrongCount) if wanted > 1 => wanted - 1,
            Some(Fault::WrongCount) => 2,
            _ => wanted,
        };
        Ok(request.draw(options, schema.as_ref(), count, unseeded, fault))
    }

    fn write(
        &self,
        request: &Request,
        drawn: &Drawn,
        chat: bool,
        fault: Option<Fault>,
        delay: Duration,
    ) -> Plan {
        let cached = self.note_prompt(&request.text());
        let pace = self
            .options
            .tokens_per_second
            .map(|rate| Duration::from_secs_f64(1.0 / rate.max(1e-3)));
        let slowest = drawn.texts.iter().map(|text| tokens(text)).max().unwrap_or(0);
        let spoils = fault.filter(|fault| {
            !matches!(fault, Fault::WrongCount | Fault::WrongType | Fault::Refusal)
        });
        if spoils.is_none() {
            let mut state = self.state();
            let counts = &mut state.counts;
            counts.replies += 1;
            counts.choices += drawn.texts.len() as u64;
            counts.prompt_tokens += u64::from(drawn.prompt_tokens);
            counts.completion_tokens += u64::from(drawn.completion_tokens);
        }
        if request.stream && spoils.is_none() {
            let events = drawn.events(&self.options.model);
            return Plan { delay, action: Action::Stream(events, pace.unwrap_or_default()) };
        }
        let body = drawn.body(&self.options.model, chat, cached.min(drawn.prompt_tokens));
        let answered =
            Answered { status: 200, retry_after: None, content: "application/json", body };
        let delay = delay + pace.unwrap_or_default() * slowest;
        let action = match spoils {
            Some(Fault::TruncatedJson) => Action::Reply(truncated(answered)),
            Some(Fault::InvalidUtf8) => Action::Reply(not_utf8(answered)),
            Some(fault) => Action::Spoil(fault, answered),
            None => Action::Reply(answered),
        };
        Plan { delay, action }
    }

    /// Enters a prompt into the pretended prefix cache; returns how many of its tokens were there.
    fn note_prompt(&self, text: &str) -> u32 {
        let mut state = self.state();
        let mut hash = 0;
        let mut cached = 0;
        let mut unbroken = true;
        for block in text.as_bytes().chunks_exact(BLOCK_BYTES) {
            hash = mix(hash ^ Digest::of([block]).short());
            unbroken &= state.blocks.contains(&hash);
            if unbroken {
                cached += (BLOCK_BYTES / 4) as u32;
            } else if state.blocks.insert(hash) {
                state.block_order.push_back(hash);
            }
        }
        while state.block_order.len() > CACHE_BLOCKS {
            let oldest = state.block_order.pop_front();
            oldest.map(|oldest| state.blocks.remove(&oldest));
        }
        cached
    }

    fn batch(&self, method: &str, path: &str, body: &[u8]) -> Plan {
        let chat = |url: &str| url.ends_with("/chat/completions");
        let one = |url: &str, line: &[u8]| match self.complete(line, chat(url)).action {
            Action::Reply(answered) => answered,
            Action::Stream(..) | Action::Spoil(..) => error(500, "something broke", None),
        };
        // Lines are answered before the state is locked: answering locks it too.
        let batches = self.state().batches.clone();
        let answers = Batches::answers(method, path, body, one, &batches);
        now(self.state().batches.respond(method, path, body, answers))
    }

    fn metrics(&self) -> String {
        let counts = self.counts();
        let mut text = String::new();
        let lines = [
            ("requests_total", counts.requests),
            ("replies_total", counts.replies),
            ("choices_total", counts.choices),
            ("prompt_tokens_total", counts.prompt_tokens),
            ("completion_tokens_total", counts.completion_tokens),
            ("abandoned_total", counts.abandoned),
            ("num_requests_running", counts.at_once),
        ];
        for (name, count) in lines {
            writeln!(text, "mock:{name} {count}").expect("a string takes it");
        }
        for fault in FAULTS.map(Fault::name) {
            let count = counts.faults.get(fault).copied().unwrap_or(0);
            writeln!(text, "mock:faults_total{{kind=\"{fault}\"}} {count}")
                .expect("a string takes it");
        }
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now(answered: Answered) -> Plan {
    Plan { delay: Duration::ZERO, action: Action::Reply(answered) }
}

/// A reply of status 200 with this JSON.
pub(super) fn ok(value: &Value) -> Answered {
    Answered {
        status: 200,
        retry_after: None,
        content: "application/json",
        body: value.to_string().into_bytes(),
    }
}

/// An error with these words.
pub(super) fn error(status: u16, words: &str, retry_after: Option<f64>) -> Answered {
    let kind =
        if words.contains("context length") { "context_length_exceeded" } else { "mock_error" };
    let body =
        json!({"error": {"message": words, "type": kind, "code": kind}}).to_string().into_bytes();
    Answered { status, retry_after, content: "application/json", body }
}

fn truncated(mut answered: Answered) -> Answered {
    answered.body.truncate(answered.body.len() / 2);
    answered
}

fn not_utf8(mut answered: Answered) -> Answered {
    let place = answered.body.len() / 2;
    answered.body[place] = 0xff;
    answered
}

fn embeddings(body: &[u8]) -> Answered {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return error(400, "not JSON", None);
    };
    let texts: Vec<&str> = match &request["input"] {
        Value::String(text) => vec![text],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => return error(400, "input is missing", None),
    };
    let vector = |text: &str| -> Vec<f64> {
        let hash = Digest::of([text.as_bytes()]).short();
        (0..8).map(|place| crate::digest::unit(mix(hash ^ place)) * 2.0 - 1.0).collect()
    };
    let data: Vec<Value> = texts.iter().enumerate().map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)})).collect();
    let count: u32 = texts.iter().map(|text| tokens(text)).sum();
    ok(
        &json!({"object": "list", "data": data, "usage": {"prompt_tokens": count, "total_tokens": count}}),
    )
}

fn tokenize(body: &[u8]) -> Answered {
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return error(400, "not JSON", None);
    };
    let text =
        request["prompt"].as_str().or_else(|| request["content"].as_str()).unwrap_or_default();
    let tokens: Vec<u32> = (0..tokens(text)).collect();
    ok(&json!({"count": tokens.len(), "tokens": tokens}))
}
