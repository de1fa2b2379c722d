//! Hosts that wait for runs are given one, lose processes, leave, and are asked by strangers.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use super::hosts::{Game, assert_whole, mock};
use super::{Place, Ran};

const TOKEN: &str = "THRONG_TOKEN";

/// A host of its own address that waits for runs.
struct Waiting {
    child: Child,
    address: String,
}

impl Waiting {
    fn at(place: &Place, host: u8, token: &str) -> Self {
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = format!("127.{}.{low}.{}:7945", high.max(1), host + 100);
        let mut command = place.command(&["host", "--bind", &address]);
        let mut child = command.env(TOKEN, token).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), format!("waiting for runs at {address}"));
        Self { child, address }
    }

    /// The processes that it has started.
    fn nodes(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let children =
            tasks.into_iter().flatten().map(|task| task.unwrap().path().join("children"));
        let texts = children.filter_map(|file| std::fs::read_to_string(file).ok());
        texts
            .flat_map(|text| text.split(' ').map(str::to_owned).collect::<Vec<_>>())
            .filter(|id| !id.is_empty())
            .collect()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.nodes().iter().for_each(|node| signal("-KILL", node));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(name: &str, process: &str) {
    // One that has ended meanwhile cannot be told.
    let _ = Command::new("kill").args([name, process]).stderr(Stdio::null()).status();
}

fn waiting(place: &Place) -> Vec<Waiting> {
    (1..=3).map(|host| Waiting::at(place, host, "token")).collect()
}

fn launch(place: &Place, game: &Game, hosts: &[Waiting], more: &[&str]) -> Command {
    let hosts: Vec<&str> = hosts.iter().map(|host| host.address.as_str()).collect();
    let list = hosts.join(",");
    let fixed = ["--hosts", &list];
    let mut command = place.command(&game.words("launch", &[&fixed[..], more].concat()));
    command.env(TOKEN, "token");
    command
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The launch when it has seen this round.
fn reaches(mut child: Child, round: u64) -> Child {
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before round {round}");
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        if object["round"].as_u64().is_some_and(|seen| seen >= round) {
            // Nobody reads on, and the launch needs nobody to.
            child.stdout = Some(lines.into_inner());
            return child;
        }
    }
}

#[test]
fn a_run_is_launched_on_hosts_that_wait_for_it() {
    let game = Game::new(&["guessing-game", "--agents", "30000", "--rounds", "4"]);
    let (place, expected) = (game.place(), game.undisturbed());
    let hosts = waiting(&place);
    let ran = Ran::new(launch(&place, &game, &hosts, &["--min", "3"]).output().unwrap()).done();
    let lines = ran.json();
    let rounds: Vec<_> = lines.iter().filter_map(|line| line["round"].as_u64()).collect();
    assert_eq!(rounds, [1, 2, 3, 4], "each is told once, whoever told it first");
    assert_eq!(lines.last().unwrap()["state_hash"], expected.as_str());
    assert!(ran.err.contains("generation 1: 3 hosts"), "{}", ran.err);
    assert_whole(&place);
    // Whoever launches it again finds it done.
    let again = Ran::new(launch(&place, &game, &hosts, &[]).output().unwrap()).done();
    assert_eq!(again.json().last().unwrap()["state_hash"], expected.as_str());
}

#[test]
fn a_process_that_dies_is_started_again_by_its_host() {
    let (fast, slow) = (mock(0), mock(100));
    let (expected, game) = (Game::paced(&fast).undisturbed(), Game::paced(&slow));
    let place = game.place();
    let hosts = waiting(&place);
    let launched = reaches(start(&mut launch(&place, &game, &hosts, &[])), 4);
    let nodes = hosts[1].nodes();
    assert_eq!(nodes.len(), 1);
    signal("-KILL", &nodes[0]);
    let ran = Ran::new(launched.wait_with_output().unwrap()).done();
    assert_eq!(ran.json().pop().unwrap()["state_hash"], expected.as_str(), "{}", ran.err);
    assert!(ran.err.contains("is started again"), "{}", ran.err);
    assert_whole(&place);
}

#[test]
fn hosts_leave_a_run_that_is_interrupted_and_go_on_when_it_is_launched_again() {
    let (fast, slow) = (mock(0), mock(100));
    let (expected, game) = (Game::paced(&fast).undisturbed(), Game::paced(&slow));
    let place = game.place();
    let mut hosts = waiting(&place);
    let launched = reaches(start(&mut launch(&place, &game, &hosts, &[])), 3);
    signal("-INT", &launched.id().to_string());
    let ran = Ran::new(launched.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{}", ran.err);
    assert!(hosts.iter().all(|host| host.nodes().is_empty()), "no process is left");
    let launched = reaches(start(&mut launch(&place, &game, &hosts, &[])), 6);
    // A host that is asked to end leaves the run too, and the others go on.
    signal("-INT", &hosts[2].child.id().to_string());
    assert_eq!(hosts[2].child.wait().unwrap().code(), Some(0));
    let ran = Ran::new(launched.wait_with_output().unwrap()).done();
    assert_eq!(ran.json().pop().unwrap()["state_hash"], expected.as_str(), "{}", ran.err);
    assert_whole(&place);
}

#[test]
fn what_cannot_be_launched_is_refused_in_words() {
    let game = Game::new(&["guessing-game", "--agents", "9000", "--rounds", "2"]);
    let place = game.place();
    let hosts = [Waiting::at(&place, 1, "token")];
    let refused = |command: &mut Command, words: &str| {
        let ran = Ran::new(command.output().unwrap());
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    };
    let guess = |more: &[&str]| launch(&place, &game, &hosts, more);
    refused(guess(&[]).env(TOKEN, "guess"), "does it know the same token?");
    refused(&mut guess(&["--min", "2"]), "--min 2: there are 1 hosts");
    refused(&mut guess(&["--patience", "0"]), "--patience 0");
    refused(&mut guess(&["--set", "run.seed=none"]), "seed");
    let one = ["launch", "guessing-game", "--hosts"];
    let with = |hosts| place.command(&[&one[..], &[hosts]].concat());
    refused(&mut with("127.0.0.1"), "is not HOST:PORT");
    refused(&mut with("127.0.0.1:1,127.0.0.1:2"), "two of them are on one machine");
    refused(with("192.0.2.1:1").env_remove(TOKEN), "no token");
    refused(&mut place.command(&["host", "--bind", "0.0.0.0:7945"]), "name the address of one");
    refused(&mut place.command(&["host", "--bind", &hosts[0].address]), "cannot listen on");
    assert_eq!(place.entries(), ["game.toml"], "nothing was written");
}
