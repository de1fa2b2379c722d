//! Letters and posts arrive in one order in any world, and none goes astray uncounted.

use bevy_ecs::prelude::*;
use proptest::prelude::*;
use throng_engine::record::Values;
use throng_engine::stream::Purpose;
use throng_engine::{
    AgentId, Columns, Phase, Population, Round, Seed, Simulation, SimulationSettings,
};

use super::*;
use crate::network::{Graph, Network, Networks};
use crate::testing::same_everywhere;

/// What a letter of the tests says.
#[derive(Columns, Clone, serde::Serialize, serde::Deserialize)]
struct Words {
    /// A number.
    number: u32,
    /// A text.
    text: String,
}

/// A digest of all that an agent has read, in its order.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Read(i64);

fn write(
    (seed, round, population): (Res<Seed>, Res<Round>, Res<Population>),
    mut agents: Query<(&AgentId, &mut Outbox<Words>, &mut Posting<Words>)>,
) {
    let streams = seed.streams(Purpose::new("test letters"), *round);
    let n = population.size as u32;
    for (agent, mut outbox, mut posting) in &mut agents {
        let mut stream = streams.agent(*agent);
        for number in 0..stream.below(5) {
            // Every tenth of the population hears from many; some letters lead nowhere.
            let to = AgentId(stream.below(n / 10) * 10 + stream.below(2) * stream.below(40));
            outbox.send(to, Words { number, text: format!("{agent} to {to}") });
        }
        if agent.0.is_multiple_of(50) {
            let audience = match agent.0 % 4 {
                0 => Audience::Everyone,
                1 => Audience::Group(agent.0 % 3),
                2 => Audience::Place(5),
                _ => Audience::Followers,
            };
            for number in 0..3 {
                posting.write(audience, Words { number, text: "hello".to_owned() });
            }
        }
    }
}

fn read(
    (mail, board, network): (Res<Mail<Words>>, Res<Board<Words>>, Res<Network>),
    mut agents: Query<(&AgentId, &mut Read)>,
) {
    let mix = |sum: i64, value: u32| sum.wrapping_mul(1_000_003).wrapping_add(value.into());
    let everyone = board.to(Audience::Everyone).fold(0, |sum, post| mix(sum, post.from.0));
    for (agent, mut read) in &mut agents {
        let letters = mail.mailbox(*agent).fold(everyone, |sum, letter| match letter.from {
            Sender::Agent(from) => mix(mix(sum, from.0), letter.body.number),
            Sender::World => mix(sum, 77),
        });
        let posts = board.followed(&network, *agent).map(|post| post.from.0);
        read.0 = posts.fold(letters, mix);
    }
}

fn mail(sim: &mut Simulation) {
    let rules = MailRules { outbox_max: 3, mailbox_max: 4, overflow: Overflow::DropOldest };
    sim.network(Graph::Ring { each_side: 30 })
        .letters::<Words>(rules)
        .keeps_letters::<Words>("letters")
        .posts::<Words>(PostRules { posts_max: 2 })
        .keeps_posts::<Words>("posts")
        .carries::<Read>()
        .records::<Read>()
        .add_systems(Phase::Observe, read.after(DeliverSystems).after(PostSystems))
        .add_systems(Phase::Update, write);
}

#[test]
fn letters_and_posts_arrive_in_one_order_in_any_world() {
    let outcomes = same_everywhere(13_000, 3, mail);
    let (letters, posts) = (&outcomes[1].tables[0].1, &outcomes[1].tables[1].1);
    assert_eq!(outcomes[0].tables[0].1.rows(), 0);
    assert!(letters.rows() > 5_000 && posts.rows() == 2 * 13_000 / 50, "{}", letters.rows());
    let numbers = |name| match &letters.column(name).unwrap().values {
        Values::I64(numbers) => numbers.clone(),
        other => panic!("{other:?}"),
    };
    let order: Vec<_> =
        numbers("agent").into_iter().zip(numbers("from")).zip(numbers("number")).collect();
    assert!(order.is_sorted(), "letters are ordered by recipient, sender and sequence");
}

#[test]
fn every_letter_is_delivered_or_its_loss_is_counted() {
    let mut sim = Simulation::new(SimulationSettings::new(3, 1_000)).unwrap();
    sim.add(mail);
    sim.round().unwrap();
    sim.round().unwrap();
    let counts = sim.resource::<Mail<Words>>().counts();
    let MailCounts { sent, delivered, overflowed, unsent, unknown } = counts;
    assert_eq!(sent, delivered + overflowed + unsent + unknown);
    assert!([delivered, overflowed, unsent, unknown].iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(sim.resource::<Board<Words>>().lost(), 20);
}

fn three_letters(overflow: Overflow) -> Result<Vec<u32>, String> {
    fn write_three(mut agents: Query<(&AgentId, &mut Outbox<u32>)>) {
        for (agent, mut outbox) in &mut agents {
            outbox.send(AgentId(1), agent.0);
        }
    }
    let mut sim = Simulation::new(SimulationSettings::new(3, 3)).unwrap();
    sim.letters::<u32>(MailRules { mailbox_max: 2, overflow, ..MailRules::default() })
        .add_systems(Phase::Update, write_three);
    sim.round().unwrap();
    sim.round().map_err(|error| error.to_string())?;
    let mail = sim.resource::<Mail<u32>>();
    assert_eq!(mail.mailbox(AgentId(0)).len(), 0);
    Ok(mail.mailbox(AgentId(1)).map(|letter| letter.body).collect())
}

#[test]
fn a_full_mailbox_does_as_its_rule_says() {
    assert_eq!(three_letters(Overflow::DropNewest), Ok(vec![0, 1]));
    assert_eq!(three_letters(Overflow::DropOldest), Ok(vec![1, 2]));
    let error = three_letters(Overflow::Fail).unwrap_err();
    assert!(error.contains("agent 1 gets 3 letters, and its mailbox takes 2"), "{error}");
}

/// What each agent of a test writes, and what came of it.
#[derive(Resource, Clone)]
struct Plan(Vec<(u32, u32)>);

fn write_planned(plan: Res<Plan>, mut agents: Query<(&AgentId, &mut Outbox<u32>)>) {
    for (agent, mut outbox) in &mut agents {
        for (number, (_, to)) in plan.0.iter().enumerate().filter(|(_, (from, _))| *from == agent.0)
        {
            outbox.send(AgentId(*to), number as u32);
        }
    }
}

proptest! {
    #[test]
    fn the_posts_of_an_author_are_those_that_name_it(
        authors in prop::collection::vec(0_u32..300, 0..80),
        asked in prop::collection::vec(0_u32..600, 1..80),
    ) {
        let mut authors = authors;
        authors.sort_unstable();
        let mut index = authors::Authors::default();
        // An index is used exchange after exchange.
        index.index([AgentId(599)].into_iter());
        index.index(authors.iter().copied().map(AgentId));
        for author in asked {
            let found: Vec<_> = index.posts(AgentId(author)).collect();
            let all = authors.iter().enumerate().filter(|(_, by)| **by == author);
            prop_assert_eq!(found, all.map(|(place, _)| place).collect::<Vec<_>>());
        }
    }

    #[test]
    fn letters_are_conserved_whatever_is_written(
        letters in prop::collection::vec((0_u32..6, 0_u32..8), 0..60),
        outbox_max in 0_u32..8,
        mailbox_max in 0_u32..8,
        oldest in any::<bool>(),
    ) {
        let overflow = if oldest { Overflow::DropOldest } else { Overflow::DropNewest };
        let mut sim = Simulation::new(SimulationSettings::new(3, 6)).unwrap();
        sim.letters::<u32>(MailRules { outbox_max, mailbox_max, overflow })
            .insert_resource(Plan(letters.clone()))
            .add_systems(Phase::Update, write_planned);
        sim.round().unwrap();
        sim.round().unwrap();
        let mail = sim.resource::<Mail<u32>>();
        let MailCounts { sent, delivered, overflowed, unsent, unknown } = mail.counts();
        prop_assert_eq!(sent, letters.len() as u64);
        prop_assert_eq!(sent, delivered + overflowed + unsent + unknown);
        // The same by hand: each agent's first letters, to those that exist, as many as fit.
        let sent_by = |from: u32| {
            let own = letters.iter().enumerate().filter(move |(_, letter)| letter.0 == from);
            own.take(outbox_max as usize)
        };
        let mut by_hand = 0;
        for to in 0..6 {
            let all: Vec<u32> = (0..6)
                .flat_map(sent_by)
                .filter(|(_, letter)| letter.1 == to)
                .map(|(number, _)| number as u32)
                .collect();
            let fit = all.len().min(mailbox_max as usize);
            let kept = if oldest { &all[all.len() - fit..] } else { &all[..fit] };
            by_hand += fit as u64;
            let found: Vec<u32> = mail.mailbox(AgentId(to)).map(|letter| letter.body).collect();
            prop_assert_eq!(found, kept);
        }
        prop_assert_eq!(delivered, by_hand);
    }
}
