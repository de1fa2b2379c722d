//! Names of people, from short lists that ship with this crate.

use std::sync::OnceLock;

use throng_engine::stream::Stream;

use crate::stage::FirstNames;

const FEMALE: &str = include_str!("../names/female.txt");
const MALE: &str = include_str!("../names/male.txt");
const SURNAMES: &str = include_str!("../names/surnames.txt");

struct Lists {
    female: Vec<&'static str>,
    male: Vec<&'static str>,
    surnames: Vec<&'static str>,
}

fn lists() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    LISTS.get_or_init(|| Lists {
        female: FEMALE.split_whitespace().collect(),
        male: MALE.split_whitespace().collect(),
        surnames: SURNAMES.split_whitespace().collect(),
    })
}

/// A first name and a surname, each as frequent as the others of its list.
pub(crate) fn name(kind: FirstNames, stream: &mut Stream) -> String {
    let lists = lists();
    let female = match kind {
        FirstNames::Female => true,
        FirstNames::Male => false,
        FirstNames::Either => stream.below(2) == 0,
    };
    let first = if female { &lists.female } else { &lists.male };
    let mut draw = |list: &[&'static str]| list[stream.below(list.len() as u32) as usize];
    let (first, surname) = (draw(first), draw(&lists.surnames));
    format!("{first} {surname}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_lists_hold_different_names() {
        let lists = lists();
        for list in [&lists.female, &lists.male, &lists.surnames] {
            assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len());
            assert!(list.len() >= 60, "{}", list.len());
        }
    }
}
