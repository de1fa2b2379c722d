//! The HTTP client: pooled connections, keys in headers and nowhere else, bounded bodies, no redirects.

use crate::limits::{
    CONNECT_TIMEOUT, CONNECTING_MAX, ERROR_BYTES_MAX, IDLE_CONNECTION, REPLY_BYTES_MAX,
    TCP_KEEPALIVE,
};
use crate::model::{BridgeConfig, ConfigError, EndpointConfig, Kind, ModelConfig};
use crate::retry::retry_after;
use crate::secret::Secret;
use crate::wire::direct::Pool;
use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use http_body_util::BodyExt as _;
use hyper::body::Body;
use hyper::{Response, Uri};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Method, Request, Url};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;

/// One endpoint, ready to be called.
#[derive(Debug)]
struct Line {
    client: Client,
    base: String,
    /// Where its questions go, below the base and on its host.
    asked: &'static str,
    ask_url: Url,
    ask_path: Uri,
    authorization: Option<HeaderValue>,
    key: Option<Secret>,
    /// Connections of our own, where neither TLS nor HTTP/2 nor a proxy is wanted.
    pool: Option<Arc<Pool>>,
}

/// Calls the endpoints of a configuration over HTTP.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    config: Arc<BridgeConfig>,
    connecting: Arc<Semaphore>,
    lines: Vec<Vec<Arc<Line>>>,
}

/// What the bridge calls itself.
const AGENT: &str = concat!("throng/", env!("CARGO_PKG_VERSION"));

impl HttpTransport {
    /// Reads keys and prepares clients; opens no connection.
    pub fn new(config: &BridgeConfig) -> Result<Self, ConfigError> {
        // Another part of the process may have chosen its provider before us; either will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self::open(Arc::new(config.clone()), Arc::new(Semaphore::new(CONNECTING_MAX)))
    }

    /// The same with connections of its own, for another thread; they share the bound on opening them.
    pub fn apart(&self) -> Result<Self, ConfigError> {
        Self::open(Arc::clone(&self.config), Arc::clone(&self.connecting))
    }

    fn open(config: Arc<BridgeConfig>, connecting: Arc<Semaphore>) -> Result<Self, ConfigError> {
        let http1 = client(&config, false, &connecting)?;
        let http2 = client(&config, true, &connecting)?;
        let mut lines = Vec::with_capacity(config.models.len());
        for model in &config.models {
            let endpoints =
                if model.kind == Kind::Openai { model.endpoints.as_slice() } else { &[] };
            let of_model = endpoints.iter().map(|endpoint| {
                let client = if endpoint.http2 { &http2 } else { &http1 };
                let mut line = line(endpoint, client.clone(), model)?;
                if !config.system_proxy && !endpoint.http2 && line.ask_url.scheme() == "http" {
                    line.pool = Pool::new(&line.ask_url, line.headers(), Arc::clone(&connecting));
                }
                Ok(Arc::new(line))
            });
            lines.push(of_model.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Self { config, connecting, lines })
    }

    /// Fetches `path`, of at most `most` bytes, below the endpoint's base, or below its host where `at_root`.
    pub async fn get(
        &self,
        address: Address,
        path: &str,
        at_root: bool,
        most: usize,
    ) -> Result<Landed, LinkError> {
        let line = self.line(address)?;
        let url = line.url(path, at_root)?;
        line.execute(line.request(Method::GET, url), most).await
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
        line.execute(request, REPLY_BYTES_MAX).await
    }

    fn line(&self, address: Address) -> Result<&Arc<Line>, LinkError> {
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
        let sent = self.line(address).and_then(|line| line.send(path, body));
        sent.unwrap_or_else(|error| std::future::ready(Err(error)).boxed_local())
    }
}

impl Line {
    fn url(&self, path: &str, at_root: bool) -> Result<Url, LinkError> {
        let wrong = |error: url_error::Error| LinkError::Refused(error.to_string());
        if at_root {
            self.ask_url.join(path).map_err(wrong)
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

    /// Posts `body` to `path`, over connections of our own where that can be.
    fn send(
        self: &Arc<Self>,
        path: &'static str,
        body: Bytes,
    ) -> Result<LocalBoxFuture<'static, Result<Landed, LinkError>>, LinkError> {
        let line = Arc::clone(self);
        let Some(pool) = &self.pool else {
            let request = self.post(path, body)?;
            return Ok(async move { line.execute(request, REPLY_BYTES_MAX).await }.boxed_local());
        };
        let (pool, path) = (Arc::clone(pool), self.path(path)?);
        Ok(async move { pool.post(path, body, line.key.as_ref()).await }.boxed_local())
    }

    /// Where `path` lies on the endpoint's host.
    fn path(&self, path: &str) -> Result<Uri, LinkError> {
        if path == self.asked {
            return Ok(self.ask_path.clone());
        }
        let url = self.url(path, false)?;
        url.path()
            .parse()
            .map_err(|error: hyper::http::uri::InvalidUri| LinkError::Refused(error.to_string()))
    }

    fn post(&self, path: &str, body: Bytes) -> Result<Request, LinkError> {
        let url = if path == self.asked { self.ask_url.clone() } else { self.url(path, false)? };
        let mut request = self.request(Method::POST, url);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    /// The headers of a request that posts JSON.
    fn headers(&self) -> HeaderMap {
        let json = HeaderValue::from_static("application/json");
        let fixed = [
            (CONTENT_TYPE, json),
            (ACCEPT, HeaderValue::from_static("*/*")),
            (USER_AGENT, HeaderValue::from_static(AGENT)),
        ];
        let authorization = self.authorization.clone().map(|value| (AUTHORIZATION, value));
        fixed.into_iter().chain(authorization).collect()
    }

    async fn execute(&self, request: Request, most: usize) -> Result<Landed, LinkError> {
        let response = self.client.execute(request).await.map_err(link_error)?;
        finish(response.into(), link_error, most, self.key.as_ref()).await
    }
}

/// The error of parsing an address, under the name that this file uses.
mod url_error {
    pub(super) type Error = <reqwest::Url as std::str::FromStr>::Err;
}

fn line(
    endpoint: &EndpointConfig,
    client: Client,
    model: &ModelConfig,
) -> Result<Line, ConfigError> {
    let key = endpoint.key().map_err(|error| ConfigError::Key(model.name.clone(), error))?;
    let authorization = key.as_ref().map(|key| {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .expect("a key was checked to hold printable characters only");
        header.set_sensitive(true);
        header
    });
    let wrong = |problem: &dyn std::fmt::Display| ConfigError::Value {
        model: model.name.clone(),
        field: "endpoints",
        problem: problem.to_string(),
    };
    let asked = model.api.path();
    let ask_url = Url::parse(&endpoint.address(asked)).map_err(|error| wrong(&error))?;
    let ask_path = ask_url.path().parse::<Uri>().map_err(|error| wrong(&error))?;
    let base = endpoint.url.trim_end_matches('/').to_owned();
    Ok(Line { client, base, asked, ask_url, ask_path, authorization, key, pool: None })
}

fn client(
    config: &BridgeConfig,
    http2: bool,
    connecting: &Arc<Semaphore>,
) -> Result<Client, ConfigError> {
    let connecting = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(connecting));
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_keepalive(TCP_KEEPALIVE)
        .tcp_nodelay(true)
        .referer(false)
        .connector_layer(connecting)
        .user_agent(AGENT);
    if http2 {
        builder = builder.http2_prior_knowledge();
    }
    if !config.system_proxy {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ConfigError::Client(error.without_url().to_string()))
}

/// Reads the whole reply, of which `most` bytes are allowed if it is good, and takes the key out of it should the server repeat it.
pub(super) async fn finish<B: Body<Data = Bytes> + Unpin>(
    response: Response<B>,
    failed: impl Fn(B::Error) -> LinkError,
    most: usize,
    key: Option<&Secret>,
) -> Result<Landed, LinkError> {
    let status = response.status().as_u16();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(retry_after);
    let most = if status == 200 { most } else { ERROR_BYTES_MAX };
    let mut parts = response.into_body();
    let announced = parts.size_hint().exact().unwrap_or(0);
    if status == 200 && announced > most as u64 {
        return Err(LinkError::TooLarge(most));
    }
    let mut body = Vec::with_capacity((announced as usize).min(most));
    while !parts.is_end_stream() && body.len() < most {
        let Some(frame) = parts.frame().await else { break };
        let Ok(data) = frame.map_err(&failed)?.into_data() else { continue };
        let room = most - body.len();
        if data.len() > room && status == 200 {
            return Err(LinkError::TooLarge(most));
        }
        body.extend_from_slice(&data[..data.len().min(room)]);
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
        let mut config = ModelConfig::at("m", "http://127.0.0.1:1/v1/");
        config.endpoints[0].api_key_file = Some(path.to_str().unwrap().to_owned());
        let config = BridgeConfig { models: vec![config], ..BridgeConfig::default() };
        let transport = HttpTransport::new(&config).unwrap();
        let request = transport.lines[0][0].post("/chat/completions", Bytes::new()).unwrap();
        assert_eq!(request.url().as_str(), "http://127.0.0.1:1/v1/chat/completions");
        assert!(request.headers().contains_key(AUTHORIZATION));
        assert!(!format!("{transport:?} {request:?}").contains("sk-private"));
    }
}
