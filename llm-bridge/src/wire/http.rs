//! The HTTP client: pooled connections, keys in headers and nowhere else, bounded bodies, no redirects.

use crate::limits::{
    CONNECT_TIMEOUT, CONNECTING_MAX, ERROR_BYTES_MAX, IDLE_CONNECTION, REPLY_BYTES_MAX,
    TCP_KEEPALIVE,
};
use crate::model::{BridgeConfig, ConfigError, EndpointConfig, Kind};
use crate::retry::retry_after;
use crate::secret::Secret;
use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Request, Response, Url};
use std::rc::Rc;
use tower::limit::GlobalConcurrencyLimitLayer;

/// One endpoint, ready to be called.
#[derive(Debug)]
struct Line {
    client: Client,
    base: String,
    chat: Url,
    authorization: Option<HeaderValue>,
    key: Option<Secret>,
}

/// Calls the endpoints of a configuration over HTTP.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    lines: Rc<Vec<Vec<Line>>>,
}

/// The path of chat completions below an endpoint's base.
pub const CHAT: &str = "/chat/completions";

impl HttpTransport {
    /// Reads keys and prepares clients; opens no connection.
    pub fn new(config: &BridgeConfig) -> Result<Self, ConfigError> {
        // Another part of the process may have chosen its provider before us; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http1 = client(config, false)?;
        let http2 = client(config, true)?;
        let mut lines = Vec::with_capacity(config.models.len());
        for model in &config.models {
            let endpoints =
                if model.kind == Kind::Openai { model.endpoints.as_slice() } else { &[] };
            let of_model = endpoints.iter().map(|endpoint| {
                let client = if endpoint.http2 { &http2 } else { &http1 };
                line(endpoint, client.clone(), &model.name)
            });
            lines.push(of_model.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { lines: Rc::new(lines) })
    }

    /// Fetches `path` below the endpoint's base, or below its host where `at_root`.
    pub async fn get(
        &self,
        address: Address,
        path: &str,
        at_root: bool,
    ) -> Result<Landed, LinkError> {
        let line = self.line(address)?;
        let url = line.url(path, at_root)?;
        finish(line.client.execute(line.request(Method::GET, url)).await, line.key.as_ref()).await
    }

    /// Posts `body` of the media type `content` to `path` below the endpoint's base, or below its host
    /// where `at_root`.
    pub async fn post_to(
        &self,
        address: Address,
        path: &str,
        at_root: bool,
        content: &str,
        body: Bytes,
    ) -> Result<Landed, LinkError> {
        let line = self.line(address)?;
        let mut request = line.request(Method::POST, line.url(path, at_root)?);
        let content = HeaderValue::from_str(content)
            .map_err(|error| LinkError::Refused(error.to_string()))?;
        request.headers_mut().insert(CONTENT_TYPE, content);
        *request.body_mut() = Some(body.into());
        finish(line.client.execute(request).await, line.key.as_ref()).await
    }

    fn line(&self, address: Address) -> Result<&Line, LinkError> {
        let of_model = self.lines.get(usize::from(address.model));
        let line = of_model.and_then(|lines| lines.get(usize::from(address.endpoint)));
        line.ok_or_else(|| LinkError::Refused("there is no such endpoint".to_owned()))
    }
}

impl Transport for HttpTransport {
    fn post(
        &self,
        address: Address,
        path: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        let (lines, request) = match self.line(address).and_then(|line| line.post(path, body)) {
            Ok(request) => (Rc::clone(&self.lines), request),
            Err(error) => return std::future::ready(Err(error)).boxed_local(),
        };
        async move {
            let line = &lines[usize::from(address.model)][usize::from(address.endpoint)];
            finish(line.client.execute(request).await, line.key.as_ref()).await
        }
        .boxed_local()
    }
}

impl Line {
    fn url(&self, path: &str, at_root: bool) -> Result<Url, LinkError> {
        let wrong = |error: url_error::Error| LinkError::Refused(error.to_string());
        if at_root {
            self.chat.join(path).map_err(wrong)
        } else {
            Url::parse(&format!("{}{path}", self.base)).map_err(wrong)
        }
    }

    fn request(&self, method: Method, url: Url) -> Request {
        let mut request = Request::new(method, url);
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        request
    }

    fn post(&self, path: &str, body: Bytes) -> Result<Request, LinkError> {
        let url = if path == CHAT { self.chat.clone() } else { self.url(path, false)? };
        let mut request = self.request(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }
}

/// The error of parsing an address, under the name that this file uses.
mod url_error {
    pub(super) type Error = <reqwest::Url as std::str::FromStr>::Err;
}

fn line(endpoint: &EndpointConfig, client: Client, model: &str) -> Result<Line, ConfigError> {
    let key = endpoint.key().map_err(|error| ConfigError::Key(model.to_owned(), error))?;
    let authorization = key.as_ref().map(|key| {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .expect("a key was checked to hold printable characters only");
        header.set_sensitive(true);
        header
    });
    let chat = Url::parse(&endpoint.address(CHAT)).map_err(|error| ConfigError::Value {
        model: model.to_owned(),
        field: "endpoints",
        problem: error.to_string(),
    })?;
    Ok(Line {
        client,
        base: endpoint.url.trim_end_matches('/').to_owned(),
        chat,
        authorization,
        key,
    })
}

fn client(config: &BridgeConfig, http2: bool) -> Result<Client, ConfigError> {
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_nodelay(true)
        .referer(false)
        .connector_layer(GlobalConcurrencyLimitLayer::new(CONNECTING_MAX))
        .user_agent(concat!("throng/", env!("CARGO_PKG_VERSION")));
    if http2 {
        builder = builder.http2_prior_knowledge();
    }
    if !config.system_proxy {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ConfigError::Client(error.without_url().to_string()))
}

/// Reads the whole reply within the limits, and takes the key out of it should the server repeat it.
async fn finish(
    response: Result<Response, reqwest::Error>,
    key: Option<&Secret>,
) -> Result<Landed, LinkError> {
    let mut response = response.map_err(link_error)?;
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(retry_after);
    let most = if status == 200 { REPLY_BYTES_MAX } else { ERROR_BYTES_MAX };
    let announced = response.content_length().unwrap_or(0);
    if status == 200 && announced > most as u64 {
        return Err(LinkError::TooLarge(most));
    }
    let mut body = Vec::with_capacity((announced as usize).min(most));
    while let Some(chunk) = response.chunk().await.map_err(link_error)? {
        let room = most - body.len();
        if chunk.len() > room && status == 200 {
            return Err(LinkError::TooLarge(most));
        }
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == most {
            break;
        }
    }
    Ok(Landed { status, retry_after, body: without_key(body, key) })
}

fn without_key(body: Vec<u8>, key: Option<&Secret>) -> Vec<u8> {
    let Some(key) = key.map(|key| key.expose().as_bytes()) else { return body };
    let mut body = body;
    let mut from = 0;
    while let Some(found) = body[from..].windows(key.len()).position(|window| window == key) {
        body[from + found..from + found + key.len()].fill(b'*');
        from += found + key.len();
    }
    body
}

fn link_error(error: reqwest::Error) -> LinkError {
    let error = error.without_url();
    let connect = error.is_connect();
    let timeout = error.is_timeout();
    let mut words = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    match (connect, timeout) {
        (true, _) => LinkError::Refused(words),
        (false, true) => LinkError::Timeout(CONNECT_TIMEOUT),
        (false, false) => LinkError::Lost(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_server_repeats_is_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "sk-1").unwrap();
        let key = Secret::from_file(path.to_str().unwrap()).unwrap();
        let body = b"bad key sk-1, I said sk-1".to_vec();
        assert_eq!(without_key(body, Some(&key)), b"bad key ****, I said ****");
        assert_eq!(without_key(b"sk-".to_vec(), Some(&key)), b"sk-");
    }

    #[test]
    fn requests_carry_the_key_as_sensitive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "sk-private").unwrap();
        let mut config = crate::model::ModelConfig::at("m", "http://127.0.0.1:1/v1/");
        config.endpoints[0].api_key_file = Some(path.to_str().unwrap().to_owned());
        let config = BridgeConfig { models: vec![config], ..BridgeConfig::default() };
        let transport = HttpTransport::new(&config).unwrap();
        let request = transport.lines[0][0].post(CHAT, Bytes::new()).unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/v1/chat/completions");
        assert!(request.headers().contains_key(AUTHORIZATION));
        assert!(!format!("{transport:?} {request:?}").contains("sk-private"));
    }
}
