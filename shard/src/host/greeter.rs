//! Asks the seeds, until each has answered once, whether this host could play with them.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::control::Order;
use crate::ShardError;
use crate::door::{Door, Rejected};

/// Between two rounds of questions.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// A thread that asks; it ends when this is dropped.
pub(super) struct Greeter {
    on_duty: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Greeter {
    pub(super) fn start(
        seeds: &[String],
        own: SocketAddr,
        door: &Arc<Door>,
        orders: Sender<Order>,
    ) -> Result<Self, ShardError> {
        let (on_duty, relieved) = sync_channel(1);
        let (mut seeds, door) = (seeds.to_vec(), Arc::clone(door));
        let ask = move || loop {
            let mut refused = None;
            seeds.retain(|seed| match greet(seed, own, &door) {
                Ok(()) => false,
                Err(Rejected::NotNow) => true,
                Err(Rejected::Never(why)) => {
                    refused = Some(ShardError::Refused { peer: seed.clone(), why });
                    true
                }
            });
            if let Some(refused) = refused {
                let _ = orders.send(Order::Refused(refused));
                return;
            }
            let wait = relieved.recv_timeout(ASK_AGAIN);
            if seeds.is_empty() || wait != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        let thread = thread::Builder::new().name("throng-greeter".to_owned()).spawn(ask);
        let thread = thread.map_err(ShardError::Thread)?;
        Ok(Self { on_duty: Some(on_duty), thread: Some(thread) })
    }
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.on_duty = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Asks all addresses of a seed; names that cannot be resolved yet may be later.
fn greet(seed: &str, own: SocketAddr, door: &Door) -> Result<(), Rejected> {
    let addresses = seed.to_socket_addrs().map_err(|_| Rejected::NotNow)?;
    let mut outcome = Err(Rejected::NotNow);
    for address in addresses {
        if address == own {
            return Ok(());
        }
        match door.greet(address) {
            Err(Rejected::NotNow) => {}
            answered => outcome = answered,
        }
    }
    outcome
}
