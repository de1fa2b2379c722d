//! Distribution mode: the chances of all answers to a closed question, read once for a whole cohort.
//!
//! A walk over the prefixes of the allowed texts asks for one token at a time and multiplies chances. It is
//! exact for sampling at temperature 1 under the constraint, up to the mass of tokens that the server did
//! not list, which is reported and bounded.

use crate::answer::{Answer, AnswerSpec};
use crate::limits::{DISTRIBUTION_CALLS_MAX, OPTIONS_MAX};
use crate::parse::parse;
use crate::prompt::{PromptId, Prompts};
use crate::quirk::{ConstraintField, Continuation, Logprobs, Quirks};
use crate::service::{Service, ServiceError, read};
use crate::wire::request::{self, Again};
use crate::wire::transport::Address;
use serde::Deserialize;
use serde_json::Value;

/// The chances of the answers to one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Answers with their chances, which add up to 1, in the order of the answer type.
    pub chances: Vec<(Answer, f64)>,
    /// Mass of tokens that the server did not list; the chances are at most this far off in total variation.
    pub missing: f64,
    /// Calls that it took.
    pub calls: u32,
}

impl Distribution {
    /// The answer at `unit`, a number in [0, 1) from the agent's own stream.
    pub fn draw(&self, unit: f64) -> &Answer {
        let mut left = unit;
        let found = self.chances.iter().find(|(_, chance)| {
            left -= chance;
            left < 0.0
        });
        // Rounding may leave a sliver beyond the last.
        let last = self.chances.iter().rev().find(|(_, chance)| *chance > 0.0);
        &found.or(last).expect("a distribution has an answer with a chance").0
    }
}

impl Service {
    /// Reads the chances of the answers of type `spec` to `prompt`; refuses when more than `missing_max` of
    /// their mass was not listed.
    pub fn distribution(
        &self,
        at: Address,
        prompts: &Prompts,
        prompt: PromptId,
        spec: &AnswerSpec,
        missing_max: f64,
    ) -> Result<Distribution, ServiceError> {
        let model = &self.config.models[usize::from(at.model)];
        let endpoint = &model.endpoints[usize::from(at.endpoint)];
        let quirks = endpoint.quirks.apply(endpoint.server.quirks());
        let unchanged = (model.temperature - 1.0).abs() + (model.top_p - 1.0).abs() < f64::EPSILON;
        if !unchanged {
            return Err(unsupported("reading a distribution needs temperature = 1 and top_p = 1"));
        }
        let texts = option_texts(spec, &quirks)?;
        let head = {
            let mut model = model.clone();
            model.max_tokens = 1;
            next_token_head(&request::head(&model, &quirks, spec), &quirks)
        };
        let next = |begun: &str| {
            let again = Again { said: begun.to_owned(), question: String::new() };
            let body = continued_body(&head, prompts, prompt, &again, &quirks)?;
            let landed = self.wait(self.post(at, crate::wire::http::CHAT, false, &body))?;
            next_tokens(&read(&landed)?)
        };
        let (masses, missing, calls) =
            walk(&texts, quirks.continuation != Continuation::None, next)?;
        finish(spec, &texts, &masses, missing, calls, missing_max)
    }
}

fn finish(
    spec: &AnswerSpec,
    texts: &[String],
    masses: &[f64],
    missing: f64,
    calls: u32,
    missing_max: f64,
) -> Result<Distribution, ServiceError> {
    let covered: f64 = masses.iter().sum();
    // Written so that NaN is refused too.
    let enough = missing <= missing_max && covered > 0.0;
    if !enough {
        return Err(unsupported(&format!(
            "{missing:.4} of the mass was not listed, at most {missing_max} is allowed"
        )));
    }
    let chances = texts.iter().zip(masses).map(|(text, mass)| {
        let answer =
            parse(spec, text).map_err(|error| ServiceError::Reply(format!("`{text}`: {error}")))?;
        Ok((answer, mass / covered))
    });
    Ok(Distribution { chances: chances.collect::<Result<_, ServiceError>>()?, missing, calls })
}

/// Reads the mass of each of `texts` by asking for the tokens `next` to prefixes.
fn walk(
    texts: &[String],
    continues: bool,
    mut next: impl FnMut(&str) -> Result<Vec<(String, f64)>, ServiceError>,
) -> Result<(Vec<f64>, f64, u32), ServiceError> {
    let mut masses = vec![0.0; texts.len()];
    let mut missing = 0.0;
    let mut calls = 0;
    let mut open = vec![(String::new(), 1.0)];
    while let Some((begun, mass)) = open.pop() {
        let begins: Vec<usize> =
            (0..texts.len()).filter(|&place| texts[place].starts_with(&begun)).collect();
        if let [only] = begins.as_slice() {
            // Whatever tokens follow, the constraint leaves one text.
            masses[*only] += mass;
            continue;
        }
        calls += 1;
        if calls as usize > DISTRIBUTION_CALLS_MAX || !begun.is_empty() && !continues {
            return Err(unsupported(
                "the answers take more than one token, and this server cannot continue a reply",
            ));
        }
        let ended = texts.iter().position(|text| *text == begun);
        let mut listed = 0.0;
        for (token, chance) in next(&begun)? {
            let longer = format!("{begun}{token}");
            if !token.is_empty() && texts.iter().any(|text| text.starts_with(&longer)) {
                open.push((longer, mass * chance));
            } else if let Some(ended) = ended {
                // Under the constraint only the end can stand here.
                masses[ended] += mass * chance;
            } else {
                continue;
            }
            listed += chance;
        }
        missing += mass * (1.0 - listed).max(0.0);
    }
    Ok((masses, missing, calls))
}

/// The allowed texts as the constraint writes them.
fn option_texts(spec: &AnswerSpec, quirks: &Quirks) -> Result<Vec<String>, ServiceError> {
    if quirks.logprobs == Logprobs::None
        || quirks.constraint == ConstraintField::None
        || quirks.root_object
    {
        return Err(unsupported(
            "this kind of server does not tell the chances of constrained tokens",
        ));
    }
    let quoted = quirks.constraint == ConstraintField::JsonSchema;
    match spec {
        AnswerSpec::Choice { options } if options.len() <= OPTIONS_MAX => {
            let text = |option: &String| {
                if quoted { crate::constraint::quoted(option) } else { option.clone() }
            };
            Ok(options.iter().map(text).collect())
        }
        AnswerSpec::Integer { min, max } if max.abs_diff(*min) < OPTIONS_MAX as u64 => {
            Ok((*min..=*max).map(|number| number.to_string()).collect())
        }
        _ => Err(unsupported(
            "only choices and short ranges of whole numbers have distributions to read",
        )),
    }
}

fn next_token_head(head: &str, quirks: &Quirks) -> String {
    let masked = if quirks.logprobs == Logprobs::PostSampling {
        r#","post_sampling_probs":true"#
    } else {
        ""
    };
    format!(r#"{head},"logprobs":true,"top_logprobs":{}{masked}"#, quirks.top_logprobs_max)
}

/// The body that asks for the token after what `again` says was said.
fn continued_body(
    head: &str,
    prompts: &Prompts,
    prompt: PromptId,
    again: &Again,
    quirks: &Quirks,
) -> Result<Value, ServiceError> {
    let body = request::body(head, 1, Some(0), prompts, prompt, None);
    let mut body: Value =
        serde_json::from_slice(&body).map_err(|error| ServiceError::Reply(error.to_string()))?;
    if !again.said.is_empty() {
        let said = serde_json::json!({"role": "assistant", "content": again.said});
        body["messages"]
            .as_array_mut()
            .into_iter()
            .for_each(|messages| messages.push(said.clone()));
        if quirks.continuation == Continuation::Flag {
            body["continue_final_message"] = true.into();
            body["add_generation_prompt"] = false.into();
        }
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    token: String,
    #[serde(default)]
    logprob: Option<f64>,
    #[serde(default)]
    prob: Option<f64>,
}

/// The listed alternatives of the first token with their chances.
fn next_tokens(reply: &Value) -> Result<Vec<(String, f64)>, ServiceError> {
    let first = &reply["choices"][0]["logprobs"]["content"][0];
    let lists = [&first["top_logprobs"], &first["top_probs"]];
    let list = lists.into_iter().find(|list| list.is_array());
    let list = list.ok_or_else(|| ServiceError::Reply("no log-probabilities came".to_owned()))?;
    let listed: Vec<Listed> = serde_json::from_value(list.clone())
        .map_err(|error| ServiceError::Reply(error.to_string()))?;
    let chance = |listed: &Listed| listed.prob.or_else(|| listed.logprob.map(libm::exp));
    let chances = listed.iter().filter_map(|listed| Some((listed.token.clone(), chance(listed)?)));
    let chances: Vec<(String, f64)> =
        chances.filter(|(_, chance)| (0.0..=1.0).contains(chance)).collect();
    if chances.is_empty() {
        Err(ServiceError::Reply("no log-probabilities came".to_owned()))
    } else {
        Ok(chances)
    }
}

fn unsupported(words: &str) -> ServiceError {
    ServiceError::Unsupported(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_walk_multiplies_chances_and_knows_where_answers_end() {
        let texts = texts(&["1", "10", "2"]);
        let (masses, missing, calls) = walk(&texts, true, |begun| {
            Ok(match begun {
                "" => vec![("1".to_owned(), 0.6), ("2".to_owned(), 0.4)],
                _ => vec![("<end>".to_owned(), 0.25), ("0".to_owned(), 0.75)],
            })
        })
        .unwrap();
        let expected = [0.15, 0.45, 0.4];
        assert!(
            masses.iter().zip(expected).all(|(mass, expected)| (mass - expected).abs() < 1e-12),
            "{masses:?}"
        );
        assert!(missing.abs() < 1e-12);
        assert_eq!(calls, 2);
    }

    #[test]
    fn mass_that_is_not_listed_is_reported_and_bounded() {
        let texts = texts(&["0", "1", "2"]);
        let spec = AnswerSpec::Integer { min: 0, max: 2 };
        let (masses, missing, calls) = walk(&texts, false, |_| {
            Ok(vec![("0".to_owned(), 0.5), ("1".to_owned(), 0.3), ("x".to_owned(), 0.1)])
        })
        .unwrap();
        assert!((missing - 0.2).abs() < 1e-12);
        assert!(finish(&spec, &texts, &masses, missing, calls, 0.1).is_err());
        let read = finish(&spec, &texts, &masses, missing, calls, 0.25).unwrap();
        assert_eq!(read.draw(0.0), &Answer::Integer(0));
        assert_eq!(read.draw(0.999_999), &Answer::Integer(1), "the last answer with a chance");
    }

    #[test]
    fn servers_that_cannot_continue_are_told_so() {
        let error =
            walk(&texts(&["10", "11"]), false, |_| Ok(vec![("1".to_owned(), 1.0)])).unwrap_err();
        assert!(error.to_string().contains("cannot continue"), "{error}");
    }
}
