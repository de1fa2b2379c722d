//! Whether the endpoints of a configuration answer at all, asked before anything is paid for.

use crate::limits::{REACH_TIMEOUT, REPLY_BYTES_MAX};
use crate::model::{BridgeConfig, Kind};
use crate::service::{Service, ServiceError};
use crate::wire::transport::{Address, Landed, LinkError};
use futures_util::future::join_all;

/// An endpoint that was knocked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The model's name in the configuration.
    pub model: String,
    /// The endpoint's address.
    pub url: String,
    /// What keeps it from answering.
    pub problem: Option<String>,
}

/// Asks every endpoint for its list of models, all at once; that costs nothing. Whatever it says is an
/// answer, except that it does not accept the key.
///
/// # Errors
/// When a key cannot be read or the client cannot be made.
pub fn reach(config: &BridgeConfig) -> Result<Vec<Reached>, ServiceError> {
    let service = Service::new(config)?;
    let models = config.models.iter().enumerate().filter(|(_, model)| model.kind == Kind::Openai);
    let endpoints = models.flat_map(|(place, model)| {
        let endpoints = model.endpoints.iter().enumerate();
        endpoints.map(move |(endpoint, state)| {
            let at = Address { model: place as u16, endpoint: endpoint as u16 };
            (at, model.name.clone(), state.url.clone())
        })
    });
    let knocks = endpoints.map(async |(at, model, url)| {
        let answer = service.http.get(at, "/models", false, REPLY_BYTES_MAX);
        let answer = tokio::time::timeout(REACH_TIMEOUT, answer).await;
        let problem = problem(answer.unwrap_or(Err(LinkError::Timeout(REACH_TIMEOUT))));
        Reached { model, url, problem }
    });
    service.wait(async { Ok(join_all(knocks).await) })
}

fn problem(answer: Result<Landed, LinkError>) -> Option<String> {
    match answer {
        Ok(landed) if matches!(landed.status, 401 | 403) => {
            Some(format!("it does not accept the key (status {})", landed.status))
        }
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock::{MockOptions, serve};
    use crate::model::ModelConfig;

    #[test]
    fn endpoints_that_answer_are_told_from_those_that_do_not() {
        let open = serve(MockOptions::default(), "127.0.0.1:0".parse().unwrap()).unwrap();
        let options = MockOptions { key: Some("secret".to_owned()), ..MockOptions::default() };
        let locked = serve(options, "127.0.0.1:0".parse().unwrap()).unwrap();
        let models = vec![
            ModelConfig::at("open", &open.url()),
            ModelConfig::at("locked", &locked.url()),
            // The port of discard, where nobody listens.
            ModelConfig::at("gone", "http://127.0.0.1:9/v1"),
            ModelConfig::scripted("words", &["1"]),
        ];
        let reached = reach(&BridgeConfig { models, ..BridgeConfig::default() }).unwrap();
        let problems: Vec<_> = reached.iter().map(|end| end.problem.as_deref()).collect();
        assert_eq!(problems[0], None);
        assert_eq!(problems[1], Some("it does not accept the key (status 401)"));
        assert!(
            problems[2].is_some_and(|problem| problem.contains("no connection")),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 3);
    }
}
