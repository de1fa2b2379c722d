//! Playing a run on several hosts: generation after generation, until the run is over or this host leaves.

mod generation;
mod line;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use throng_data::{CommitRecord, RunDir, RunId, RunStatus as Noted, WritableRun, hosts_folder};
use throng_shard::{Host, HostSettings, Load, Seat, ShardError, Turn};
use throng_systems::ModelRef;
use throng_systems::engine::{BLOCK, Pool};

use super::ahead::Ahead;
use super::{Plan, PlayError, RunEnd, RunStatus, StopFlag, Watch};
use generation::Generation;

/// What an ask costs, in agents that a policy answers: a request takes some 30 µs of a host's time before anybody
/// waits for its reply, and a policy some 30 ns.
const ASK_COST: u64 = 1_000;
/// How long the host that committed the last round may take to close the run before others do.
const CLOSING: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How this host's part in a generation ended.
enum Parted {
    /// For another generation, or none: the ledger says what comes next.
    Next,
    /// All hosts stopped for one reason, and the run can go on later.
    Stopped(RunStatus),
}

/// What this host has told of the run.
#[derive(Debug, Default)]
struct Told {
    started: bool,
    /// The last round it has told of.
    round: u32,
    /// What the calls of the run will take.
    ahead: Ahead,
}

/// Plays this host's part of a run until the run is over or the host is asked to leave. `settings` need no store:
/// it lies in the run's directory, which all hosts must see.
///
/// # Errors
/// When this host cannot go on; others may, and this one may be started again.
pub fn play_on_hosts(
    plan: Plan,
    mut settings: HostSettings,
    stop: StopFlag,
    watch: &mut dyn Watch,
) -> Result<RunEnd, PlayError> {
    let begun = Instant::now();
    settings.check()?;
    let directory = plan.out.join(&plan.run_id);
    let played_alone = RunDir::open(&directory).is_ok_and(|run| !run.is_of_hosts());
    if played_alone {
        return Err(PlayError::NotOfHosts { directory });
    }
    settings.load = load(&plan)?;
    settings.store = hosts_folder(&plan.out, &RunId::new(plan.run_id.as_str())?)?;
    let host = Host::start(settings)?;
    watch.notice(&format!("this is host {} at {}", host.me().name, host.me().door));
    let mut told = Told::default();
    loop {
        let status = match host.next(|| stop.is_set())? {
            Turn::Over => {
                close(&host, &directory, watch)?;
                RunStatus::Done
            }
            Turn::Left => RunStatus::Interrupted,
            Turn::Play(seat) => match part(&plan, &host, *seat, &stop, watch, &mut told)? {
                Parted::Next => continue,
                Parted::Stopped(status) => status,
            },
        };
        return Ok(end(status, directory, begun, watch));
    }
}

/// What each block of agents asks of its host. Models by share are spread evenly; a population may put those who
/// ask a model in words beside each other.
fn load(plan: &Plan) -> Result<Load, PlayError> {
    let models = (0..).map(ModelRef).zip(&plan.config.models);
    let words: Vec<ModelRef> =
        models.filter(|(_, model)| model.words().is_some()).map(|(model, _)| model).collect();
    let Some(people) = plan.people.as_ref().filter(|_| !words.is_empty()) else {
        return Ok(Load::default());
    };
    let pool = Pool::new(plan.threads);
    let asks = people.per_block(&words, &pool)?;
    let cost = |asks: u64| BLOCK as u64 + asks * ASK_COST;
    Ok(asks.map(|asks| Load::of_blocks(asks.into_iter().map(cost).collect())).unwrap_or_default())
}

/// Plays a seat's generation to its end. Whatever ends it on other hosts is no fault of this one.
fn part(
    plan: &Plan,
    host: &Host,
    mut seat: Seat,
    stop: &StopFlag,
    watch: &mut dyn Watch,
    told: &mut Told,
) -> Result<Parted, PlayError> {
    tell(&seat, watch);
    let (line, broken) = line::of(&mut seat)?;
    let played = Generation::new(plan, &seat, line, stop)
        .prepare(host, watch, told)
        .and_then(|generation| generation.play(host, watch, told));
    match played {
        Err(error) if broken.is_set() || matches!(error, PlayError::Shard(ShardError::Gone)) => {
            seat.abort();
            watch.notice(&format!("generation {} has ended", seat.generation().id));
            Ok(Parted::Next)
        }
        Err(error) => {
            // The others must not wait for what never comes.
            seat.abort();
            Err(error)
        }
        played => played,
    }
}

fn tell(seat: &Seat, watch: &mut dyn Watch) {
    let (generation, range) = (seat.generation(), seat.range());
    let (hosts, from, to) = (generation.members.len(), range.start, range.end - 1);
    let hosts = if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") };
    let id = generation.id;
    watch.notice(&format!("generation {id}: {hosts}; agents {from} to {to} are played here"));
}

/// Sees to it that a run that is over looks so, whoever died before it could.
fn close(host: &Host, directory: &Path, watch: &mut dyn Watch) -> Result<(), PlayError> {
    let run = RunDir::open(directory)?;
    let begun = Instant::now();
    while begun.elapsed() < CLOSING {
        if run.manifest().is_ok_and(|manifest| manifest.status == Noted::Done) {
            return Ok(());
        }
        std::thread::park_timeout(LOOK_INTERVAL);
    }
    publish(host, directory)?;
    let range = 0..run.manifest()?.origin.agents;
    let config = std::fs::read_to_string(directory.join("run.toml")).unwrap_or_default();
    let closed =
        WritableRun::join(directory, &config, range).and_then(|mut run| run.close(Noted::Done));
    if let Err(error) = closed {
        // Another host does the same, and all rounds are committed.
        watch.notice(&format!("the run is over, and its description may be old: {error}"));
    }
    Ok(())
}

/// Puts the records of committed rounds, which the ledger has, where readers look for them.
fn publish(host: &Host, directory: &Path) -> Result<(), PlayError> {
    let published = RunDir::open(directory)?.rounds()?.len() as u32;
    let commits = host.commits_from(published)?;
    let records = commits.iter().map(|commit| CommitRecord::from_text(&commit.record));
    let records: Vec<CommitRecord> = records.collect::<Result<_, _>>()?;
    Ok(WritableRun::publish_all(directory, &records)?)
}

fn end(status: RunStatus, directory: PathBuf, begun: Instant, watch: &mut dyn Watch) -> RunEnd {
    // A host that leaves before anything was played has no run to speak of.
    let last = RunDir::open(&directory).and_then(|run| run.commits());
    let last = last.ok().and_then(|mut commits| commits.pop());
    let end = RunEnd {
        status,
        rounds_committed: last.as_ref().map_or(0, |record| record.round),
        directory,
        state_hash: last.and_then(|record| record.state_hash).unwrap_or_default(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    watch.finished(&end);
    end
}
