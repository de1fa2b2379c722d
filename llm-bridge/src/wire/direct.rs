//! Plain HTTP/1.1: connections that rest in a pool, and are driven by the request that they carry.
//!
//! Most servers of models are called without TLS, where a general client spends more on handing a request from layer
//! to layer and task to task than on sending it. Here a request and its connection are one future: nothing is handed
//! over, there are never more connections than requests, and giving a request up closes its connection.

use crate::limits::{CONNECT_TIMEOUT, IDLE_CONNECTION, REPLY_BYTES_MAX, TCP_KEEPALIVE};
use crate::secret::Secret;
use crate::wire::http::finish;
use crate::wire::transport::{Landed, LinkError};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Pool {
    host: String,
    port: u16,
    /// The headers of every request.
    headers: HeaderMap,
    /// Bounds how many connections are being opened at once, over all pools.
    connecting: Arc<Semaphore>,
    rested: Mutex<Rested>,
}

#[derive(Debug, Default)]
struct Rested {
    /// Connections without a request, the one used last behind.
    links: VecDeque<(Instant, Link)>,
    /// Whether a task looks for those that have rested for long.
    swept: bool,
}

/// Both ends of a connection: the one that takes a request, and the one that reads and writes.
#[derive(Debug)]
struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

/// Why a request brought no reply.
enum Fault {
    /// The connection had ended before: the request may take another one.
    Unsent(Box<Request<Full<Bytes>>>, LinkError),
    /// Something was sent.
    Failed(LinkError),
}

impl Pool {
    /// A pool for the endpoint at `url`, whose requests carry `headers`; none if `url` names no host.
    pub(super) fn new(
        url: &reqwest::Url,
        mut headers: HeaderMap,
        connecting: Arc<Semaphore>,
    ) -> Option<Arc<Self>> {
        let host = url.host_str()?;
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        headers.insert(HOST, HeaderValue::from_str(&named).ok()?);
        Some(Arc::new(Self {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default()?,
            headers,
            connecting,
            rested: Mutex::default(),
        }))
    }

    /// Posts `body` to `path` over a connection that rests, or a new one; takes `key` out of the reply.
    pub(super) async fn post(
        self: &Arc<Self>,
        path: Uri,
        body: Bytes,
        key: Option<&Secret>,
    ) -> Result<Landed, LinkError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path;
        request.headers_mut().clone_from(&self.headers);
        while let Some(link) = self.take().await {
            match link.carry(request, key).await {
                Ok((landed, link)) => return Ok(self.give(landed, link)),
                Err(Fault::Unsent(unsent, _)) => request = *unsent,
                Err(Fault::Failed(error)) => return Err(error),
            }
        }
        match self.connect().await?.carry(request, key).await {
            Ok((landed, link)) => Ok(self.give(landed, link)),
            Err(Fault::Unsent(_, error) | Fault::Failed(error)) => Err(error),
        }
    }

    /// A connection that rests and still stands.
    async fn take(&self) -> Option<Link> {
        loop {
            let (since, mut link) = self.rested().links.pop_back()?;
            let fresh = since.elapsed() < IDLE_CONNECTION;
            if fresh && poll_fn(|context| Poll::Ready(link.is_ready(context))).await {
                return Some(link);
            }
        }
    }

    async fn connect(&self) -> Result<Link, LinkError> {
        let refused = |error: std::io::Error| LinkError::Refused(error.to_string());
        // Nobody closes the semaphore.
        let _permit = self.connecting.acquire().await.ok();
        let opening = TcpStream::connect((self.host.as_str(), self.port));
        let late = |_| LinkError::Refused(format!("it took more than {CONNECT_TIMEOUT:?}"));
        let stream = timeout(CONNECT_TIMEOUT, opening).await.map_err(late)?.map_err(refused)?;
        stream.set_nodelay(true).and_then(|()| keep_alive(&stream)).map_err(refused)?;
        let handshake = Builder::new().handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| lost(&error))?;
        Ok(Link { sender, connection: Box::new(connection) })
    }

    /// Lets `link` rest, if the connection still stands, and hands on what it brought.
    fn give(self: &Arc<Self>, landed: Landed, link: Option<Link>) -> Landed {
        let Some(link) = link else { return landed };
        let mut rested = self.rested();
        rested.links.push_back((Instant::now(), link));
        if !std::mem::replace(&mut rested.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        landed
    }

    fn rested(&self) -> MutexGuard<'_, Rested> {
        self.rested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes connections that have rested for long, until none rests.
async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(IDLE_CONNECTION).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut rested = pool.rested();
        while rested.links.front().is_some_and(|(since, _)| since.elapsed() >= IDLE_CONNECTION) {
            rested.links.pop_front();
        }
        rested.swept = !rested.links.is_empty();
        if !rested.swept {
            return;
        }
    }
}

impl Link {
    /// Whether it stands and takes a request now.
    fn is_ready(&mut self, context: &mut Context<'_>) -> bool {
        let stands = Pin::new(&mut self.connection).poll(context).is_pending();
        stands && matches!(self.sender.poll_ready(context), Poll::Ready(Ok(())))
    }

    /// Sends `request` and reads its reply; hands itself back where it still stands.
    async fn carry(
        mut self,
        request: Request<Full<Bytes>>,
        key: Option<&Secret>,
    ) -> Result<(Landed, Option<Self>), Fault> {
        let mut reply = pin!(read(self.sender.try_send_request(request), key));
        let connection = &mut self.connection;
        let mut stands = true;
        let landed = poll_fn(|context| {
            // How it ends is told to whoever waits for the reply.
            stands = stands && Pin::new(&mut *connection).poll(context).is_pending();
            reply.as_mut().poll(context)
        });
        let landed = landed.await?;
        Ok((landed, stands.then_some(self)))
    }
}

async fn read(
    response: impl Future<Output = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>>,
    key: Option<&Secret>,
) -> Result<Landed, Fault> {
    let response = response.await.map_err(|mut error| {
        let unsent = error.take_message();
        let error = lost(error.error());
        match unsent {
            Some(unsent) => Fault::Unsent(Box::new(unsent), error),
            None => Fault::Failed(error),
        }
    })?;
    finish(response, |error| lost(&error), REPLY_BYTES_MAX, key).await.map_err(Fault::Failed)
}

fn keep_alive(stream: &TcpStream) -> std::io::Result<()> {
    use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle};
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, TCP_KEEPALIVE)?;
    Ok(())
}

fn lost(error: &hyper::Error) -> LinkError {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        words = format!("{words}: {inner}");
        source = inner.source();
    }
    LinkError::Lost(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    /// What the server of a test saw.
    #[derive(Debug, PartialEq, Eq)]
    enum Seen {
        Opened,
        Request(String),
        Closed,
    }

    /// Answers every request with `reply`, as many as `most` on each connection, and tells what it sees.
    async fn serve(reply: &'static str, most: usize) -> (Arc<Pool>, mpsc::UnboundedReceiver<Seen>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let sender = sender.clone();
                let _ = sender.send(Seen::Opened);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 4_096];
                    for _ in 0..most {
                        let length = stream.read(&mut buffer).await.unwrap_or(0);
                        if length == 0 {
                            break;
                        }
                        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        let _ = sender.send(Seen::Request(request));
                        stream.write_all(reply.as_bytes()).await.unwrap();
                    }
                    drop(stream);
                    let _ = sender.send(Seen::Closed);
                });
            }
        });
        let url = reqwest::Url::parse(&format!("http://{address}/v1")).unwrap();
        (Pool::new(&url, HeaderMap::new(), Arc::new(Semaphore::new(1))).unwrap(), seen)
    }

    async fn post(pool: &Arc<Pool>) -> Result<Landed, LinkError> {
        pool.post(Uri::from_static("/v1/x"), Bytes::from_static(b"{}"), None).await
    }

    fn drain(seen: &mut mpsc::UnboundedReceiver<Seen>) -> [usize; 3] {
        let mut counts = [0; 3];
        while let Ok(seen) = seen.try_recv() {
            counts[match seen {
                Seen::Opened => 0,
                Seen::Request(_) => 1,
                Seen::Closed => 2,
            }] += 1;
        }
        counts
    }

    const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    #[tokio::test]
    async fn a_connection_carries_one_request_after_another() {
        let (pool, mut seen) = serve(FINE, 100).await;
        for _ in 0..5 {
            let landed = post(&pool).await.unwrap();
            assert_eq!((landed.status, landed.body.as_slice()), (200, b"ok".as_slice()));
        }
        assert_eq!(seen.recv().await, Some(Seen::Opened));
        let Some(Seen::Request(request)) = seen.recv().await else { panic!("no request came") };
        let host = format!("{}:{}", pool.host, pool.port);
        assert_eq!(
            request,
            format!("POST /v1/x HTTP/1.1\r\nhost: {host}\r\ncontent-length: 2\r\n\r\n{{}}")
        );
        assert_eq!(drain(&mut seen), [0, 4, 0]);
    }

    #[tokio::test]
    async fn a_connection_that_the_server_ended_is_replaced_before_anything_is_sent() {
        let (pool, mut seen) = serve(FINE, 1).await;
        for _ in 0..3 {
            post(&pool).await.unwrap();
            while seen.recv().await != Some(Seen::Closed) {}
        }
        assert_eq!(drain(&mut seen), [0, 0, 0]);
        // Where the server says so, the connection is not even kept.
        let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        let (pool, _seen) = serve(closing, 1).await;
        post(&pool).await.unwrap();
        assert_eq!(pool.rested().links.len(), 0);
    }

    #[tokio::test]
    async fn replies_in_chunks_without_a_length_and_cut_short() {
        let chunks =
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        let (pool, _seen) = serve(chunks, 2).await;
        for _ in 0..2 {
            assert_eq!(post(&pool).await.unwrap().body, b"abc");
        }
        let (pool, _seen) = serve("HTTP/1.1 200 OK\r\n\r\nto the end", 1).await;
        assert_eq!(post(&pool).await.unwrap().body, b"to the end");
        for broken in ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", "HTTP/1.1 200", "not HTTP"]
        {
            let (pool, _seen) = serve(broken, 1).await;
            let failed = post(&pool).await.unwrap_err();
            assert!(matches!(failed, LinkError::Lost(_)), "{broken}: {failed:?}");
            assert_eq!(pool.rested().links.len(), 0);
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_the_connection_is_refused() {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let url = reqwest::Url::parse(&format!("http://{free}/v1")).unwrap();
        let pool = Pool::new(&url, HeaderMap::new(), Arc::new(Semaphore::new(1))).unwrap();
        assert!(matches!(post(&pool).await, Err(LinkError::Refused(_))));
    }

    #[tokio::test]
    async fn a_connection_that_rests_for_long_is_closed() {
        let (pool, mut seen) = serve(FINE, 100).await;
        post(&pool).await.unwrap();
        assert_eq!(pool.rested().links.len(), 1);
        tokio::time::pause();
        tokio::time::advance(2 * IDLE_CONNECTION).await;
        while seen.recv().await != Some(Seen::Closed) {}
        let rested = pool.rested();
        assert_eq!((rested.links.len(), rested.swept), (0, false));
    }
}
