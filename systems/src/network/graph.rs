//! The networks that a configuration can ask for, and what is wrong with what it asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NetworkError;
use crate::Problem;

/// Contacts per agent that a network may have on average.
const DEGREE_MAX: f64 = 10_000.0;

/// A kind of network with its settings.
///
/// Every world builds the whole network and keeps the rows of its own agents: time and transient memory grow
/// with all ties (8 bytes each), lasting memory with its own (4 bytes per contact).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Graph {
    /// Everyone in a circle knows the nearest ones on either side.
    Ring {
        /// Contacts on each side.
        each_side: u32,
    },
    /// Rows of `width` agents; contacts are up, down, left and right.
    Grid {
        /// Agents in a row.
        width: u32,
        /// Whether the edges are joined.
        torus: bool,
        /// Whether diagonal neighbours are contacts too.
        diagonal: bool,
    },
    /// Every pair is joined with the same probability (P. Erdős and A. Rényi, "On random graphs I", 1959).
    ErdosRenyi {
        /// Contacts on average.
        degree: f64,
        /// Whether ties lead one way only.
        directed: bool,
    },
    /// A ring some of whose ties lead anywhere (D. Watts and S. Strogatz, "Collective dynamics of
    /// 'small-world' networks", Nature 393, 1998).
    WattsStrogatz {
        /// Contacts on each side before ties are moved.
        each_side: u32,
        /// The probability that a tie is moved.
        rewired: f64,
    },
    /// Newcomers join those who have many contacts (A.-L. Barabási and R. Albert, "Emergence of scaling in
    /// random networks", Science 286, 1999).
    BarabasiAlbert {
        /// Ties of each newcomer.
        links: u32,
    },
    /// Ties are likelier within blocks (P. Holland, K. Laskey and S. Leinhardt, "Stochastic blockmodels:
    /// First steps", Social Networks 5, 1983). With `by` the values of an attribute are the blocks, and this is
    /// homophily by attribute; otherwise blocks are drawn by their shares.
    Blocks {
        /// The attribute: `model`, `background` or one of the population's groups.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Shares of the blocks, where there is no attribute.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shares: Vec<f64>,
        /// Contacts on average.
        degree: f64,
        /// How many times likelier a tie is between two of the same block.
        affinity: f64,
    },
    /// Everyone has a given number of contacts, otherwise at random (M. Molloy and B. Reed, "A critical point
    /// for random graphs with a given degree sequence", 1995); loops and repetitions are erased.
    Configuration {
        /// Numbers of contacts, each with its share of the population.
        degrees: Vec<(u32, f64)>,
    },
    /// The ties of a file, CSV or Parquet, with a column for each end.
    Edges {
        /// The file; counted from the configuration's folder.
        file: String,
        /// Whether ties lead one way only: whoever is in the first column follows the second.
        #[serde(default)]
        directed: bool,
        /// The column of the first agents.
        #[serde(default = "from_column")]
        from: String,
        /// The column of the second agents.
        #[serde(default = "to_column")]
        to: String,
        /// Digest of the file, which a run writes down; a file that has another one since is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
}

fn from_column() -> String {
    "from".to_owned()
}

fn to_column() -> String {
    "to".to_owned()
}

impl Graph {
    /// What is wrong with the settings, whatever the population; the key is relative to them.
    pub fn problem(&self) -> Option<Problem> {
        self.check().err().map(problem)
    }

    /// What is wrong with the settings for a population of this size.
    pub fn problem_among(&self, agents: u64) -> Option<Problem> {
        self.check_among(agents).err().map(problem)
    }

    pub(super) fn check(&self) -> Result<(), NetworkError> {
        let positive = |key, value: u32| {
            setting(value > 0, key, || format!("{value} leaves everyone alone"), || at_least(1))
        };
        match self {
            Self::Ring { each_side } => positive("each_side", *each_side),
            Self::Grid { width, .. } => positive("width", *width),
            Self::ErdosRenyi { degree, .. } => check_degree("degree", *degree),
            Self::WattsStrogatz { each_side, rewired } => {
                positive("each_side", *each_side)?;
                let possible = (0.0..=1.0).contains(rewired);
                setting(
                    possible,
                    "rewired",
                    || format!("{rewired} is no probability"),
                    || "write 0 to 1".to_owned(),
                )
            }
            Self::BarabasiAlbert { links } => positive("links", *links),
            Self::Blocks { by, shares, degree, affinity } => {
                check_degree("degree", *degree)?;
                if by.is_none() {
                    check_shares("shares", shares)?;
                }
                let possible = affinity.is_finite() && *affinity >= 0.0;
                setting(
                    possible,
                    "affinity",
                    || format!("ties cannot be {affinity} times likelier"),
                    || at_least(0),
                )
            }
            Self::Configuration { degrees } => {
                let shares: Vec<_> = degrees.iter().map(|(_, share)| *share).collect();
                check_shares("degrees", &shares)?;
                check_degree("degrees", largest(degrees).into())
            }
            Self::Edges { file, .. } => setting(
                !file.is_empty(),
                "file",
                || "the file has no name".to_owned(),
                || "write the path of a .csv or .parquet file".to_owned(),
            ),
        }
    }

    pub(super) fn check_among(&self, agents: u64) -> Result<(), NetworkError> {
        let fits = |key, contacts: f64, most: u64| {
            setting(
                contacts <= most as f64,
                key,
                || format!("`{key}` of {contacts} does not fit {agents} agents"),
                || format!("write at most {most}"),
            )
        };
        // Both ends of all ties are counted in 32 bits.
        let ends_max = (u64::from(u32::MAX) - 1) / agents.max(1);
        match self {
            Self::Ring { each_side } | Self::WattsStrogatz { each_side, .. } => {
                fits("each_side", f64::from(*each_side), agents.saturating_sub(1) / 2)
            }
            Self::Grid { width, torus, .. } => {
                fits("width", f64::from(*width), agents)?;
                setting(
                    !torus || agents.is_multiple_of((*width).into()),
                    "width",
                    || format!("rows of {width} leave a rest of {agents} agents"),
                    || "write a divisor of the number of agents, or torus = false".to_owned(),
                )
            }
            Self::ErdosRenyi { degree, .. } | Self::Blocks { degree, .. } => {
                fits("degree", *degree, agents.saturating_sub(1))
            }
            Self::BarabasiAlbert { links } => {
                fits("links", f64::from(*links), (ends_max / 2).min(agents.saturating_sub(1)))
            }
            Self::Configuration { degrees } => {
                let most = ends_max.min(agents.saturating_sub(1));
                fits("degrees", f64::from(largest(degrees)), most)
            }
            Self::Edges { .. } => Ok(()),
        }
    }
}

impl Graph {
    /// Bytes of memory per agent while the network is built, most of which it keeps; ties of a file not included.
    pub fn bytes_per_agent(&self) -> u64 {
        let degree = match self {
            Self::Ring { each_side } | Self::WattsStrogatz { each_side, .. } => {
                2.0 * f64::from(*each_side)
            }
            Self::Grid { diagonal, .. } => {
                if *diagonal {
                    8.0
                } else {
                    4.0
                }
            }
            Self::ErdosRenyi { degree, .. } | Self::Blocks { degree, .. } => *degree,
            Self::BarabasiAlbert { links } => 2.0 * f64::from(*links),
            Self::Configuration { degrees } => largest(degrees).into(),
            Self::Edges { .. } => 0.0,
        };
        // Each contact once in pairs (half of 8 bytes) and twice in rows, and where each row begins.
        16 + (12.0 * degree).ceil() as u64
    }
}

fn problem(error: NetworkError) -> Problem {
    match error {
        NetworkError::Setting { key, message, hint } => Problem::new(key, message, hint),
        other => Problem::new("kind", other.to_string(), "write another network"),
    }
}

fn largest(degrees: &[(u32, f64)]) -> u32 {
    degrees.iter().map(|(degree, _)| *degree).max().unwrap_or_default()
}

fn at_least(least: u32) -> String {
    format!("write {least} or more")
}

pub(super) fn setting(
    holds: bool,
    key: &'static str,
    message: impl FnOnce() -> String,
    hint: impl FnOnce() -> String,
) -> Result<(), NetworkError> {
    if holds {
        Ok(())
    } else {
        Err(NetworkError::Setting { key, message: message(), hint: hint() })
    }
}

fn check_degree(key: &'static str, degree: f64) -> Result<(), NetworkError> {
    setting(
        (0.0..=DEGREE_MAX).contains(&degree),
        key,
        || format!("{degree} is no number of contacts"),
        || format!("write 0 to {DEGREE_MAX}"),
    )
}

fn check_shares(key: &'static str, shares: &[f64]) -> Result<(), NetworkError> {
    let possible = shares.iter().all(|share| share.is_finite() && *share >= 0.0);
    setting(
        possible && shares.iter().sum::<f64>() > 0.0,
        key,
        || "these are no shares of a population".to_owned(),
        || "write shares of 0 or more, not all of them 0".to_owned(),
    )
}
