//! Who a host is: a name of its own, and which life of that name this is.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ShardError;

/// Longest name of a host, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The name of a host, unique in its run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// Accepts letters, digits, dots, hyphens and underscores.
    ///
    /// # Errors
    /// [`ShardError::Name`] for anything else.
    pub fn new(name: impl Into<String>) -> Result<Self, ShardError> {
        let name = name.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
            return Err(ShardError::Name { name });
        }
        Ok(Self(name.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = ShardError;

    fn try_from(name: String) -> Result<Self, ShardError> {
        Self::new(name)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

/// One life of a host: a process that was started, until it ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The host.
    pub name: Name,
    /// Later lives of the same name have higher numbers.
    pub incarnation: u64,
    /// Where its door takes connections of the mesh.
    pub door: SocketAddr,
}

impl Member {
    /// Whether this is the same process.
    pub fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.incarnation == other.incarnation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_mislead_are_refused() {
        for bad in ["", "a b", "a/b", "ü", "a\n", &"x".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad}");
            assert!(serde_json::from_str::<Name>(&format!("{bad:?}")).is_err(), "{bad}");
        }
        assert_eq!(Name::new("rack-1.node_2").unwrap().as_str(), "rack-1.node_2");
    }
}
