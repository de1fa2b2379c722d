//! What a player is asked: the rules, the same for everyone, then who it is and what it remembers.

use std::collections::BTreeMap;

use throng_systems::engine::Shape;
use throng_systems::prelude::*;
use throng_systems::{
    MEMORY_ROUNDS, PromptText, SharedPrompt, TemplateError, TemplateValue, template_values,
};

use super::News;
use super::rules::{Note, Rules, Thinking};

/// Prompts kept to be put to further players of a round.
const KNOWN_MAX: usize = 1 << 16;

/// The prompts, which are files beside this one.
pub(super) fn templates() -> Templates {
    let rules = ("rules", include_str!("prompts/rules.j2"));
    let question = ("question", include_str!("prompts/question.j2"));
    Templates::new(&[rules, question])
        .expect("the shipped prompts are templates, as a test sees to")
}

/// The prompt of one player in the round that comes next.
pub(super) fn preview(world: &mut World, player: AgentId) -> Result<PromptText, TemplateError> {
    let mut players = world.query::<(&AgentId, &Background, &Memory)>();
    let (_, background, memory) = players
        .iter(world)
        .find(|(agent, _, _)| **agent == player)
        .expect("the player lives in this world");
    let (templates, news) = (world.resource::<Templates>(), world.resource::<News>());
    let about = world.resource::<Backgrounds>().text(*background);
    let population = world.resource::<Population>().size;
    let text = templates.render("question", question(news, about, memory))?;
    Ok(PromptText {
        system: templates.render("rules", rules(&news.rules, population))?,
        user: world.resource::<Announcement>().above(text),
    })
}

/// What may be answered.
pub(super) fn shape(rules: &Rules) -> Shape {
    let (min, max) = (rules.min.to_f64(), rules.max.to_f64());
    Shape::Number { min, max, decimals: rules.decimals }
}

/// Asks every player whose model reads.
pub(super) fn ask(
    (templates, news, backgrounds): (Res<Templates>, Res<News>, Res<Backgrounds>),
    (population, announced): (Res<Population>, Res<Announcement>),
    mut questions: ResMut<Questions<Guess>>,
    players: Query<(&AgentId, &ModelRef, &Background, &Memory)>,
) -> Result<(), BevyError> {
    if !questions.any() {
        return Ok(());
    }
    let rules = templates.render("rules", rules(&news.rules, population.size))?;
    let rules = questions.shared(&rules)?;
    // Players with one background who remember the same are asked the same: rendered once, put to many.
    let mut known: BTreeMap<(Background, Memory), SharedPrompt> = BTreeMap::new();
    for (player, model, background, memory) in &players {
        if !questions.in_words(*model) {
            continue;
        }
        let prompt = match known.get(&(*background, *memory)) {
            Some(prompt) => *prompt,
            None => {
                let about = backgrounds.text(*background);
                let text = templates.render("question", question(&news, about, memory))?;
                let prompt = questions.prompt(rules, &announced.above(text))?;
                if known.len() < KNOWN_MAX {
                    known.insert((*background, *memory), prompt);
                }
                prompt
            }
        };
        questions.put(*player, *model, prompt);
    }
    Ok(())
}

fn rules(rules: &Rules, players: u64) -> TemplateValue {
    let answer = shape(rules);
    let average = format!("{} of the average", rules.ratio);
    let target = match rules.offset.units() {
        0 => average,
        _ => format!("{} plus {average}", rules.offset),
    };
    let note = match rules.note {
        Note::None => "none",
        Note::Rational => "rational",
        Note::Strategic => "strategic",
    };
    template_values! { players, answer => answer.to_string(), target, note }
}

/// What was announced in the latest rounds, with the player's own report where it made one.
fn question(news: &News, background: &str, memory: &Memory) -> TemplateValue {
    let finished = news.targets.len();
    let rounds: Vec<TemplateValue> = (finished.saturating_sub(MEMORY_ROUNDS)..finished)
        .map(|round| {
            let reported = memory.report((finished - 1 - round) as u32);
            let reported = reported.map(|report| report.to_string());
            let winning: Vec<_> = news.winning[round].iter().map(Decimal::to_string).collect();
            template_values! {
                number => round + 1,
                target => shown(news.targets[round]),
                winning => winning.join(" and "),
                reported,
            }
        })
        .collect();
    let step_by_step = news.rules.thinking == Thinking::StepByStep;
    template_values! { background, rounds, round => finished + 1, step_by_step }
}

/// A number as it is shown, with at most four decimals: one digit more would change every prompt.
fn shown(number: f64) -> String {
    Decimal::nearest(number, Decimal::PLACES).map_or_else(|| "none".to_owned(), |n| n.to_string())
}
