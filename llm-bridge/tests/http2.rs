//! The bridge over HTTP/2: many requests at once on one connection.

#![allow(clippy::unwrap_used, reason = "what a test sets up must work")]
#![allow(
    clippy::default_trait_access,
    reason = "the type of a reply's head is of a crate that is not named here"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use throng_llm_bridge::mock::core::Action;
use throng_llm_bridge::mock::{Core, Latency, MockOptions};
use throng_llm_bridge::{
    AnswerSpec, Ask, Batch, Bridge, BridgeConfig, MemoryStore, ModelConfig, Moment, Prompts, Role,
};
use tokio::net::{TcpListener, TcpStream};

/// Answers over HTTP/2 as the mock does, until the process ends; counts connections.
fn serve(core: Arc<Core>, connections: Arc<AtomicUsize>) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(talk(stream, Arc::clone(&core)));
            }
        });
    });
    address
}

async fn talk(stream: TcpStream, core: Arc<Core>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let core = Arc::clone(&core);
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            let mut body = request.into_body();
            let mut bytes = Vec::new();
            while let Some(Ok(part)) = body.data().await {
                body.flow_control().release_capacity(part.len()).unwrap();
                bytes.extend_from_slice(&part);
            }
            core.under_way(true);
            let plan = core.respond("POST", &path, None, &bytes);
            tokio::time::sleep(plan.delay).await;
            core.under_way(false);
            let Action::Reply(answered) = plan.action else { return };
            assert_eq!(answered.status, 200);
            let mut reply = respond.send_response(Default::default(), false).unwrap();
            reply.send_data(answered.body.into(), true).unwrap();
        });
    }
}

#[test]
fn requests_share_one_connection_where_a_server_speaks_http_2() {
    let latency = Latency::Constant(Duration::from_millis(20));
    let core = Arc::new(Core::new(MockOptions { latency, ..MockOptions::default() }));
    let connections = Arc::new(AtomicUsize::new(0));
    let address = serve(Arc::clone(&core), Arc::clone(&connections));
    let mut model = ModelConfig::at("mock", &format!("http://{address}/v1"));
    model.endpoints[0].http2 = true;
    model.coalesce = false;
    let mut prompts = Prompts::new();
    let prompt = prompts.ask(&[(Role::User, "Guess.")]).unwrap();
    let batch = Batch {
        moment: Moment::default(),
        run_seed: 1,
        asks: (0..300).map(|agent| Ask { agent, prompt, model: 0, answer: 0 }).collect(),
        prompts: Arc::new(prompts),
        answers: Arc::new([AnswerSpec::Integer { min: 0, max: 100 }]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    };
    let config = BridgeConfig { models: vec![model], ..BridgeConfig::default() };
    let bridge = Bridge::start(config, Arc::new(MemoryStore::default())).unwrap();
    let played = bridge.exchange(batch).unwrap();
    assert_eq!((played.totals.answered, played.totals.requests), (300, 300));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert!(core.counts().at_once_max > 1, "{:?}", core.counts());
}
