//! Hosts with network namespaces, addresses and cables of their own, whose cables are pulled, slow or divided.
//!
//! Namespaces need root and iproute2; elsewhere these tests say so and pass.

use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::Place;
use super::hosts::{Game, Node, Start, assert_done, generations};

/// What a test of this file needs and this machine may lack.
fn lacking() -> Option<String> {
    let name = format!("throng-try-{}", std::process::id());
    let made = ip(&["netns", "add", &name]).map(|()| ip(&["netns", "del", &name]));
    made.err()
}

fn ip(words: &[&str]) -> Result<(), String> {
    let done = Command::new("ip").args(words).output().map_err(|error| error.to_string())?;
    let said = || String::from_utf8_lossy(&done.stderr).into_owned();
    if done.status.success() { Ok(()) } else { Err(format!("ip {}: {}", words.join(" "), said())) }
}

/// A bridge and a namespace for each host, joined to it by a cable.
struct Network {
    id: u32,
    hosts: u8,
}

impl Network {
    fn new(hosts: u8) -> Self {
        let network = Self { id: std::process::id(), hosts };
        let bridge = network.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"]).unwrap();
        ip(&["link", "set", &bridge, "up"]).unwrap();
        for host in 1..=hosts {
            let (space, cable) = (network.space(host), network.cable(host));
            let address = format!("{}/24", network.address(host));
            ip(&["netns", "add", &space]).unwrap();
            let peer = ["peer", "name", "e0", "netns", &space];
            ip(&[&["link", "add", &cable, "type", "veth"][..], &peer].concat()).unwrap();
            ip(&["link", "set", &cable, "master", &bridge]).unwrap();
            ip(&["-n", &space, "addr", "add", &address, "dev", "e0"]).unwrap();
            ip(&["-n", &space, "link", "set", "e0", "up"]).unwrap();
            ip(&["-n", &space, "link", "set", "lo", "up"]).unwrap();
            network.plug(host);
        }
        network
    }

    fn bridge(&self) -> String {
        format!("tb{}", self.id)
    }

    fn other_bridge(&self) -> String {
        format!("to{}", self.id)
    }

    fn space(&self, host: u8) -> String {
        format!("throng-{}-{host}", self.id)
    }

    fn cable(&self, host: u8) -> String {
        format!("tv{}-{host}", self.id)
    }

    fn address(&self, host: u8) -> String {
        let [.., high, low] = self.id.to_be_bytes();
        format!("10.{high}.{low}.{host}")
    }

    fn plug(&self, host: u8) {
        ip(&["link", "set", &self.cable(host), "up"]).unwrap();
    }

    fn pull(&self, host: u8) {
        ip(&["link", "set", &self.cable(host), "down"]).unwrap();
    }

    /// A program in a host's namespace.
    fn within(&self, host: u8, words: &[&str]) -> String {
        let space = self.space(host);
        let all = [&["netns", "exec", &space][..], words].concat();
        let done = Command::new("ip").args(all).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Limits what leaves a host.
    fn throttle(&self, host: u8, [rate, burst, limit]: [&str; 3]) {
        let queue = ["tc", "qdisc", "add", "dev", "e0", "root", "tbf"];
        let words = ["rate", rate, "burst", burst, "limit", limit];
        self.within(host, &[&queue[..], &words].concat());
    }

    /// Lets nothing out of a host any more, or everything again. What comes in does.
    fn mute(&self, host: u8, muted: bool) {
        if muted {
            // A rate that no packet fits into.
            self.throttle(host, ["8bit", "40", "40"]);
        } else {
            self.within(host, &["tc", "qdisc", "del", "dev", "e0", "root"]);
        }
    }

    /// Moves the cables of the later half of the hosts to a bridge of their own, or back.
    fn divide(&self, divided: bool) {
        let (bridge, other) = (self.bridge(), self.other_bridge());
        if divided {
            ip(&["link", "add", &other, "type", "bridge"]).unwrap();
            ip(&["link", "set", &other, "up"]).unwrap();
        }
        let target = if divided { &other } else { &bridge };
        for host in self.hosts / 2 + 1..=self.hosts {
            ip(&["link", "set", &self.cable(host), "master", target]).unwrap();
        }
        if !divided {
            ip(&["link", "del", &other]).unwrap();
        }
    }

    /// Resets every connection of a host, and says how many.
    fn reset(&self, host: u8) -> usize {
        let said = self.within(host, &["ss", "-K", "-t", "-H", "state", "established"]);
        said.lines().filter(|line| line.contains(&self.address(host))).count()
    }

    fn node(&self, place: &Place, game: &Game, host: u8, min: usize) -> Node {
        let mut start = Start::new(game, host, min);
        start.address = format!("{}:7946", self.address(host));
        start.seeds = format!("{0}:7946,{1}:7946", self.address(1), self.address(2));
        start.within = Some(self.space(host));
        start.node(place)
    }

    fn nodes(&self, place: &Place, game: &Game, min: usize) -> Vec<Node> {
        (1..=self.hosts).map(|host| self.node(place, game, host, min)).collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in 1..=self.hosts {
            let _ = ip(&["netns", "del", &self.space(host)]);
        }
        let _ = ip(&["link", "del", &self.bridge()]);
        let _ = ip(&["link", "del", &self.other_bridge()]);
    }
}

#[test]
fn a_cable_that_is_pulled_and_plugged_in_again_changes_nothing_of_a_run() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, game, network) = (Place::new(), Game::long(), Network::new(3));
    let expected = game.undisturbed();
    let mut nodes = network.nodes(&place, &game, 2);
    nodes[2].reaches(4);
    network.pull(3);
    nodes[0].reaches(10);
    network.plug(3);
    // Now the leader's, and for good: it is done with when the others are.
    nodes[1].reaches(20);
    network.pull(1);
    nodes[1].reaches(24);
    network.plug(1);
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 3, "{}", generations(&place));
}

#[test]
fn a_host_that_hears_and_is_not_heard_is_done_without() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, game, network) = (Place::new(), Game::long(), Network::new(3));
    let expected = game.undisturbed();
    let mut nodes = network.nodes(&place, &game, 2);
    nodes[1].reaches(4);
    network.mute(2, true);
    nodes[0].reaches(10);
    network.mute(2, false);
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 2);
}

#[test]
fn connections_that_are_reset_are_made_anew() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, game, network) = (Place::new(), Game::long(), Network::new(3));
    let expected = game.undisturbed();
    let mut nodes = network.nodes(&place, &game, 3);
    nodes[1].reaches(4);
    assert!(network.reset(2) >= 2, "one to each of the others");
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 2);
}

#[test]
fn a_slow_cable_slows_a_run_and_changes_nothing() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, network) = (Place::new(), Network::new(3));
    let game = Game::new(&["opinions", "--agents", "20000", "--rounds", "4"]);
    let expected = game.undisturbed();
    network.throttle(3, ["4mbit", "16kb", "1mb"]);
    assert_done(&place, network.nodes(&place, &game, 3), &expected);
    assert_eq!(generations(&place), 1, "slow is not dead");
}

#[test]
fn halves_of_a_divided_network_without_enough_hosts_stand_still() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, game, network) = (Place::new(), Game::long(), Network::new(4));
    let expected = game.undisturbed();
    let mut nodes = network.nodes(&place, &game, 3);
    nodes[0].reaches(4);
    network.divide(true);
    // The patience of these hosts is two seconds; what was in the air when the network parted has landed by then.
    pause(Duration::from_secs(4));
    let stands = rounds(&place);
    pause(Duration::from_secs(3));
    assert_eq!(rounds(&place), stands, "nobody plays without three hosts");
    assert!(stands < 40);
    network.divide(false);
    assert_done(&place, nodes, &expected);
}

#[test]
fn halves_of_a_divided_network_with_enough_hosts_commit_each_round_once() {
    if let Some(reason) = lacking() {
        return println!("skipped: {reason}");
    }
    let (place, game, network) = (Place::new(), Game::long(), Network::new(4));
    let expected = game.undisturbed();
    let mut nodes = network.nodes(&place, &game, 2);
    nodes[0].reaches(4);
    network.divide(true);
    pause(Duration::from_secs(5));
    network.divide(false);
    assert_done(&place, nodes, &expected);
    assert!(generations(&place) >= 2);
}

fn pause(time: Duration) {
    let (_never, moment) = channel::<()>();
    let _ = moment.recv_timeout(time);
}

/// Rounds that are committed.
fn rounds(place: &Place) -> usize {
    let records = std::fs::read_dir(place.path().join("runs/r/commits"));
    records.map_or(0, Iterator::count)
}
