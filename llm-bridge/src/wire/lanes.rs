//! Threads that carry requests: the bridge's own, and one more for every so many requests per second.
//!
//! The queue, the limits and the accounts stay on the bridge's thread, so replies do not depend on the number of
//! threads. What moves is the work of connections, which is most of a request's: as soon as there is another thread the
//! bridge's own carries none.

use crate::limits::REQUESTS_PER_THREAD;
use crate::wire::http::HttpTransport;
use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Parts of a second over which the rate of requests is measured.
const WINDOWS_PER_SECOND: u64 = 4;

/// A transport over several threads.
#[derive(Debug)]
pub struct Lanes {
    own: HttpTransport,
    others: RefCell<Vec<Lane>>,
    most: usize,
    window: RefCell<Window>,
}

/// A thread that carries requests, with a client of its own.
#[derive(Debug)]
struct Lane {
    /// Bounded by the requests in flight. Gone when the thread is to end.
    errands: Option<mpsc::UnboundedSender<Errand>>,
    in_flight: Rc<Cell<usize>>,
    thread: Option<JoinHandle<()>>,
}

/// A request for another thread.
#[derive(Debug)]
struct Errand {
    address: Address,
    path: &'static str,
    body: Bytes,
    reply: oneshot::Sender<Result<Landed, LinkError>>,
}

/// Counts requests until there are as many as make another thread worth it.
#[derive(Debug)]
struct Window {
    requests: u64,
    since: Instant,
}

/// One request in the count of its thread.
struct Counted(Rc<Cell<usize>>);

impl Lanes {
    /// `threads` threads if that is given, otherwise one at first and up to `most` when the requests are that many.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(own: HttpTransport, threads: Option<usize>, most: usize) -> std::io::Result<Self> {
        let window = RefCell::new(Window { requests: 0, since: Instant::now() });
        let lanes = Self { own, others: RefCell::default(), most: threads.unwrap_or(most), window };
        for _ in 1..threads.unwrap_or(1) {
            lanes.add()?;
        }
        Ok(lanes)
    }

    /// Threads at work.
    pub fn count(&self) -> usize {
        1 + self.others.borrow().len()
    }

    fn add(&self) -> std::io::Result<()> {
        let http = self.own.apart().map_err(std::io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (sender, errands) = mpsc::unbounded_channel();
        let name = format!("throng-bridge-{}", self.count() + 1);
        let work = move || runtime.block_on(carry(errands, http));
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        let lane = Lane { errands: Some(sender), in_flight: Rc::default(), thread: Some(thread) };
        self.others.borrow_mut().push(lane);
        Ok(())
    }

    /// Notes a request; adds a thread where there are more of them than the threads are meant for.
    fn note(&self, now: Instant) {
        let mut window = self.window.borrow_mut();
        window.requests += 1;
        let count = self.count();
        if count == self.most
            || window.requests * WINDOWS_PER_SECOND < REQUESTS_PER_THREAD * count as u64
        {
            return;
        }
        let brief = now - window.since <= Duration::from_secs(1) / WINDOWS_PER_SECOND as u32;
        *window = Window { requests: 0, since: now };
        if brief {
            // Without another thread these go on as before; the next window tries again.
            let _ = self.add();
        }
    }
}

impl Transport for Lanes {
    fn post(
        &self,
        address: Address,
        path: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        self.note(Instant::now());
        let others = self.others.borrow();
        let Some(lane) = others.iter().min_by_key(|lane| lane.in_flight.get()) else {
            return self.own.post(address, path, body);
        };
        let counted = Counted::new(&lane.in_flight);
        let (reply, landed) = oneshot::channel();
        let errands = lane.errands.as_ref().expect("it is taken away when the lanes end");
        // A thread that has ended drops the errand, which is noticed below.
        let _ = errands.send(Errand { address, path, body, reply });
        async move {
            let _counted = counted;
            let ended = |_| Err(LinkError::Lost("the thread that carried it has ended".to_owned()));
            landed.await.unwrap_or_else(ended)
        }
        .boxed_local()
    }
}

/// The work of one thread: carries errands until no more can come.
async fn carry(mut errands: mpsc::UnboundedReceiver<Errand>, http: HttpTransport) {
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            errand = errands.recv() => match errand {
                Some(errand) => under_way.push(run(errand, &http)),
                None => return,
            },
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
        }
    }
}

/// One errand; whoever gives it up drops the other end of its line, and its connection is closed.
async fn run(errand: Errand, http: &HttpTransport) {
    let Errand { address, path, body, mut reply } = errand;
    tokio::select! {
        biased;
        () = reply.closed() => {}
        landed = http.post(address, path, body) => {
            // Given up at the last moment.
            let _ = reply.send(landed);
        }
    }
}

impl Counted {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already reported by it, and must not become a second one here.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BridgeConfig, ModelConfig};

    fn lanes(threads: Option<usize>, most: usize) -> Lanes {
        let model = ModelConfig::at("m", "http://127.0.0.1:9/v1");
        let config = BridgeConfig { models: vec![model], ..BridgeConfig::default() };
        Lanes::start(HttpTransport::new(&config).unwrap(), threads, most).unwrap()
    }

    fn post(lanes: &Lanes) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        lanes.post(Address { model: 0, endpoint: 0 }, "/chat/completions", Bytes::new())
    }

    #[tokio::test(start_paused = true)]
    async fn another_thread_comes_with_the_requests_that_it_is_meant_for() {
        let lanes = lanes(None, 3);
        // A tenth less than a thread's share.
        for _ in 0..2 * REQUESTS_PER_THREAD {
            drop(post(&lanes));
            tokio::time::advance(Duration::from_secs(1) * 10 / 9 / REQUESTS_PER_THREAD as u32)
                .await;
        }
        assert_eq!(lanes.count(), 1);
        for expected in [2, 3, 3] {
            for _ in 0..REQUESTS_PER_THREAD * 2 {
                drop(post(&lanes));
            }
            assert!(lanes.count() >= expected && lanes.count() <= 3, "{}", lanes.count());
        }
    }

    #[tokio::test]
    async fn requests_are_spread_and_come_back_from_wherever_they_were_carried() {
        let lanes = lanes(Some(3), 3);
        assert_eq!(lanes.count(), 3);
        let under_way: Vec<_> = (0..9).map(|_| post(&lanes)).collect();
        let counts = || -> Vec<usize> {
            let others = lanes.others.borrow();
            others.iter().map(|lane| lane.in_flight.get()).collect()
        };
        assert_eq!(counts(), [5, 4]);
        for landed in futures_util::future::join_all(under_way).await {
            assert!(matches!(landed, Err(LinkError::Refused(_))), "{landed:?}");
        }
        assert_eq!(counts(), [0, 0]);
    }
}
