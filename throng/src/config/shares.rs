//! Names and shares of models and backgrounds.

use super::tables::NAME_CHARS_MAX;
use super::typed::Findings;

/// How far shares may miss 1: a third written with seven digits passes.
const SHARES_TOLERANCE: f64 = 1e-6;

impl Findings<'_> {
    /// The shares of a list, equal ones where none is given; notes what does not make 1.
    pub(super) fn shares(&mut self, list: &str, given: &[Option<f64>]) -> Vec<f64> {
        if given.iter().all(Option::is_none) {
            return vec![1.0 / given.len() as f64; given.len()];
        }
        let before = self.list.len();
        for (index, share) in given.iter().enumerate() {
            match share {
                None => self.key(
                    &format!("{list}.{index}"),
                    format!("`{list}.{index}` has no share, while others have one"),
                    "write a share for each, or for none of them",
                ),
                Some(share) if !(0.0..=1.0).contains(share) => self.value(
                    &format!("{list}.{index}.share"),
                    format!("{share} is not a share"),
                    "write a number from 0 to 1",
                ),
                Some(_) => (),
            }
        }
        let shares: Vec<f64> = given.iter().map(|share| share.unwrap_or(0.0)).collect();
        let sum: f64 = shares.iter().sum();
        if self.list.len() == before && (sum - 1.0).abs() > SHARES_TOLERANCE {
            let parts: Vec<String> = shares.iter().map(f64::to_string).collect();
            // Ten digits hide how computers add decimals.
            let sum = (sum * 1e10).round() / 1e10;
            self.value(
                &format!("{list}.0.share"),
                format!("the shares of `{list}` add up to {sum}, not to 1"),
                format!("change one of {}", parts.join(" + ")),
            );
        }
        shares
    }

    /// Notes names that are empty, too long, hold control characters or stand twice; none is nobody's fault.
    pub(super) fn names(&mut self, list: &str, names: &[Option<&str>]) {
        for (index, name) in names.iter().enumerate() {
            let Some(name) = name else { continue };
            let path = format!("{list}.{index}.name");
            if name.is_empty() {
                let message = format!("`{list}.{index}` has no name");
                self.value(&path, message, "write a name of your own: it stands in every table");
            } else if name.chars().count() > NAME_CHARS_MAX
                || name.chars().any(char::is_control)
                || name.trim() != *name
            {
                self.value(
                    &path,
                    format!("`{}` is not a name", name.escape_debug()),
                    format!("write 1 to {NAME_CHARS_MAX} printable characters without spaces around them"),
                );
            } else if names[..index].contains(&Some(*name)) {
                let message = format!("two of `{list}` are called `{name}`");
                self.value(&path, message, "give each a name of its own");
            }
        }
    }

    /// Notes a list that is too long.
    pub(super) fn at_most(&mut self, list: &str, entries: usize, limit: usize) {
        if entries > limit {
            let message = format!("{entries} entries in `{list}`, and the limit is {limit}");
            self.value(list, message, "join some of them");
        }
    }
}
