//! `throng node`: one host's share of a run that several hosts play together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use throng_data::RunId;
use throng_shard::{HostSettings, Load, Name, Secret};
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::output::Results;
use super::play_arguments::PlayArguments;
use super::run::{exit, plan};
use super::telling::Telling;
use crate::config::{Resolved, resolve};
use crate::fleet::program;
use crate::play::{StopFlag, play_on_hosts};

/// The port that hosts listen on unless they are told another one.
pub(super) const PORT: u16 = 7_946;
/// Where the token is, unless something else is said.
pub(super) const TOKEN_ENV: &str = "THRONG_TOKEN";
/// The shortest patience, in seconds: gossip goes round ten times in it.
const PATIENCE_SECONDS_MIN: f64 = 1.0;
/// The longest patience, in seconds.
const PATIENCE_SECONDS_MAX: f64 = 3_600.0;
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4_096;

/// Arguments of `throng node`.
#[derive(Args, Debug)]
pub(super) struct NodeArguments {
    #[command(flatten)]
    play: PlayArguments,
    /// Some hosts of the run as HOST:PORT, separated by commas; they may start later, and this one may be among them
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', required = true)]
    seeds: Vec<String>,
    /// Fewest hosts that play; more than half of all of them keeps the smaller part of a divided network still
    #[arg(long, value_name = "N")]
    min: usize,
    /// The address at which other hosts reach this one, the only one it listens on [default: that of the interface
    /// towards the first seed, port 7946]
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    advertise: Option<String>,
    /// Name of this host, unique in the run [default: its address and port]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Environment variable with the token that all hosts of the run share
    #[arg(long, value_name = "VARIABLE", default_value = TOKEN_ENV)]
    token_env: String,
    /// Seconds for which a host may be silent before the others go on without it
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    patience: f64,
    /// Name of the run's directory, the same on all hosts [default: scenario and a hash of the configuration]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

/// Plays this host's share to the run's end, or until it is stopped.
pub(super) fn run(
    arguments: &NodeArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let resolved = resolve(&arguments.play.request(scenarios)?, scenarios)?;
    if resolved.execution.shards > 1 {
        let message = "--shards: a host plays its agents in one world; start more hosts instead";
        return Err(Failure::Arguments(message.to_owned()));
    }
    let run_id = run_id(arguments.run_id.as_deref(), &resolved)?;
    let settings = settings(arguments, &resolved)?;
    let stop = StopFlag::default();
    interrupt::listen(stop.clone())?;
    let mut watch = arguments.telling.watchers(&resolved, results, &stop);
    let end = play_on_hosts(plan(resolved, run_id), settings, stop.clone(), &mut watch)?;
    Ok(exit(&end, &stop))
}

/// The name that was asked for, or one that all hosts with this configuration come to.
pub(super) fn run_id(asked: Option<&str>, resolved: &Resolved) -> Result<String, Failure> {
    let hash = resolved.config.sha256();
    let own = || format!("{}-{}", resolved.config.run.scenario, &hash[..12]);
    let id = RunId::new(asked.map_or_else(own, str::to_owned))?;
    Ok(id.to_string())
}

fn settings(arguments: &NodeArguments, resolved: &Resolved) -> Result<HostSettings, Failure> {
    let patience = patience(arguments.patience)?;
    if arguments.min == 0 {
        return Err(Failure::Arguments("--min 0: at least one host plays".to_owned()));
    }
    let address = address(arguments)?;
    let name = arguments.name.as_deref().map(Name::new).transpose()?;
    Ok(HostSettings {
        name,
        address,
        seeds: arguments.seeds.clone(),
        min: arguments.min,
        patience,
        secret: secret(&arguments.token_env, address.ip())?,
        program: program(),
        digest: resolved.config.sha256(),
        agents: resolved.config.run.agents,
        // Who asks models is found out when the run is played.
        load: Load::default(),
        // It lies in the run's directory, which is not known here.
        store: Path::new("").to_owned(),
    })
}

/// For how long a host may be silent.
pub(super) fn patience(seconds: f64) -> Result<Duration, Failure> {
    if (PATIENCE_SECONDS_MIN..=PATIENCE_SECONDS_MAX).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(Failure::Arguments(format!(
        "--patience {seconds}: write a number of seconds from {PATIENCE_SECONDS_MIN} to {PATIENCE_SECONDS_MAX}"
    )))
}

/// Where this host listens.
fn address(arguments: &NodeArguments) -> Result<SocketAddr, Failure> {
    let Some(text) = &arguments.advertise else {
        return Ok(SocketAddr::new(towards(&arguments.seeds[0])?, PORT));
    };
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, PORT));
    }
    let with_port = if text.contains(':') { text.clone() } else { format!("{text}:{PORT}") };
    let resolved = with_port.to_socket_addrs().ok().and_then(|mut all| all.next());
    resolved.ok_or_else(|| {
        Failure::Arguments(format!(
            "--advertise {text}: write an address of this host, such as 10.0.0.7 or 10.0.0.7:{PORT}"
        ))
    })
}

/// The address of the interface over which a seed is reached; nothing is sent.
fn towards(seed: &str) -> Result<IpAddr, Failure> {
    let local = |target: SocketAddr| -> std::io::Result<IpAddr> {
        let any: IpAddr = match target {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(target)?;
        Ok(socket.local_addr()?.ip())
    };
    let target = seed.to_socket_addrs().ok().and_then(|mut all| all.next());
    target.and_then(|target| local(target).ok()).ok_or_else(|| {
        Failure::Arguments(format!(
            "the seed {seed} cannot be resolved, so that this host does not know its own address: say it with \
             --advertise"
        ))
    })
}

/// What all hosts know. Hosts on one machine need no token; any that others can reach do.
pub(super) fn secret(variable: &str, address: IpAddr) -> Result<Secret, Failure> {
    match std::env::var(variable) {
        Ok(token) if token.is_empty() || token.len() > TOKEN_BYTES_MAX => {
            Err(Failure::Arguments(format!(
                "the token in {variable} has {} bytes: 1 to {TOKEN_BYTES_MAX} are possible",
                token.len()
            )))
        }
        Ok(token) => Ok(Secret::new(token.as_bytes())),
        Err(_) if address.is_loopback() => Ok(Secret::new(b"")),
        Err(_) => Err(Failure::Arguments(format!(
            "other machines can reach {address}, and the hosts have no token: set {variable} to the same secret on \
             all hosts"
        ))),
    }
}
