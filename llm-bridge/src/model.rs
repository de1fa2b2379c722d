//! The configuration of models: where they answer, how they are asked, what they cost.

mod modes;

pub use modes::{BatchFileConfig, DistributionConfig};

use crate::digest::Digest;
use crate::limits::{CHOICES_MAX, ENDPOINTS_MAX, MODELS_MAX, THREADS_MAX};
use crate::money::Prices;
use crate::quirk::{QuirkOverrides, ServerKind};
use crate::secret::{Secret, SecretError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a model is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An OpenAI-compatible server.
    #[default]
    Openai,
    /// Answers written into the configuration, in this process; for tests and demonstrations.
    Scripted,
}

/// Which call of the protocol is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Api {
    /// `/chat/completions`: the prompt is a list of messages.
    #[default]
    Chat,
    /// `/completions`, for models without a chat template: the prompt is the messages' texts with a blank line
    /// between two, and the model goes on with it.
    Completions,
}

impl Api {
    /// The path below an endpoint's base.
    pub fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Completions => "/completions",
        }
    }
}

/// One model as configured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The name by which populations refer to it.
    pub name: String,
    /// How it is reached.
    #[serde(default)]
    pub kind: Kind,
    /// The name that its servers know it by.
    #[serde(default)]
    pub model: String,
    /// Which call is made of its servers.
    #[serde(default)]
    pub api: Api,
    /// Where it answers; work goes to whichever has room.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
    /// The answers of a scripted model; an agent gets the one at its seed modulo their number.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Sampling temperature.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Share of probability from which tokens are drawn.
    #[serde(default = "one")]
    pub top_p: f64,
    /// Most tokens of one reply.
    #[serde(default = "default_max_tokens")]
    pub max_tokens: u32,
    /// Most choices asked for in one request; an endpoint's own limit applies too.
    #[serde(default = "default_n_max")]
    pub n_max: u32,
    /// Whether agents with identical requests share requests.
    #[serde(default = "yes")]
    pub coalesce: bool,
    /// Whether seeds are sent to servers that take them.
    #[serde(default = "yes")]
    pub seeds: bool,
    /// Prices, for budgets and accounts.
    #[serde(default)]
    pub price: Prices,
    /// How often and how long one reply is tried for.
    #[serde(default)]
    pub patience: Patience,
    /// Sends stragglers a second time when the queue is empty; costs tokens, so it is off by default.
    #[serde(default)]
    pub hedge: bool,
    /// Reads the chances of all answers once per cohort, and draws every agent's answer from them, instead of asking
    /// for each; for choices and short ranges of whole numbers. Off unless this table is given.
    #[serde(default)]
    pub distribution: Option<DistributionConfig>,
    /// Sends the first questions of an exchange as batch files, which hosted services work off within a day at a lower
    /// price, and asks directly only what is left. Off unless this table is given.
    #[serde(default)]
    pub batch_file: Option<BatchFileConfig>,
    /// Further fields of the request body, sent as they are.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

/// One server of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Base address up to and including the version, as `http://127.0.0.1:8000/v1`.
    pub url: String,
    /// What kind of server it is.
    #[serde(default)]
    pub server: ServerKind,
    /// Share of work relative to the other endpoints.
    #[serde(default = "one")]
    pub weight: f64,
    /// Most requests in flight, whatever the adaptive limit finds.
    #[serde(default = "default_in_flight_max")]
    pub in_flight_max: usize,
    /// Requests per minute that its provider allows.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute that its provider allows.
    #[serde(default)]
    pub tokens_per_minute: Option<u32>,
    /// The environment variable that holds its key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    pub api_key_file: Option<String>,
    /// Speaks HTTP/2 without TLS; with TLS the version is negotiated.
    #[serde(default)]
    pub http2: bool,
    /// Overrides of what is assumed of this kind of server.
    #[serde(default)]
    pub quirks: QuirkOverrides,
}

/// How often and how long one reply is tried for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Patience {
    /// Time for one attempt, in milliseconds.
    pub attempt_ms: u64,
    /// Time for one reply from its first attempt on, and for an idle queue while every endpoint is
    /// unusable, in milliseconds.
    pub reply_ms: u64,
    /// Attempts per request at transport failures.
    pub attempts_max: u8,
    /// Attempts that may end with status 500, which servers also use for input they cannot handle.
    pub attempts_on_500_max: u8,
    /// Questions per reply: after an invalid one it is asked again with the error named.
    pub questions_max: u8,
    /// Retries allowed per success.
    pub retries_per_success: f64,
    /// Retries allowed before any success.
    pub retries_free: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempt_ms: 120_000,
            reply_ms: 600_000,
            attempts_max: 6,
            attempts_on_500_max: 3,
            questions_max: 3,
            retries_per_success: 0.5,
            retries_free: 100,
        }
    }
}

/// What stops a run before it costs more than wished; nothing set means no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// Prompt and completion tokens together.
    pub tokens_max: Option<u64>,
    /// US dollars.
    pub usd_max: Option<f64>,
    /// Requests, retries included.
    pub requests_max: Option<u64>,
    /// Seconds since the bridge started.
    pub seconds_max: Option<u64>,
}

/// The configuration of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BridgeConfig {
    /// The models, referred to by their place.
    pub models: Vec<ModelConfig>,
    /// What may be spent.
    pub budget: BudgetConfig,
    /// Most requests in flight over all models; the limit of open files applies too.
    pub in_flight_max: Option<usize>,
    /// Threads that carry requests; left out, one at first, and another for every 15,000 requests per second.
    pub threads: Option<usize>,
    /// Whether the proxies named in the environment are used.
    pub system_proxy: bool,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// A value that cannot be.
    #[error("model `{model}`: `{field}` {problem}")]
    Value {
        /// The model's name.
        model: String,
        /// The key.
        field: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A key that cannot be had.
    #[error("model `{0}`: {1}")]
    Key(String, SecretError),
    /// The number of models.
    #[error("a bridge has 1 to {MODELS_MAX} models, not {0}")]
    Models(usize),
    /// The number of threads.
    #[error("a bridge has 1 to {THREADS_MAX} threads, not {0}")]
    Threads(usize),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

impl BridgeConfig {
    /// Everything wrong with the configuration, without touching the network or the environment.
    pub fn errors(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if self.models.is_empty() || self.models.len() > MODELS_MAX {
            errors.push(ConfigError::Models(self.models.len()));
        }
        errors.extend(
            self.threads.filter(|n| !(1..=THREADS_MAX).contains(n)).map(ConfigError::Threads),
        );
        for model in &self.models {
            model.collect_errors(&mut errors);
        }
        for (place, model) in self.models.iter().enumerate() {
            if self.models[..place].iter().any(|other| other.name == model.name) {
                errors.push(model.error("name", "stands twice; names must be distinct"));
            }
        }
        errors
    }
}

impl Default for ModelConfig {
    /// A model without a name or an endpoint, which both must be given.
    fn default() -> Self {
        Self::named("")
    }
}

impl ModelConfig {
    /// A model of this name at one endpoint, with defaults otherwise.
    pub fn at(name: &str, url: &str) -> Self {
        Self { endpoints: vec![EndpointConfig::at(url)], ..Self::named(name) }
    }

    /// A model of this name that gives these answers in this process.
    pub fn scripted(name: &str, answers: &[&str]) -> Self {
        let answers = answers.iter().map(ToString::to_string).collect();
        Self { kind: Kind::Scripted, answers, ..Self::named(name) }
    }

    /// Everything wrong with this model, without touching the network or the environment.
    pub fn errors(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.collect_errors(&mut errors);
        errors
    }

    fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: Kind::Openai,
            api: Api::Chat,
            model: name.to_owned(),
            endpoints: Vec::new(),
            answers: Vec::new(),
            temperature: 1.0,
            top_p: 1.0,
            max_tokens: default_max_tokens(),
            n_max: default_n_max(),
            coalesce: true,
            seeds: true,
            price: Prices::default(),
            patience: Patience::default(),
            hedge: false,
            distribution: None,
            batch_file: None,
            extra: Map::new(),
        }
    }

    /// Identifies what answers: the model's name and everything that shapes its replies, but neither keys
    /// nor addresses, so that a run can go on at other endpoints.
    pub fn fingerprint(&self) -> Digest {
        let answers = self.answers.iter().map(String::as_bytes);
        let kind = [self.kind as u8];
        // Chat adds nothing, so that what was known before there was a choice is still known.
        let api: &[u8] = if self.api == Api::Chat { &[] } else { b"completions" };
        let api = (!api.is_empty()).then_some(api);
        Digest::of([self.model.as_bytes(), &kind].into_iter().chain(answers).chain(api))
    }

    /// Identifies the sampling parameters.
    pub fn parameters(&self) -> Digest {
        let extra = serde_json::to_vec(&self.extra).expect("a map of JSON values is JSON");
        Digest::of([
            self.temperature.to_bits().to_le_bytes().as_slice(),
            &self.top_p.to_bits().to_le_bytes(),
            &self.max_tokens.to_le_bytes(),
            &[u8::from(self.seeds)],
            &extra,
        ])
    }

    fn error(&self, field: &'static str, problem: &str) -> ConfigError {
        ConfigError::Value { model: self.name.clone(), field, problem: problem.to_owned() }
    }

    fn collect_errors(&self, errors: &mut Vec<ConfigError>) {
        let mut refuse = |wrong: bool, field: &'static str, problem: &str| {
            if wrong {
                errors.push(self.error(field, problem));
            }
        };
        let openai = self.kind == Kind::Openai;
        refuse(self.name.is_empty(), "name", "is empty");
        refuse(
            openai && self.model.is_empty(),
            "model",
            "is empty; give the name its server knows",
        );
        refuse(
            openai && self.endpoints.is_empty(),
            "endpoints",
            "is empty; give at least one address",
        );
        refuse(self.endpoints.len() > ENDPOINTS_MAX, "endpoints", "has more than 64 entries");
        refuse(
            !openai && self.answers.is_empty(),
            "answers",
            "is empty; a scripted model needs some",
        );
        refuse(openai && !self.answers.is_empty(), "answers", "is for `kind = \"scripted\"` only");
        refuse(!(0.0..=5.0).contains(&self.temperature), "temperature", "is not from 0 to 5");
        refuse(!(self.top_p > 0.0 && self.top_p <= 1.0), "top_p", "is not above 0 and at most 1");
        refuse(self.max_tokens == 0, "max_tokens", "is 0; no reply fits");
        refuse(!(1..=CHOICES_MAX).contains(&self.n_max), "n_max", "is not from 1 to 1024");
        refuse(!self.price.is_valid(), "price", "holds a negative or absurd price");
        refuse(!self.patience.is_valid(), "patience", "holds a zero or an absurd value");
        if let Some(problem) = self.batch_file.and_then(|files| files.problem(self)) {
            refuse(true, "batch_file", problem);
        }
        if let Some(problem) = self.distribution.and_then(|reading| reading.problem(self)) {
            refuse(true, "distribution", &problem);
        }
        let reserved = ["model", "messages", "prompt", "n", "seed", "stream", "max_tokens"];
        let taken = reserved.iter().any(|name| self.extra.contains_key(*name));
        refuse(taken, "extra", "holds a field that the bridge sets itself");
        for endpoint in &self.endpoints {
            if let Some(problem) = endpoint.problem() {
                refuse(true, "endpoints", &problem);
            }
        }
    }
}

impl Patience {
    fn is_valid(&self) -> bool {
        const DAY_MS: u64 = 86_400_000;
        (1..=DAY_MS).contains(&self.attempt_ms)
            && (1..=7 * DAY_MS).contains(&self.reply_ms)
            && self.attempts_max > 0
            && self.attempts_on_500_max > 0
            && self.questions_max > 0
            && (0.0..=100.0).contains(&self.retries_per_success)
    }
}

impl EndpointConfig {
    /// An endpoint at `url` with defaults otherwise.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            server: ServerKind::Other,
            weight: 1.0,
            in_flight_max: default_in_flight_max(),
            requests_per_minute: None,
            tokens_per_minute: None,
            api_key_env: None,
            api_key_file: None,
            http2: false,
            quirks: QuirkOverrides::default(),
        }
    }

    /// What is known or assumed of the server.
    pub fn quirks(&self) -> crate::quirk::Quirks {
        self.quirks.apply(self.server.quirks())
    }

    /// The key, read now.
    pub fn key(&self) -> Result<Option<Secret>, SecretError> {
        match (&self.api_key_env, &self.api_key_file) {
            (Some(name), _) => Secret::from_env(name).map(Some),
            (None, Some(path)) => Secret::from_file(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The address of `path` (which begins with a slash) below the base.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    fn problem(&self) -> Option<String> {
        let url = reqwest::Url::parse(&self.url);
        let web = |url: &reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let both = self.api_key_env.is_some() && self.api_key_file.is_some();
        match url {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Some("holds a password in an address; use `api_key_env`".to_owned())
            }
            Ok(url) if !web(&url) => Some(format!("`{}` is not an http address", self.url)),
            Err(error) => Some(format!("`{}` is not an address: {error}", self.url)),
            _ if !(self.weight > 0.0 && self.weight <= 1e6) => {
                Some("has a weight of 0 or less".to_owned())
            }
            _ if self.in_flight_max == 0 => Some("has `in_flight_max = 0`".to_owned()),
            _ if self.requests_per_minute == Some(0) || self.tokens_per_minute == Some(0) => {
                Some("allows 0 per minute".to_owned())
            }
            _ if self.quirks.n_max == Some(0) => Some("has a quirk `n_max = 0`".to_owned()),
            _ if both => Some("has both `api_key_env` and `api_key_file`".to_owned()),
            _ => None,
        }
    }
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

fn default_max_tokens() -> u32 {
    512
}

fn default_n_max() -> u32 {
    64
}

fn default_in_flight_max() -> usize {
    1_024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_with_defaults_and_without_tolerance() {
        let text = r#"
            [[models]]
            name = "qwen"
            model = "Qwen/Qwen2-7B"
            endpoints = [{ url = "http://127.0.0.1:8000/v1", server = "vllm", api_key_env = "KEY" }]
            price = { prompt = 0.5, completion = 1.5 }
            [budget]
            usd_max = 10.0
        "#;
        let config: BridgeConfig = toml::from_str(text).unwrap();
        assert_eq!(config.errors(), []);
        assert_eq!(config.models[0].n_max, 64);
        assert!(toml::from_str::<BridgeConfig>(&text.replace("server", "sever")).is_err());
    }

    #[test]
    fn all_errors_are_found_in_one_pass() {
        let mut model = ModelConfig::at("m", "ftp://x/");
        model.temperature = f64::NAN;
        model.n_max = 0;
        model.extra.insert("seed".to_owned(), 1.into());
        let with_password = ModelConfig::at("m", "http://me:secret@host/v1");
        let config = BridgeConfig { models: vec![model, with_password], ..BridgeConfig::default() };
        let errors: Vec<String> = config.errors().iter().map(ToString::to_string).collect();
        assert!(!errors.join("\n").contains("secret"));
        insta::assert_snapshot!(errors.join("\n"), @"
        model `m`: `temperature` is not from 0 to 5
        model `m`: `n_max` is not from 1 to 1024
        model `m`: `extra` holds a field that the bridge sets itself
        model `m`: `endpoints` `ftp://x/` is not an http address
        model `m`: `endpoints` holds a password in an address; use `api_key_env`
        model `m`: `name` stands twice; names must be distinct
        ");
    }

    #[test]
    fn a_fingerprint_follows_the_model_and_not_its_address() {
        let here = ModelConfig::at("m", "http://127.0.0.1:1/v1");
        let there = ModelConfig::at("m", "http://127.0.0.1:2/v1");
        assert_eq!(here.fingerprint(), there.fingerprint());
        assert_ne!(here.fingerprint(), ModelConfig::at("n", "http://127.0.0.1:1/v1").fingerprint());
        let hotter = ModelConfig { temperature: 0.5, ..here.clone() };
        assert_ne!(here.parameters(), hotter.parameters());
    }
}
