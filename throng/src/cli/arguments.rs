//! What may be typed.

use clap::{Parser, Subcommand};

use super::{
    check, completions, diff, doctor, fork, host, interview, launch, list, node, plan, population,
    replay, report, resume, run, scenarios, schema, serve_mock, status, story, verify,
};

const EXAMPLES: &str = "\
Examples:
  throng run guessing-game                 a million agents, five rounds
  throng check my-game.toml                what a configuration means, and what it would take
  throng plan my-game.toml                 what its models would be asked, and what that costs
  throng list                              the runs in the folder `runs`

Exit codes:
  0    done
  1    the run failed, `verify` or `doctor` found something wrong, or the runs of `diff` differ
  2    the arguments or the configuration are wrong
  3    more replies failed than allowed; `resume` goes on
  4    a budget is used up; `resume` goes on
  5    no endpoint could be reached before the start
  130  interrupted; `resume` goes on (the first Ctrl-C finishes the round, the second stops at once)
  141  nobody read the results any more; the run stopped after the round

Results go to standard output, everything else to standard error. NO_COLOR is honoured.";

/// Simulates populations of agents, round by round, from one command.
#[derive(Debug, Parser)]
#[command(name = "throng", version, after_help = EXAMPLES, arg_required_else_help = true)]
#[command(max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Every command in a file of its own.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play a scenario
    Run(run::RunArguments),
    /// Check a configuration: read it, build a small world, show three prompts; write nothing
    Check(check::CheckArguments),
    /// Say what a run would ask of its models and what that costs, before anything is paid
    Plan(plan::PlanArguments),
    /// Go on with a run after a crash, an interruption or a budget's end; nothing is paid twice
    Resume(resume::ResumeArguments),
    /// Play a run again from its records, without any network, and compare it bit for bit
    Replay(replay::ReplayArguments),
    /// Play one host's share of a run that several hosts play; may be started again blindly
    Node(node::NodeArguments),
    /// Wait for runs that `launch` gives this machine, and play its share of each
    Host(host::HostArguments),
    /// Give a run to several machines that wait for one, and show how it goes
    Launch(launch::LaunchArguments),
    /// Play on from a round of a run with something changed; what stays the same is not asked again
    Fork(fork::ForkArguments),
    /// Ask agents something after a round that was played, without disturbing the run
    Interview(interview::InterviewArguments),
    /// List the runs of a folder
    List(list::ListArguments),
    /// Show where a run stands
    Status(status::StatusArguments),
    /// Draw a run that has been played: histograms, convergence, groups
    Report(report::ReportArguments),
    /// Hash, count and derive everything in a run again
    Verify(verify::VerifyArguments),
    /// Say where two runs part, who differs there, and by how much on average
    Diff(diff::DiffArguments),
    /// Tell what a run has recorded of one agent, round by round
    Story(story::StoryArguments),
    /// Build, check and describe a population
    Population(population::PopulationArguments),
    /// List the scenarios with their settings and policies
    Scenarios(scenarios::ScenariosArguments),
    /// Print the JSON schema of configurations, for editors
    Schema(schema::SchemaArguments),
    /// Print completions for a shell
    Completions(completions::CompletionsArguments),
    /// Serve a stand-in for a model, for tests and load: OpenAI's protocol, latencies, faults
    ServeMock(serve_mock::ServeMockArguments),
    /// Look at this machine: memory, disk, limits, terminal; and at a configuration's servers
    Doctor(doctor::DoctorArguments),
}
