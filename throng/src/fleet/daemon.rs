//! A host that waits for runs: it plays its share of each that whoever knows the secret gives it.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use throng_data::RunId;
use throng_shard::Secret;
use throng_shard::errand::{Listener, Speaker, answer};

use super::job::{Job, command};
use super::{Order, Share, Word, program, text};
use crate::play::StopFlag;

/// Conversations at once; more are hung up.
const CALLERS_MAX: usize = 64;
/// Runs that are played at once.
const RUNS_MAX: usize = 64;
/// How long a daemon that ends waits for those who listen.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often a stop is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How often it is looked whether a run has something new to tell.
const TELL_INTERVAL: Duration = Duration::from_millis(500);

/// What a daemon knows.
pub(crate) struct Daemon {
    /// Known to whoever may give it runs.
    pub(crate) secret: Secret,
    /// The environment variable with it, for the processes that play.
    pub(crate) token_env: String,
    /// Where other hosts reach this one.
    pub(crate) address: IpAddr,
    /// This program.
    pub(crate) program: PathBuf,
}

/// Runs by name, and those who ask.
struct Desk {
    daemon: Daemon,
    jobs: Mutex<BTreeMap<String, Arc<Job>>>,
    callers: AtomicUsize,
    note: fn(&str),
}

/// Listens until it is asked to stop, and then leaves all runs at the end of their rounds.
///
/// # Errors
/// Where the system does not let it listen.
pub(crate) fn serve(
    listener: &TcpListener,
    daemon: Daemon,
    stop: &StopFlag,
    note: fn(&str),
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let (jobs, callers) = (Mutex::default(), AtomicUsize::new(0));
    let desk = Arc::new(Desk { daemon, jobs, callers, note });
    while !stop.is_set() {
        match listener.accept() {
            Ok((socket, from)) => desk.receive(socket, from),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::park_timeout(LOOK_INTERVAL);
            }
            // A caller that was gone before it was heard.
            Err(_) => thread::park_timeout(LOOK_INTERVAL),
        }
    }
    desk.jobs().values().for_each(|job| job.leave());
    while desk.jobs().values().any(|job| !job.has_ended()) {
        thread::park_timeout(LOOK_INTERVAL);
    }
    // Whoever listens hears the end.
    let begun = Instant::now();
    while desk.callers.load(Ordering::SeqCst) > 0 && begun.elapsed() < FAREWELL {
        thread::park_timeout(LOOK_INTERVAL);
    }
    Ok(())
}

impl Desk {
    /// Hears a caller out on a thread of its own.
    fn receive(self: &Arc<Self>, socket: TcpStream, from: SocketAddr) {
        if self.callers.fetch_add(1, Ordering::SeqCst) >= CALLERS_MAX {
            self.callers.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let desk = Arc::clone(self);
        thread::spawn(move || {
            if let Err(error) = desk.hear(socket) {
                (desk.note)(&format!("{from} was not heard: {}", reason(&error)));
            }
            desk.callers.fetch_sub(1, Ordering::SeqCst);
        });
    }

    fn hear(self: &Arc<Self>, socket: TcpStream) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        let (mut speaker, mut listener) = answer(socket, &self.daemon.secret)?;
        let Some(words) = listener.hear()? else { return Ok(()) };
        match serde_json::from_slice(&words)? {
            Order::Play(share) => match self.job(share) {
                Ok(job) => tell(&job, &mut speaker, listener),
                Err(why) => speaker.say(&text(&Word::Refused(why))),
            },
            Order::Leave(run) => {
                self.jobs().get(&run).into_iter().for_each(|job| job.leave());
                Ok(())
            }
        }
    }

    /// The share as it is being played, from now on if it was not.
    fn job(self: &Arc<Self>, share: Share) -> Result<Arc<Job>, String> {
        if share.program != program() {
            return Err(format!("it runs {}, and the caller {}", program(), share.program));
        }
        if !Path::new(&share.folder).is_dir() {
            let folder = &share.folder;
            return Err(format!("it has no folder {folder}: launch from one that all hosts see"));
        }
        RunId::new(share.run_id.as_str()).map_err(|error| error.to_string())?;
        let mut jobs = self.jobs();
        if let Some(job) = jobs.get(&share.run_id).filter(|job| !job.has_ended()) {
            return if job.share == share {
                Ok(Arc::clone(job))
            } else {
                Err(format!("it plays `{}` already, with other arguments", share.run_id))
            };
        }
        jobs.retain(|_, job| !job.has_ended());
        if jobs.len() >= RUNS_MAX {
            return Err(format!("it plays {RUNS_MAX} runs already"));
        }
        let job = Arc::new(Job::new(share));
        jobs.insert(job.share.run_id.clone(), Arc::clone(&job));
        drop(jobs);
        self.play(&job);
        Ok(job)
    }

    fn play(self: &Arc<Self>, job: &Arc<Job>) {
        (self.note)(&format!("plays its share of {}", job.share.run_id));
        let (desk, job) = (Arc::clone(self), Arc::clone(job));
        thread::spawn(move || {
            let Daemon { program, token_env, address, .. } = &desk.daemon;
            let address = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            job.play(&|| command(program, &job.share, &address, token_env));
            (desk.note)(&format!("has done its share of {}", job.share.run_id));
        });
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Job>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells all of a run to somebody, who may ask to leave it meanwhile; the run goes on without listeners.
fn tell(job: &Arc<Job>, speaker: &mut Speaker, mut listener: Listener) -> io::Result<()> {
    let leaves = Arc::clone(job);
    thread::spawn(move || {
        while let Ok(Some(words)) = listener.hear() {
            if let Ok(Order::Leave(_)) = serde_json::from_slice(&words) {
                leaves.leave();
            }
        }
    });
    let mut from = 0;
    loop {
        let (words, next, ended) = job.words(from, TELL_INTERVAL);
        for word in &words {
            if speaker.say(&text(word)).is_err() {
                // Nobody listens any more.
                return Ok(());
            }
        }
        from = next;
        if ended && job.words(from, Duration::ZERO).0.is_empty() {
            return Ok(());
        }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "it knows another token".to_owned(),
        io::ErrorKind::InvalidData => "it speaks of something else".to_owned(),
        _ => error.to_string(),
    }
}
