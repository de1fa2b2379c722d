//! Auctions sell to who values most, at the price that theory says, without making or losing money.

use super::*;
use crate::trial::{Trial, numbers, problems};

fn trial(settings: &'static str) -> Trial {
    Trial { scenario: scenario(), settings, policies: &[("rational", "", 1.0)] }
}

/// Prices, and the shares of efficient sales, of many auctions among nine bidders.
fn sold(settings: &'static str, rounds: usize) -> (f64, f64) {
    let records = trial(settings).played(9, rounds);
    let mean = |name: &str| {
        let sum: f64 = records.iter().map(|record| numbers(&record.summary, name)[0]).sum();
        sum / rounds as f64
    };
    (mean("price"), mean("efficient"))
}

#[test]
fn bidders_bid_alike_in_any_world() {
    let mixed = |settings| Trial {
        scenario: scenario(),
        settings,
        policies: &[("rational", "", 0.6), ("truthful", "", 0.3), ("idle", "", 0.1)],
    };
    let open = mixed("increment = 20.0").everywhere(13_000, 2);
    let sealed = mixed("form = 'second-price'").everywhere(13_000, 2);
    let digests = [open, sealed].map(|outcomes| throng_systems::testing::digests(&outcomes));
    insta::assert_debug_snapshot!("golden", digests);
}

#[test]
fn revenue_is_the_expected_second_highest_value_in_every_form() {
    // With n values uniform on 0 to 100 the second highest is 100 (n - 1) / (n + 1) on average: 80 for nine.
    let (second, efficient) = sold("form = 'second-price'", 400);
    assert!((second - 80.0).abs() < 2.0 && efficient > 0.999, "{second} {efficient}");
    let (first, efficient) = sold("form = 'first-price'", 400);
    assert!((first - 80.0).abs() < 2.0 && efficient > 0.999, "{first} {efficient}");
    let (open, efficient) = sold("increment = 0.5", 100);
    assert!((open - 80.0).abs() < 4.0 && efficient > 0.9, "{open} {efficient}");
}

#[test]
fn the_second_price_is_the_second_highest_value() {
    for record in trial("form = 'second-price'").played(9, 20) {
        let mut values = numbers(&record.agents, "value");
        values.sort_by(f64::total_cmp);
        assert!((numbers(&record.summary, "price")[0] - values[7]).abs() < 1e-9);
        assert!((numbers(&record.summary, "best_value")[0] - values[8]).abs() < 1e-9);
    }
}

#[test]
fn an_item_that_nobody_wants_is_not_sold() {
    let idle = Trial { policies: &[("idle", "", 1.0)], ..trial("") };
    let record = &idle.played(5, 1)[0];
    assert!(numbers(&record.summary, "winner")[0].is_nan());
    assert!(numbers(&record.agents, "money").iter().all(|money| (money - 100_000.0).abs() < 1e-9));
}

#[test]
fn items_have_opening_prices_of_their_own() {
    let settings = "form = 'second-price'\nopening = 2.0\nitems = [{ name = 'a clock' }, { name = 'a piano', opening = 150.0 }]";
    let rounds = trial(settings).played(9, 3);
    let openings: Vec<f64> = rounds.iter().map(|r| numbers(&r.summary, "opening")[0]).collect();
    assert_eq!(format!("{openings:?}"), "[2.0, 150.0, 2.0]");
    // Nobody values anything above 100.
    let winners: Vec<bool> =
        rounds.iter().map(|r| numbers(&r.summary, "winner")[0].is_nan()).collect();
    assert_eq!(winners, [false, true, false]);
    let prompt = trial(settings).prompt(5, 2, 1);
    assert!(prompt.system.contains("in this one a piano;"), "{}", prompt.system);
    assert!(prompt.system.contains("at least 150"), "{}", prompt.system);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn money_is_conserved_in_every_form(
        form in 0_usize..3,
        budget in 0.0..200.0_f64,
        opening in 0.01..120.0_f64,
        bidders in 1_u64..12,
        seed in 0_u64..1_000,
    ) {
        let form = ["open", "first-price", "second-price"][form];
        let settings =
            format!("form = '{form}'\nbudget = {budget:?}\nopening = {opening:?}\nincrement = 7.0");
        let prepared = scenario().prepare(settings.parse().unwrap(), &[]).unwrap();
        let base = SimulationSettings::new(seed, bidders);
        let mut sim = Simulation::new(base).unwrap();
        (prepared.insert)(&mut sim);
        sim.insert_resource(Policies { entries: vec![(ModelRef(0), Bidder::Rational)] });
        sim.add(auction);
        let (mut paid, mut left) = (0.0, 0.0);
        for _ in 0..6 {
            let record = sim.round().unwrap();
            let price = numbers(&record.summary, "price")[0];
            paid += if price.is_nan() { 0.0 } else { price };
            left = numbers(&record.agents, "money").iter().sum();
        }
        let given = bidders as f64 * Decimal::nearest(budget, 4).unwrap().to_f64();
        proptest::prop_assert!((left + paid - given).abs() < 1e-6, "{left} + {paid} = {given}");
    }
}

#[test]
fn nobody_pays_more_than_it_owns() {
    let records = trial("budget = 30.0\nform = 'first-price'").played(9, 12);
    let money = numbers(&records[11].agents, "money");
    assert!(money.iter().all(|money| (0.0..=30.0).contains(money)), "{money:?}");
}

#[test]
fn prompts_tell_the_form() {
    let prompt = trial("form = 'second-price'").prompt(5, 1, 2);
    assert!(prompt.system.contains("pays the second\nhighest bid"), "{}", prompt.system);
    assert!(trial("").prompt(5, 1, 2).user.contains("The standing bid is"));
}

#[test]
fn wrong_settings_are_named() {
    let found = problems(&scenario(), "opening = 0.0\nbudget = 1e9", ("rational", "x = 1"));
    assert_eq!(found.len(), 3, "{found:?}");
}
