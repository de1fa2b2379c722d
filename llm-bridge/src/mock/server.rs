//! Puts a mock on a port. HTTP/1.1 is written by hand, because half of the faults are things that no server
//! library lets one write.

use crate::mock::core::{Action, Answered, Core, Counts, HUGE_BODY, Plan};
use crate::mock::fault::Fault;
use crate::mock::options::MockOptions;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};

/// Largest head of a request.
const HEAD_MAX: usize = 64 << 10;
/// Largest body of a request.
const BODY_MAX: usize = 256 << 20;
/// Pause between the bytes of a drip.
const DRIP_PAUSE: Duration = Duration::from_millis(500);
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;

/// A mock server on a port of this machine; it ends when this is dropped.
#[derive(Debug)]
pub struct Mock {
    address: SocketAddr,
    core: Arc<Core>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a mock server at `bind`, such as `127.0.0.1:0`, on a thread of its own.
pub fn serve(options: MockOptions, bind: SocketAddr) -> io::Result<Mock> {
    let listener = listen(bind)?;
    let address = listener.local_addr()?;
    let core = Arc::new(Core::new(options));
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let of_thread = Arc::clone(&core);
    let work = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                () = accept(listener, of_thread) => {}
            }
        });
    };
    let thread = std::thread::Builder::new().name("throng-mock".to_owned()).spawn(work)?;
    Ok(Mock { address, core, stop: Some(stop), thread: Some(thread) })
}

impl Mock {
    /// Its base address, as an endpoint is configured with.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it counted.
    pub fn counts(&self) -> Counts {
        self.core.counts()
    }

    /// Waits until the server ends, which it does only when the process does.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // Its panic was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

/// Binds before any runtime runs, so that the port is open when `serve` returns.
fn listen(bind: SocketAddr) -> io::Result<StdListener> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = if bind.is_ipv4() {
            tokio::net::TcpSocket::new_v4()
        } else {
            tokio::net::TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(bind)?;
        socket.listen(BACKLOG)?.into_std()
    })
}

async fn accept(listener: StdListener, core: Arc<Core>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let slots = core.options().slots.map(|slots| Arc::new(Semaphore::new(slots)));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(Connection::new(stream, Arc::clone(&core), slots.clone()).run());
            }
            // Out of files: let others close theirs.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

struct Connection {
    stream: TcpStream,
    core: Arc<Core>,
    slots: Option<Arc<Semaphore>>,
    buffer: Vec<u8>,
}

/// A request as read.
struct Incoming {
    method: String,
    path: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

/// Whether the connection goes on.
enum Next {
    Read,
    Close,
}

impl Connection {
    fn new(stream: TcpStream, core: Arc<Core>, slots: Option<Arc<Semaphore>>) -> Self {
        Self { stream, core, slots, buffer: Vec::with_capacity(4_096) }
    }

    async fn run(mut self) {
        // Without it small replies wait for acknowledgements; failing to set it only costs time.
        let _ = self.stream.set_nodelay(true);
        while let Ok(Some(request)) = self.read().await {
            match self.answer(&request).await {
                Ok(Next::Read) => {}
                Ok(Next::Close) | Err(_) => return,
            }
        }
    }

    /// Reads one request; none when the client has closed.
    async fn read(&mut self) -> io::Result<Option<Incoming>> {
        loop {
            if let Some((mut request, head, length)) = parse_head(&self.buffer)? {
                while self.buffer.len() < head + length {
                    if self.stream.read_buf(&mut self.buffer).await? == 0 {
                        return Ok(None);
                    }
                }
                request.body = self.buffer[head..head + length].to_vec();
                self.buffer.drain(..head + length);
                return Ok(Some(request));
            }
            if self.buffer.len() > HEAD_MAX || self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn answer(&mut self, request: &Incoming) -> io::Result<Next> {
        let work = Core::is_work(&request.path);
        if work {
            self.core.under_way(true);
        }
        let plan = self.core.respond(
            &request.method,
            &request.path,
            request.authorization.as_deref(),
            &request.body,
        );
        let patient = self.wait(plan, work).await;
        if work {
            self.core.under_way(false);
        }
        match patient {
            Some(action) => self.write(action).await,
            None => {
                self.core.abandoned();
                Ok(Next::Close)
            }
        }
    }

    /// Waits for a slot and for the plan's delay; none if the client goes away meanwhile.
    async fn wait(&mut self, plan: Plan, work: bool) -> Option<Action> {
        let slots = self.slots.clone().filter(|_| work);
        let hangs = matches!(plan.action, Action::Spoil(Fault::Hang, _));
        let turn = async {
            let _permit = match &slots {
                Some(slots) => slots.acquire().await.ok(),
                None => None,
            };
            if hangs {
                std::future::pending::<()>().await;
            }
            if !plan.delay.is_zero() {
                tokio::time::sleep(plan.delay).await;
            }
        };
        tokio::pin!(turn);
        loop {
            tokio::select! {
                biased;
                () = &mut turn => return Some(plan.action),
                read = self.stream.read_buf(&mut self.buffer) => {
                    if !matches!(read, Ok(count) if count > 0) {
                        return None;
                    }
                }
            }
        }
    }

    async fn write(&mut self, action: Action) -> io::Result<Next> {
        match action {
            Action::Reply(answered) => {
                let mut bytes = head(&answered, answered.body.len());
                bytes.extend_from_slice(&answered.body);
                self.stream.write_all(&bytes).await?;
                Ok(Next::Read)
            }
            Action::Stream(events, pause) => self.stream(events, pause).await,
            Action::Spoil(fault, answered) => self.spoil(fault, &answered).await,
        }
    }

    async fn stream(&mut self, events: Vec<String>, pause: Duration) -> io::Result<Next> {
        self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await?;
        for event in events {
            tokio::time::sleep(pause).await;
            let event = format!("data: {event}\n\n");
            self.stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
        }
        self.stream.write_all(b"0\r\n\r\n").await?;
        Ok(Next::Read)
    }

    async fn spoil(&mut self, fault: Fault, answered: &Answered) -> io::Result<Next> {
        match fault {
            Fault::ResetInHead => {
                self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-ty").await?;
                self.reset()
            }
            Fault::ResetInBody => {
                let mut bytes = head(answered, answered.body.len());
                bytes.extend_from_slice(&answered.body[..answered.body.len() / 2]);
                self.stream.write_all(&bytes).await?;
                self.reset()
            }
            Fault::Drip => {
                let mut bytes = head(answered, answered.body.len());
                bytes.extend_from_slice(&answered.body);
                for byte in bytes {
                    self.stream.write_all(&[byte]).await?;
                    tokio::time::sleep(DRIP_PAUSE).await;
                }
                Ok(Next::Read)
            }
            Fault::HugeBody => {
                self.stream.write_all(&head(answered, HUGE_BODY)).await?;
                let spaces = vec![b' '; 1 << 16];
                for _ in 0..HUGE_BODY / spaces.len() {
                    self.stream.write_all(&spaces).await?;
                }
                Ok(Next::Close)
            }
            _ => Ok(Next::Close),
        }
    }

    /// Closes so that the client sees a reset and not an end.
    fn reset(&mut self) -> io::Result<Next> {
        self.stream.set_zero_linger()?;
        Ok(Next::Close)
    }
}

fn head(answered: &Answered, length: usize) -> Vec<u8> {
    let retry = answered
        .retry_after
        .map(|seconds| format!("retry-after: {seconds}\r\n"))
        .unwrap_or_default();
    format!(
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {length}\r\n{retry}\r\n",
        answered.status, answered.content
    )
    .into_bytes()
}

/// Reads a head if `buffer` holds a whole one: the request without its body, and both lengths.
fn parse_head(buffer: &[u8]) -> io::Result<Option<(Incoming, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    };
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize =
        header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    if length > BODY_MAX || header("transfer-encoding").is_some() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the body's length must be given and bounded",
        ));
    }
    let request = Incoming {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        authorization: header("authorization").map(str::to_owned),
        body: Vec::new(),
    };
    Ok(Some((request, head, length)))
}
