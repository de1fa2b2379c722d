//! Plays the rounds of a run in one world, without files.

use std::time::Instant;

use throng_systems::Populate;
use throng_systems::engine::{
    AgentRange, RoundRecord, Simulation, SimulationSettings, state_digest,
};

use super::{Plan, PlayError, RoundReport, RunEnd, RunHead, RunStatus, StopFlag, Watch};

/// Plays a run to its end, or to the end of the round in which it is asked to stop.
///
/// # Errors
/// When the scenario cannot be built, a system fails or an invariant does not hold.
pub fn play(plan: Plan, stop: StopFlag, watch: &mut dyn Watch) -> Result<RunEnd, PlayError> {
    let begun = Instant::now();
    let run = &plan.config.run;
    let directory = plan.out.join(&plan.run_id);
    let mut sim = world(&plan)?;
    watch.started(&RunHead {
        run_id: plan.run_id.clone(),
        directory: directory.clone(),
        scenario: run.scenario.clone(),
        agents: run.agents,
        rounds: run.rounds,
    });
    let mut end = RunEnd {
        status: RunStatus::Interrupted,
        rounds_committed: 0,
        directory,
        state_hash: String::new(),
        seconds: 0.0,
    };
    while end.rounds_committed < run.rounds && !stop.is_set() {
        let round_begun = Instant::now();
        let record = sim.round()?;
        end.rounds_committed = record.round;
        end.state_hash = state_digest(&record.blocks).to_string();
        let seconds = round_begun.elapsed().as_secs_f64();
        watch.round(&report(record, run.agents, run.rounds, seconds));
    }
    if end.rounds_committed == run.rounds {
        end.status = RunStatus::Done;
    }
    end.seconds = begun.elapsed().as_secs_f64();
    watch.finished(&end);
    Ok(end)
}

fn world(plan: &Plan) -> Result<Simulation, PlayError> {
    let run = &plan.config.run;
    let base = SimulationSettings::new(run.seed, run.agents);
    let range = AgentRange::all(run.agents);
    let settings = SimulationSettings { range, threads: plan.threads, ..base };
    let mut sim = Simulation::new(settings)?;
    (plan.prepared.insert)(&mut sim);
    sim.populate(plan.cast.clone());
    plan.scenario.build(&mut sim);
    Ok(sim)
}

fn report(record: RoundRecord, agents: u64, rounds: u32, seconds: f64) -> RoundReport {
    RoundReport {
        round: record.round,
        rounds,
        summary: record.summary,
        seconds,
        agents_per_second: agents as f64 / seconds,
        calls: 0,
        tokens: 0,
        cost: 0.0,
    }
}
