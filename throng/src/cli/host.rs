//! `throng host`: waits for runs that `throng launch` gives it, and plays this machine's share of each.

use std::net::{SocketAddr, TcpListener};

use clap::Args;
use serde_json::json;
use throng_shard::ShardError;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::node::{TOKEN_ENV, secret};
use super::output::{Results, note};
use crate::fleet::{Daemon, serve};
use crate::play::StopFlag;
use crate::watch::SCHEMA;

/// Arguments of `throng host`.
#[derive(Args, Debug)]
pub(super) struct HostArguments {
    /// The address of one interface, which other hosts reach, and where to wait; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7945")]
    bind: SocketAddr,
    /// Environment variable with the token of all hosts and of whoever gives them runs
    #[arg(long, value_name = "VARIABLE", default_value = TOKEN_ENV)]
    token_env: String,
    /// Write an object with the address
    #[arg(long)]
    json: bool,
}

/// Waits until it is asked to end.
pub(super) fn run(arguments: &HostArguments, results: &Results) -> Result<Exit, Failure> {
    let bind = arguments.bind;
    if bind.ip().is_unspecified() {
        return Err(ShardError::Unspecified { address: bind }.into());
    }
    let secret = secret(&arguments.token_env, bind.ip())?;
    let listener =
        TcpListener::bind(bind).map_err(|source| ShardError::Bind { address: bind, source })?;
    let address = listener.local_addr().map_err(Failure::Output)?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::Arguments(format!("this program cannot be found again on the disk: {error}"))
    })?;
    let stop = StopFlag::default();
    interrupt::listen_for(stop.clone(), "leaving all runs at the end of their rounds")?;
    if arguments.json {
        let object = json!({ "schema": SCHEMA, "kind": "waiting", "address": address.to_string() });
        results.line(&object.to_string());
    } else {
        results.line(&format!("waiting for runs at {address}"));
        note("press Ctrl-C to leave them and end");
    }
    let token_env = arguments.token_env.clone();
    let daemon = Daemon { secret, token_env, address: address.ip(), program };
    serve(&listener, daemon, &stop, note).map_err(ShardError::Thread)?;
    Ok(Exit::Done)
}
