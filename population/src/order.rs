//! The order in which things that depend on each other can be made.

use std::collections::BTreeSet;

/// Places in an order in which each comes after all it needs; among those that are free the first comes first.
///
/// # Errors
/// A cycle, as places that each need the next, the first named again at the end.
pub(crate) fn order(needs: &[BTreeSet<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut done = vec![false; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    while order.len() < needs.len() {
        let ready = |place: &usize| !done[*place] && needs[*place].iter().all(|need| done[*need]);
        match (0..needs.len()).find(ready) {
            Some(place) => {
                done[place] = true;
                order.push(place);
            }
            None => return Err(cycle(needs, &done)),
        }
    }
    Ok(order)
}

/// Follows what is not done from need to need until a place comes again.
fn cycle(needs: &[BTreeSet<usize>], done: &[bool]) -> Vec<usize> {
    let next = |place: usize| needs[place].iter().copied().find(|need| !done[*need]);
    let mut walked: Vec<usize> = (0..needs.len()).find(|place| !done[*place]).into_iter().collect();
    while let Some(place) = walked.last().copied().and_then(next) {
        if let Some(start) = walked.iter().position(|seen| *seen == place) {
            walked.push(place);
            return walked.split_off(start);
        }
        walked.push(place);
    }
    walked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(needs: &[&[usize]], expected: Result<Vec<usize>, Vec<usize>>) {
        let needs: Vec<BTreeSet<usize>> =
            needs.iter().map(|needs| needs.iter().copied().collect()).collect();
        assert_eq!(order(&needs), expected);
    }

    #[test]
    fn what_is_needed_comes_first_and_otherwise_the_declared_order_holds() {
        check(&[&[2], &[], &[1]], Ok(vec![1, 2, 0]));
        check(&[&[], &[], &[]], Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_cycle_is_named_from_its_first_place_on() {
        check(&[&[], &[2], &[3], &[1]], Err(vec![1, 2, 3, 1]));
        check(&[&[0]], Err(vec![0, 0]));
        check(&[&[1], &[2], &[1]], Err(vec![1, 2, 1]));
    }
}
