//! A model on servers as the writer of backgrounds: its completions are kept, and none is paid for twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use throng_llm_bridge::{
    Answer, AnswerSpec, Apart, Ask as AskOfBridge, Batch, Bridge, BridgeConfig, Cause, Exchanged,
    Field, Moment, PromptId, Prompts, Role, Totals,
};
use throng_population::generate::{Ask, Form, FormField, FormValue, Question, Reply, Stop, Writer};

use crate::play::{JournalStore, Live, PlayError, Sentry, StopFlag, knock};

/// Asks one model through a bridge.
pub(crate) struct Asking {
    bridge: Arc<Bridge>,
    /// The population's seed, from which each agent's follows.
    seed: u64,
    totals: Totals,
    _sentry: Sentry,
}

impl Asking {
    /// Opens the way to the model of a configuration, whose answers are kept in a folder.
    ///
    /// # Errors
    /// When no endpoint answers, a key is missing, or the folder cannot be used.
    pub(crate) fn open(
        mut config: BridgeConfig,
        answers: &Path,
        seed: u64,
        stop: &StopFlag,
        notice: &mut dyn FnMut(&str),
    ) -> Result<Self, PlayError> {
        knock(&config, notice)?;
        // Whoever checks answers against attributes asks again, with the reason, and counts how often.
        config.models.iter_mut().for_each(|model| model.patience.questions_max = 1);
        let (store, cuts) = JournalStore::of_folder(answers)?;
        cuts.iter().for_each(|cut| notice(&cut.to_string()));
        let bridge = Arc::new(Bridge::start(config, Arc::new(store))?);
        bridge.notices().iter().for_each(|text| notice(text));
        let stop = stop.clone();
        let sentry = Sentry::post(Arc::clone(&bridge), move || stop.is_set());
        Ok(Self { bridge, seed, totals: Totals::default(), _sentry: sentry })
    }

    /// What is under way, as it goes.
    pub(crate) fn live(&self, agents: u64) -> Live {
        Live::new(Arc::clone(&self.bridge), agents)
    }

    /// What it took so far.
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }
}

impl Ask for Asking {
    fn ask(&mut self, questions: &[Question<'_>], form: &Form) -> Result<Vec<Reply>, Stop> {
        let broken = |problem: &dyn std::fmt::Display| Stop::Broken(problem.to_string());
        let answers: Arc<[AnswerSpec]> = Arc::from([spec(form)]);
        let mut under_way = Vec::new();
        for (temperature, places) in by_temperature(questions) {
            let mut batch = batch(questions, &places).map_err(|error| broken(&error))?;
            batch.run_seed = self.seed;
            batch.answers = Arc::clone(&answers);
            batch.apart = Some(Apart { temperature });
            let exchange = self.bridge.begin(batch).map_err(|error| broken(&error))?;
            under_way.push((places, exchange));
        }
        let mut replies = vec![Reply::Failed(String::new()); questions.len()];
        let mut stop = None;
        for (places, exchange) in under_way {
            let exchanged = exchange.wait().map_err(|error| broken(&error))?;
            self.totals.add(&exchanged.totals);
            stop = stop.or(exchanged.stop);
            settle(exchanged, &places, form, &mut replies);
        }
        match stop {
            None => Ok(replies),
            Some(throng_llm_bridge::Stop::Budget) => Err(Stop::Budget),
            Some(_) => Err(Stop::Interrupted),
        }
    }

    fn model(&self) -> Writer {
        let model = &self.bridge.config().models[0];
        let fingerprint = format!("{}{}", model.fingerprint(), model.parameters());
        Writer { name: model.name.clone(), fingerprint }
    }
}

/// The places of the questions of each temperature.
fn by_temperature(questions: &[Question<'_>]) -> Vec<(f64, Vec<usize>)> {
    let mut found: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, question) in questions.iter().enumerate() {
        found.entry(question.temperature.to_bits()).or_default().push(place);
    }
    found.into_iter().map(|(bits, places)| (f64::from_bits(bits), places)).collect()
}

/// The questions at these places, of one attempt, without seed, answer type and temperature.
fn batch(
    questions: &[Question<'_>],
    places: &[usize],
) -> Result<Batch, throng_llm_bridge::prompt::TooMany> {
    let mut prompts = Prompts::new();
    let mut asks = Vec::with_capacity(places.len());
    for place in places {
        let question = &questions[*place];
        let messages = [(Role::System, question.system), (Role::User, question.user.as_str())];
        let prompt: PromptId = prompts.ask(&messages)?;
        asks.push(AskOfBridge { agent: question.agent.into(), prompt, model: 0, answer: 0 });
    }
    let attempt = places.first().map_or(0, |place| questions[*place].attempt);
    Ok(Batch {
        moment: Moment { round: 0, exchange: attempt },
        run_seed: 0,
        asks,
        prompts: prompts.shared(),
        answers: Arc::from([]),
        deadline: None,
        failed_max: None,
        ranks_before: BTreeMap::new(),
        apart: None,
    })
}

/// Puts the replies of an exchange at their places.
fn settle(exchanged: Exchanged, places: &[usize], form: &Form, replies: &mut [Reply]) {
    for (place, reply) in places.iter().zip(exchanged.replies) {
        replies[*place] = match (reply.answer(), reply.failure()) {
            (Some(answer), _) => Reply::Answered(texts(answer, form)),
            // Only what a model has said is kept, so that it is known when this is done again.
            (None, Some(failure)) if failure.cause == Cause::Invalid && failure.raw.is_some() => {
                Reply::Invalid(failure.message.clone())
            }
            (None, Some(failure)) => Reply::Failed(failure.cause.to_string()),
            (None, None) => Reply::Failed("no reply".to_owned()),
        };
    }
}

/// The form as a type of answers.
fn spec(form: &Form) -> AnswerSpec {
    let field = |field: &FormField| Field {
        name: field.name.clone(),
        description: field.about.clone(),
        answer: match &field.value {
            FormValue::Text { chars_max } => AnswerSpec::Text { length_max: *chars_max },
            FormValue::Whole { min, max } => AnswerSpec::Integer { min: *min, max: *max },
            FormValue::OneOf(options) => AnswerSpec::Choice { options: options.clone() },
        },
    };
    AnswerSpec::Object { fields: form.fields.iter().map(field).collect() }
}

/// An answer as a text for each field of the form.
fn texts(answer: &Answer, form: &Form) -> Vec<String> {
    let text = |(place, field): (usize, &FormField)| match (answer.field(place), &field.value) {
        (Some(Answer::Text(text)), _) => text.to_string(),
        (Some(Answer::Integer(number)), _) => number.to_string(),
        (Some(Answer::Choice(option)), FormValue::OneOf(options)) => {
            options[*option as usize].clone()
        }
        // The bridge has checked the answer against the type that this form made.
        _ => String::new(),
    };
    form.fields.iter().enumerate().map(text).collect()
}
