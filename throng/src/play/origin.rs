//! What decides the contents of a run, for its manifest.

use throng_data::{AnswerColumn, ModelOrigin, Origin, sha256_hex};

use super::Plan;

pub(super) fn of(plan: &Plan, prompts: &str) -> Origin {
    let models = plan.config.models.iter().map(|model| {
        let facts = format!("{}\n{}\n{}", model.kind, model.policy, model.parameters);
        let origin =
            ModelOrigin { kind: model.kind.clone(), fingerprint: sha256_hex(facts.as_bytes()) };
        (model.name.clone(), origin)
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
        parent: None,
        answer: answer
            .map(|column| AnswerColumn { column: column.to_owned(), quantile_error: 0.0 }),
    }
}
