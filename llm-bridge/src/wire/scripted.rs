//! Endpoints in this process: fixed answers of a configuration, or a function of a test.

use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use std::fmt::{self, Write as _};
use std::rc::Rc;
use std::time::Duration;

/// What a scripted endpoint does with a request.
#[derive(Clone, Debug)]
pub struct Scene {
    /// After how long.
    pub after: Duration,
    /// What lands.
    pub outcome: Result<Landed, LinkError>,
}

/// Answers requests by a function of endpoint and body; time passes on tokio's clock.
#[derive(Clone)]
pub struct Scripted(Rc<dyn Fn(Address, &[u8]) -> Scene>);

impl Scripted {
    /// A transport that plays `script`.
    pub fn new(script: impl Fn(Address, &[u8]) -> Scene + 'static) -> Self {
        Self(Rc::new(script))
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Scripted(..)")
    }
}

impl Transport for Scripted {
    fn post(
        &self,
        address: Address,
        _: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        let scene = (self.0)(address, &body);
        async move {
            tokio::time::sleep(scene.after).await;
            scene.outcome
        }
        .boxed_local()
    }
}

/// Goes over HTTP, except to models whose answers stand in the configuration.
#[derive(Debug)]
pub struct Mixed<T> {
    http: T,
    answers: Vec<Vec<String>>,
}

impl<T: Transport> Mixed<T> {
    /// A transport for models with these fixed answers; an empty list means HTTP.
    pub fn new(http: T, answers: Vec<Vec<String>>) -> Self {
        Self { http, answers }
    }
}

impl<T: Transport> Transport for Mixed<T> {
    fn post(
        &self,
        address: Address,
        path: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        match self.answers.get(usize::from(address.model)) {
            Some(answers) if !answers.is_empty() => {
                std::future::ready(Ok(fixed(answers, &body))).boxed_local()
            }
            _ => self.http.post(address, path, body),
        }
    }
}

/// The part of a request that fixed answers depend on.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default = "one")]
    n: u32,
    #[serde(default)]
    seed: u64,
}

fn one() -> u32 {
    1
}

fn fixed(answers: &[String], body: &[u8]) -> Landed {
    let wanted: Wanted = match serde_json::from_slice(body) {
        Ok(wanted) => wanted,
        Err(error) => {
            return Landed { status: 400, retry_after: None, body: error.to_string().into_bytes() };
        }
    };
    let texts = (0..u64::from(wanted.n)).map(|rank| {
        let place = (wanted.seed + rank) % answers.len() as u64;
        answers[place as usize].as_str()
    });
    Landed { status: 200, retry_after: None, body: chat_body(texts, 0, 0) }
}

/// The body of a chat reply with these texts and tokens.
pub fn chat_body<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    prompt_tokens: u32,
    completion_tokens: u32,
) -> Vec<u8> {
    let mut body = r#"{"object":"chat.completion","choices":["#.to_owned();
    for (index, text) in texts.into_iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let text = crate::constraint::quoted(text);
        write!(body, r#"{comma}{{"index":{index},"message":{{"role":"assistant","content":{text}}},"finish_reason":"stop"}}"#).expect("a string takes it");
    }
    write!(
        body,
        r#"],"usage":{{"prompt_tokens":{prompt_tokens},"completion_tokens":{completion_tokens}}}}}"#
    )
    .expect("a string takes it");
    body.into_bytes()
}
