//! `throng launch`: gives one run to hosts that wait for it, and shows how it goes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};

use clap::Args;
use serde_json::Value;
use throng_systems::Scenario;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupt;
use super::node::{PORT, TOKEN_ENV, patience, run_id, secret};
use super::output::{Results, note};
use super::play_arguments::PlayArguments;
use crate::config::resolve;
use crate::figures::grouped;
use crate::fleet::{Launch, Launched, Share, Word, program};
use crate::play::StopFlag;

/// Hosts among those of a run that newcomers ask for the others.
const SEEDS_MAX: usize = 3;

/// Arguments of `throng launch`.
#[derive(Args, Debug)]
pub(super) struct LaunchArguments {
    #[command(flatten)]
    play: PlayArguments,
    /// Where hosts wait for runs, as HOST:PORT, separated by commas
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', required = true)]
    hosts: Vec<String>,
    /// Fewest hosts that play [default: more than half of --hosts]
    #[arg(long, value_name = "N")]
    min: Option<usize>,
    /// The port on which the hosts of the run meet
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,
    /// Environment variable with the token that all hosts share
    #[arg(long, value_name = "VARIABLE", default_value = TOKEN_ENV)]
    token_env: String,
    /// Seconds for which a host may be silent before the others go on without it
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    patience: f64,
    /// Name of the run's directory [default: scenario and a hash of the configuration]
    #[arg(long, value_name = "ID")]
    run_id: Option<String>,
    /// Write an object per round and a final one
    #[arg(long)]
    json: bool,
    /// Write nothing but errors
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
}

/// Launches a run and listens to its end, or attaches to one that the hosts play already.
pub(super) fn run(
    arguments: &LaunchArguments,
    scenarios: &[Scenario],
    results: &Results,
) -> Result<Exit, Failure> {
    let resolved = resolve(&arguments.play.request(scenarios)?, scenarios)?;
    let launch = Launch {
        secret: secret(&arguments.token_env, farthest(&arguments.hosts)?)?,
        share: share(arguments, run_id(arguments.run_id.as_deref(), &resolved)?)?,
        hosts: arguments.hosts.clone(),
    };
    let stop = StopFlag::default();
    interrupt::listen_for(stop.clone(), "the hosts leave the run after this round")?;
    let mut told = Told { arguments, results, round: 0, ended: false };
    let launched = launch.run(&stop, &mut |host, word| told.hear(host, word));
    exit(&launched, &stop)
}

fn share(arguments: &LaunchArguments, run_id: String) -> Result<Share, Failure> {
    let count = arguments.hosts.len();
    let min = arguments.min.unwrap_or(count / 2 + 1);
    if !(1..=count).contains(&min) {
        return Err(Failure::Arguments(format!("--min {min}: there are {count} hosts")));
    }
    let folder = std::env::current_dir().map_err(|error| {
        Failure::Arguments(format!("the folder in which this runs cannot be named: {error}"))
    })?;
    let port = arguments.port;
    let name = |host: &String| host.rsplit_once(':').map_or(host.clone(), |(name, _)| name.into());
    let names: Vec<String> = arguments.hosts.iter().map(name).collect();
    if names.iter().collect::<BTreeSet<_>>().len() < count {
        let message = "--hosts: two of them are on one machine, where they would meet on one port";
        return Err(Failure::Arguments(message.to_owned()));
    }
    Ok(Share {
        program: program(),
        run_id,
        folder: folder.to_string_lossy().into_owned(),
        arguments: arguments.play.typed(),
        port,
        seeds: names.iter().take(SEEDS_MAX).map(|name| format!("{name}:{port}")).collect(),
        min,
        patience_ms: patience(arguments.patience)?.as_millis() as u64,
    })
}

/// An address that is not of this machine, if there is one among those of the hosts.
fn farthest(hosts: &[String]) -> Result<IpAddr, Failure> {
    let mut farthest = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for host in hosts {
        let address = host.to_socket_addrs().ok().and_then(|mut all| all.next());
        let address = address.ok_or_else(|| {
            Failure::Arguments(format!("--hosts: `{host}` is not HOST:PORT, or cannot be resolved"))
        })?;
        if !address.ip().is_loopback() {
            farthest = address.ip();
        }
    }
    Ok(farthest)
}

/// What the user has been told: all hosts tell the same rounds.
struct Told<'a> {
    arguments: &'a LaunchArguments,
    results: &'a Results,
    round: u64,
    ended: bool,
}

impl Told<'_> {
    fn hear(&mut self, host: &str, word: &Word) {
        match word {
            Word::Line(line) => self.line(line),
            Word::Note(text) if !self.arguments.quiet => note(&format!("{host}: {text}")),
            Word::Refused(why) => note(&format!("{host} refuses the run: {why}")),
            Word::Note(_) | Word::Ended(_) => {}
        }
    }

    fn line(&mut self, line: &str) {
        let Ok(object) = serde_json::from_str::<Value>(line) else { return };
        let round = object["round"].as_u64();
        let is_new = match round {
            Some(round) => round > self.round,
            None => object["status"] == "done" && !self.ended,
        };
        if !is_new {
            return;
        }
        self.round = round.unwrap_or(self.round);
        self.ended |= round.is_none();
        if self.arguments.json {
            self.results.line(line);
        } else if !self.arguments.quiet {
            self.results.line(&in_words(&object));
        }
    }
}

fn in_words(object: &Value) -> String {
    let seconds = object["seconds"].as_f64().unwrap_or_default();
    let Some(round) = object["round"].as_u64() else {
        let directory = object["directory"].as_str().unwrap_or_default();
        return format!("done in {seconds:.1} s\nresults: {directory}");
    };
    let rounds = object["rounds"].as_u64().unwrap_or(round);
    let count = |name: &str| grouped(object["groups"]["all"][name].as_u64().unwrap_or_default());
    let (answered, failed) = (count("answered"), count("failed"));
    format!("round {round} of {rounds}: {answered} answered, {failed} failed, {seconds:.2} s")
}

/// One host that has come to the end is enough: all that do have the same.
fn exit(launched: &Launched, stop: &StopFlag) -> Result<Exit, Failure> {
    for (host, why) in &launched.lost {
        note(&format!("{host} does not take part: {why}"));
    }
    let codes = || launched.codes.values().copied();
    let with = |exit: Exit| codes().any(|code| code == exit as u8).then_some(exit);
    let by_weight =
        [Exit::Done, Exit::Usage, Exit::TooManyFailures, Exit::OutOfBudget, Exit::Interrupted];
    match by_weight.into_iter().find_map(with) {
        Some(exit) => Ok(exit),
        None if stop.is_set() => Ok(Exit::Interrupted),
        None if launched.codes.is_empty() => {
            let message = "no host plays the run: see above why";
            Err(Failure::Arguments(message.to_owned()))
        }
        None => Ok(Exit::Failed),
    }
}
