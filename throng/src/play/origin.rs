//! What decides the contents of a run, for its manifest.

use throng_data::{AnswerColumn, ModelOrigin, Origin, Parent, sha256_hex};

use super::Plan;
use crate::config::Answers;

/// Identifies what answers; neither keys nor addresses are part of it.
fn fingerprint(answers: &Answers) -> String {
    match answers {
        Answers::Policy { policy, parameters } => {
            sha256_hex(format!("policy\n{policy}\n{parameters}").as_bytes())
        }
        Answers::Replay(replayed) => {
            let words = &replayed.words;
            sha256_hex(
                format!(
                    "replay\n{}\n{}{}",
                    replayed.sha256,
                    words.fingerprint(),
                    words.parameters()
                )
                .as_bytes(),
            )
        }
        Answers::Words(model) => format!("{}{}", model.fingerprint(), model.parameters()),
    }
}

pub(super) fn of(plan: &Plan, prompts: &str, parent: Option<Parent>) -> Origin {
    let models = plan.config.models.iter().map(|model| {
        let kind = model.kind().to_owned();
        (model.name.clone(), ModelOrigin { kind, fingerprint: fingerprint(&model.answers) })
    });
    let answer = plan.scenario.answer_column();
    Origin {
        engine_version: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: option_env!("THRONG_GIT_REVISION").map(str::to_owned),
        lock_sha256: option_env!("THRONG_LOCK_SHA256").map(str::to_owned),
        scenario: plan.scenario.name.to_owned(),
        scenario_version: plan.scenario.version.to_string(),
        seed: plan.config.run.seed,
        agents: plan.config.run.agents,
        rounds: plan.config.run.rounds,
        models: models.collect(),
        prompts_sha256: Some(sha256_hex(prompts.as_bytes())),
        population_sha256: Some(sha256_hex(format!("{:?}", plan.cast).as_bytes())),
        parent,
        answer: answer
            .map(|column| AnswerColumn { column: column.to_owned(), quantile_error: 0.0 }),
    }
}
