//! Hosts with network namespaces, addresses and cables of their own, whose cables are pulled.
//!
//! Namespaces need root and iproute2; elsewhere these tests say so and pass.

use std::process::Command;

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

    /// Lets nothing out of a host any more, or everything again. What comes in does.
    fn mute(&self, host: u8, muted: bool) {
        let space = self.space(host);
        let tc = |words: &[&str]| {
            let all = [&["netns", "exec", &space, "tc"][..], words].concat();
            assert!(Command::new("ip").args(all).status().unwrap().success());
        };
        if muted {
            // A rate that no packet fits into.
            let none = ["rate", "8bit", "burst", "40", "limit", "40"];
            tc(&[&["qdisc", "add", "dev", "e0", "root", "tbf"][..], &none].concat());
        } else {
            tc(&["qdisc", "del", "dev", "e0", "root"]);
        }
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
