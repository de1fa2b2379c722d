//! Plays mock servers in this process, on tokio's clock: whole exchanges in virtual time, without sockets.

use crate::mock::core::{Action, Core};
use crate::mock::fault::Fault;
use crate::wire::transport::{Address, Landed, LinkError, Transport};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// One mock server per endpoint of one model.
#[derive(Clone, Debug)]
pub struct MockTransport {
    servers: Rc<Vec<Server>>,
}

#[derive(Clone, Debug)]
struct Server {
    core: Arc<Core>,
    slots: Option<Rc<Semaphore>>,
}

/// Counts a request as under way while it lives.
struct UnderWay(Arc<Core>);

impl UnderWay {
    fn new(core: Arc<Core>) -> Self {
        core.under_way(true);
        Self(core)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way(false);
    }
}

impl MockTransport {
    /// A transport on which endpoint i of every model is served by `cores[i]`.
    pub fn new(cores: &[Arc<Core>]) -> Self {
        let server = |core: &Arc<Core>| Server {
            core: Arc::clone(core),
            slots: core.options().slots.map(|slots| Rc::new(Semaphore::new(slots))),
        };
        Self { servers: Rc::new(cores.iter().map(server).collect()) }
    }
}

impl Transport for MockTransport {
    fn post(
        &self,
        address: Address,
        path: &'static str,
        body: Bytes,
    ) -> LocalBoxFuture<'static, Result<Landed, LinkError>> {
        let server = self.servers[usize::from(address.endpoint)].clone();
        async move {
            let _under_way = UnderWay::new(Arc::clone(&server.core));
            let plan = server.core.respond("POST", &format!("/v1{path}"), None, &body);
            let _permit = match &server.slots {
                Some(slots) => slots.acquire().await.ok(),
                None => None,
            };
            tokio::time::sleep(plan.delay).await;
            land(plan.action).await
        }
        .boxed_local()
    }
}

async fn land(action: Action) -> Result<Landed, LinkError> {
    match action {
        Action::Reply(answered) => Ok(Landed {
            status: answered.status,
            retry_after: answered.retry_after.map(Duration::from_secs_f64),
            body: answered.body,
        }),
        Action::Stream(..) => Err(LinkError::Lost("a stream was not asked for".to_owned())),
        Action::Spoil(Fault::Hang | Fault::Drip, _) => {
            std::future::pending::<()>().await;
            Err(LinkError::Lost("hung up".to_owned()))
        }
        Action::Spoil(Fault::HugeBody, _) => {
            Err(LinkError::TooLarge(crate::limits::REPLY_BYTES_MAX))
        }
        Action::Spoil(..) => Err(LinkError::Lost("reset by peer".to_owned())),
    }
}
