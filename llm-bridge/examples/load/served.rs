//! Mock servers in processes of their own.

use crate::Outcome;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use throng_llm_bridge::mock::{Latency, MockOptions, Policy, serve};

/// Serves until the process is ended: replies after `millis`, `slots` at once (0: any number), and either answers at
/// random or always the text `says`.
pub(crate) fn serve_mock(port: u16, millis: u64, slots: usize, says: Option<&str>) -> Outcome<()> {
    let latency = Latency::Constant(Duration::from_millis(millis));
    let slots = (slots > 0).then_some(slots);
    let policy = says.map_or(Policy::Uniform, |text| Policy::Fixed(text.to_owned()));
    let options = MockOptions { latency, slots, policy, ..MockOptions::default() };
    let mock = serve(options, std::net::SocketAddr::from(([127, 0, 0, 1], port)))?;
    println!("{}", mock.url());
    mock.wait();
    Ok(())
}

/// A mock server in a process of its own.
pub(crate) struct Served {
    process: Child,
    pub(crate) url: String,
}

impl Served {
    pub(crate) fn start(millis: u64, slots: usize) -> Outcome<Self> {
        Self::start_at(0, millis, slots)
    }

    pub(crate) fn start_at(port: u16, millis: u64, slots: usize) -> Outcome<Self> {
        Self::launch(&["serve", &port.to_string(), &millis.to_string(), &slots.to_string()])
    }

    /// A server that answers everything with this text.
    pub(crate) fn start_saying(text: &str) -> Outcome<Self> {
        Self::launch(&["serve", text])
    }

    fn launch(arguments: &[&str]) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut url)?;
        Ok(Self { process, url: url.trim().to_owned() })
    }

    pub(crate) fn port(&self) -> Outcome<u16> {
        let port = self.url.trim_end_matches("/v1").rsplit(':').next();
        Ok(port.ok_or("no port")?.parse()?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
