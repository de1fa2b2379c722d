//! Gives a run to hosts that wait for one, and listens to all of them.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use throng_shard::Secret;
use throng_shard::errand::{Listener, Speaker, call};

use super::{Order, Share, Word, text};
use crate::play::StopFlag;

/// Between two calls of a host that does not answer.
const CALL_AGAIN: Duration = Duration::from_secs(1);
/// For so long a host that does not answer is called.
const CALL_PATIENCE: Duration = Duration::from_secs(30);
/// Calls that a host may end without a word.
const HUNG_UP_MAX: u32 = 3;
/// For so long hosts are waited for when one has come to the run's end: there is nothing left to do.
const DONE_PATIENCE: Duration = Duration::from_secs(5);
/// How often a stop is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A run for several hosts.
pub(crate) struct Launch {
    /// Where the hosts wait, as `HOST:PORT`.
    pub(crate) hosts: Vec<String>,
    /// Known to all of them.
    pub(crate) secret: Secret,
    /// What each plays.
    pub(crate) share: Share,
}

/// What a listener is told, by the host that said it.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(&str, &Word);

/// How the hosts ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Launched {
    /// The codes of those that ended, by host.
    pub(crate) codes: BTreeMap<String, u8>,
    /// Hosts that refused the run or could not be reached, and why.
    pub(crate) lost: BTreeMap<String, String>,
}

/// What a host's thread says.
enum Heard {
    Word(Word),
    Reached(Speaker),
    Lost(String),
}

impl Launch {
    /// Gives every host its share and listens until all have ended, or cannot be reached for long. A stop lets them
    /// leave at the end of the round.
    pub(crate) fn run(&self, stop: &StopFlag, tell: Tell<'_>) -> Launched {
        let (said, heard) = channel();
        for host in &self.hosts {
            let caller = Caller {
                host: host.clone(),
                secret: self.secret.clone(),
                order: text(&Order::Play(self.share.clone())),
                said: said.clone(),
            };
            thread::spawn(move || caller.run());
        }
        drop(said);
        self.listen(&heard, stop, tell)
    }

    fn listen(
        &self,
        heard: &Receiver<(String, Heard)>,
        stop: &StopFlag,
        tell: Tell<'_>,
    ) -> Launched {
        let mut speakers: BTreeMap<String, Speaker> = BTreeMap::new();
        let (mut launched, mut left) = (Launched::default(), false);
        let mut done: Option<Instant> = None;
        let ends = |done: &Option<Instant>| done.is_some_and(|at| at.elapsed() >= DONE_PATIENCE);
        while launched.codes.len() + launched.lost.len() < self.hosts.len() && !ends(&done) {
            if stop.is_set() && !left {
                left = true;
                speakers.values_mut().for_each(|speaker| self.leave(speaker));
            }
            let (host, what) = match heard.recv_timeout(LOOK_INTERVAL) {
                Ok(said) => said,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match what {
                Heard::Word(word) => {
                    tell(&host, &word);
                    match word {
                        Word::Ended(code) => {
                            if code == 0 {
                                done.get_or_insert_with(Instant::now);
                            }
                            launched.codes.insert(host, code);
                        }
                        Word::Refused(why) => drop(launched.lost.insert(host, why)),
                        Word::Line(_) | Word::Note(_) => {}
                    }
                }
                Heard::Reached(mut speaker) => {
                    if left {
                        self.leave(&mut speaker);
                    }
                    speakers.insert(host, speaker);
                }
                Heard::Lost(why) => drop(launched.lost.insert(host, why)),
            }
        }
        launched
    }

    fn leave(&self, speaker: &mut Speaker) {
        // A host that has gone is called again, and told then.
        let _ = speaker.say(&text(&Order::Leave(self.share.run_id.clone())));
    }
}

/// Calls one host, again and again where the line breaks.
struct Caller {
    host: String,
    secret: Secret,
    order: Vec<u8>,
    said: Sender<(String, Heard)>,
}

impl Caller {
    fn run(self) {
        let mut told = 0;
        let (mut silent_since, mut hung_up) = (Instant::now(), 0);
        loop {
            let problem = match self.converse(&mut told, &mut silent_since) {
                Ok(true) => return,
                Ok(false) => "it hung up".to_owned(),
                Err(error) => error.to_string(),
            };
            hung_up += u32::from(told == 0 && problem == "it hung up");
            if hung_up >= HUNG_UP_MAX {
                let why = "it hangs up without a word: does it know the same token?".to_owned();
                return self.say(Heard::Lost(why));
            }
            if silent_since.elapsed() >= CALL_PATIENCE {
                let why = format!("not heard of for {} s: {problem}", CALL_PATIENCE.as_secs());
                return self.say(Heard::Lost(why));
            }
            thread::park_timeout(CALL_AGAIN);
        }
    }

    /// One conversation; true when the host has said how it ended. What was said before is not said again.
    fn converse(&self, told: &mut usize, silent_since: &mut Instant) -> io::Result<bool> {
        let address = resolve(&self.host)?;
        let (mut speaker, mut listener): (Speaker, Listener) = call(address, &self.secret)?;
        speaker.say(&self.order)?;
        let mut speaker = Some(speaker);
        let mut place = 0;
        while let Some(words) = listener.hear()? {
            *silent_since = Instant::now();
            let word: Word = serde_json::from_slice(&words)?;
            let last = matches!(word, Word::Ended(_) | Word::Refused(_));
            // Only whoever knows the secret gets an answer, so that the line stands.
            speaker.take().into_iter().for_each(|speaker| self.say(Heard::Reached(speaker)));
            place += 1;
            if place > *told || last {
                *told = place;
                self.say(Heard::Word(word));
            }
            if last {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn say(&self, heard: Heard) {
        // Nobody listens once the launch is over.
        let _ = self.said.send((self.host.clone(), heard));
    }
}

fn resolve(host: &str) -> io::Result<SocketAddr> {
    host.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("it has no address"))
}
