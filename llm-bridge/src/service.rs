//! Single calls outside of exchanges: embeddings, text completions, token counts. They wait on the caller's
//! thread.

use crate::limits::REPLY_BYTES_MAX;
use crate::model::{BridgeConfig, ConfigError};
use crate::wire::http::HttpTransport;
use crate::wire::response::error_words;
use crate::wire::transport::{Address, Landed, LinkError};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Time that a single call may take.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);

/// Calls the endpoints of a configuration one at a time.
#[derive(Debug)]
pub struct Service {
    pub(crate) config: BridgeConfig,
    pub(crate) http: HttpTransport,
    runtime: tokio::runtime::Runtime,
}

/// Why a single call failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The runtime cannot be made.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// No whole reply.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The server answered with an error.
    #[error("status {0}: {1}")]
    Status(u16, String),
    /// The reply is not what was asked for.
    #[error("the reply cannot be used: {0}")]
    Reply(String),
    /// The endpoint or the question does not allow it.
    #[error("{0}")]
    Unsupported(String),
}

impl Service {
    /// Prepares calls; opens no connection.
    pub fn new(config: &BridgeConfig) -> Result<Self, ServiceError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let http = {
            let _guard = runtime.enter();
            HttpTransport::new(config)?
        };
        Ok(Self { config: config.clone(), http, runtime })
    }

    /// The vector of each text, in order.
    pub fn embed(&self, at: Address, texts: &[&str]) -> Result<Vec<Vec<f32>>, ServiceError> {
        #[derive(Deserialize)]
        struct Reply {
            data: Vec<Vector>,
        }
        #[derive(Deserialize)]
        struct Vector {
            index: usize,
            embedding: Vec<f32>,
        }
        let body = json!({"model": self.model_name(at), "input": texts});
        let landed = self.wait(self.post(at, "/embeddings", false, &body))?;
        let mut reply: Reply = read(&landed)?;
        reply.data.sort_by_key(|vector| vector.index);
        if reply.data.len() != texts.len() {
            return Err(ServiceError::Reply(format!(
                "{} vectors for {} texts",
                reply.data.len(),
                texts.len()
            )));
        }
        Ok(reply.data.into_iter().map(|vector| vector.embedding).collect())
    }

    /// Continues a plain text, with the sampling parameters of the configuration.
    pub fn complete(
        &self,
        at: Address,
        prompt: &str,
        seed: Option<u64>,
    ) -> Result<String, ServiceError> {
        let model = &self.config.models[usize::from(at.model)];
        let mut body = json!({
            "model": model.model, "prompt": prompt, "max_tokens": model.max_tokens,
            "temperature": model.temperature, "top_p": model.top_p,
        });
        if let Some(seed) = seed {
            body["seed"] = seed.into();
        }
        let landed = self.wait(self.post(at, "/completions", false, &body))?;
        let decoded = crate::wire::response::decode(&landed.body, 1);
        let mut decoded = decoded.map_err(|error| ServiceError::Reply(error.to_string()))?;
        Ok(decoded.choices.swap_remove(0).1.into_string())
    }

    /// Tokens of `text` by the server's own tokenizer; none where the server offers none.
    pub fn count_tokens(&self, at: Address, text: &str) -> Option<u64> {
        let body = json!({"model": self.model_name(at), "prompt": text, "content": text});
        let landed = self.wait(self.post(at, "/tokenize", true, &body)).ok()?;
        let reply: Value = serde_json::from_slice(&landed.body).ok()?;
        reply["count"]
            .as_u64()
            .or_else(|| reply["tokens"].as_array().map(|tokens| tokens.len() as u64))
    }

    pub(crate) fn model_name(&self, at: Address) -> &str {
        &self.config.models[usize::from(at.model)].model
    }

    /// Runs `call` to its end on this thread, within the time that a call may take.
    pub(crate) fn wait<A>(
        &self,
        call: impl Future<Output = Result<A, ServiceError>>,
    ) -> Result<A, ServiceError> {
        self.wait_for(CALL_TIMEOUT, call)
    }

    /// Runs `call` to its end on this thread, within `time`.
    pub(crate) fn wait_for<A>(
        &self,
        time: Duration,
        call: impl Future<Output = Result<A, ServiceError>>,
    ) -> Result<A, ServiceError> {
        self.runtime.block_on(async {
            let timeout = tokio::time::timeout(time, call).await;
            timeout.unwrap_or(Err(LinkError::Timeout(time).into()))
        })
    }

    pub(crate) async fn post(
        &self,
        at: Address,
        path: &str,
        at_root: bool,
        body: &Value,
    ) -> Result<Landed, ServiceError> {
        let body = Bytes::from(body.to_string());
        good(self.http.post_to(at, path, at_root, "application/json", body).await?)
    }

    pub(crate) async fn get(
        &self,
        at: Address,
        path: &str,
        at_root: bool,
    ) -> Result<Landed, ServiceError> {
        good(self.http.get(at, path, at_root, REPLY_BYTES_MAX).await?)
    }
}

/// `landed` if it is a success.
pub(crate) fn good(landed: Landed) -> Result<Landed, ServiceError> {
    if (200..300).contains(&landed.status) {
        return Ok(landed);
    }
    Err(ServiceError::Status(landed.status, error_words(&landed.body)))
}

/// The JSON of `landed`.
pub(crate) fn read<'a, A: Deserialize<'a>>(landed: &'a Landed) -> Result<A, ServiceError> {
    serde_json::from_slice(&landed.body).map_err(|error| ServiceError::Reply(error.to_string()))
}
