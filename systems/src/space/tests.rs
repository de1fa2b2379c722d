//! The index finds what a look at everyone finds, and nobody is in two cells.

use bevy_ecs::prelude::*;
use proptest::prelude::*;
use throng_engine::stream::{Purpose, Streams};
use throng_engine::{
    AgentId, AgentRange, Columns, Phase, Pool, Population, Round, Seed, Simulation,
    SimulationSettings,
};

use super::*;
use crate::testing::same_everywhere;

fn borders() -> impl Strategy<Value = Borders> {
    prop_oneof![Just(Borders::Closed), Just(Borders::Torus)]
}

proptest! {
    #[test]
    fn the_index_finds_what_brute_force_finds(
        places in prop::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 1..120),
        (width, height) in (1.0..50.0_f64, 1.0..50.0_f64),
        reach in 0.3..60.0_f64,
        radius in 0.0..40.0_f64,
        borders in borders(),
        count in 0_usize..9,
    ) {
        let plane = Plane::new(width, height, reach, borders).unwrap();
        let positions: Vec<_> =
            places.iter().map(|(x, y)| Position { x: x * width, y: y * height }).collect();
        let mut index = SpatialIndex::new(&plane);
        index.build(&Pool::new(2), &plane, &positions);
        let at = positions[0];
        let distance = |place: usize| plane.distance_squared(at, positions[place]);
        let mut found = Vec::new();
        index.near(&plane).within(at, radius, |near| found.push(near.agent.0 as usize));
        found.sort_unstable();
        let within: Vec<_> =
            (0..positions.len()).filter(|place| distance(*place) <= radius * radius).collect();
        prop_assert_eq!(found, within);
        let mut all: Vec<_> = (1..positions.len()).collect();
        all.sort_by(|a, b| distance(*a).total_cmp(&distance(*b)).then(a.cmp(b)));
        all.truncate(count);
        let nearest = index.near(&plane).nearest(at, count, Some(AgentId(0)));
        let nearest: Vec<_> = nearest.iter().map(|near| near.agent.0 as usize).collect();
        prop_assert_eq!(nearest, all);
    }

    #[test]
    fn everyone_is_asked_once_wherever_it_is(
        places in prop::collection::vec((0.0..9.0_f64, 0.0..9.0_f64), 1..120),
        reach in 0.3..20.0_f64,
        (start, end) in (0_u64..120, 0_u64..120),
    ) {
        let plane = Plane::new(9.0, 9.0, reach, Borders::Closed).unwrap();
        let positions: Vec<_> = places.iter().map(|(x, y)| Position { x: *x, y: *y }).collect();
        let n = positions.len() as u64;
        let range = AgentRange { start: start.min(end).min(n), end: start.max(end).min(n) };
        let mut index = SpatialIndex::new(&plane);
        index.build(&Pool::new(2), &plane, &positions);
        let answers = index.near(&plane).of_each(&Pool::new(2), range, |agent, at| Some((agent, at)));
        let expected: Vec<_> =
            range.agents().map(|agent| Some((agent, positions[agent.0 as usize]))).collect();
        prop_assert_eq!(answers, expected);
    }

    #[test]
    fn the_lattice_finds_what_brute_force_finds(
        (width, height) in (1_u32..9, 1_u32..9),
        from in 0_u32..81,
        radius in 0_u32..12,
        count in 0_usize..6,
        marked in prop::collection::btree_set(0_u32..81, 0..30),
        borders in borders(),
    ) {
        let lattice = Lattice::new(width, height, borders, &[]).unwrap();
        let from = Cell(from % lattice.len());
        let others = || (0..lattice.len()).map(Cell).filter(|cell| *cell != from);
        let steps = |one: u32, other: u32, count: u32| {
            // The number of lines to go, tried one by one.
            let torus = borders == Borders::Torus;
            let reached = |by: &u32| {
                let up = (one + by == other) || torus && (one + by) % count == other % count;
                let down = one.checked_sub(*by) == Some(other)
                    || torus && (one + count - by % count) % count == other;
                up || down
            };
            (0..=count).find(reached).unwrap()
        };
        let away = |cell: &Cell| {
            let rows = steps(from.0 / width, cell.0 / width, height);
            rows.max(steps(from.0 % width, cell.0 % width, width))
        };
        let mut found: Vec<_> = lattice.within(from, radius).collect();
        found.sort_unstable();
        prop_assert_eq!(found, others().filter(|cell| away(cell) <= radius).collect::<Vec<_>>());
        let is_meant = |cell: Cell| marked.contains(&cell.0);
        let mut expected: Vec<_> = others().filter(|cell| is_meant(*cell)).collect();
        expected.sort_by_key(|cell| (away(cell), *cell));
        expected.truncate(count);
        prop_assert_eq!(lattice.nearest(from, count, is_meant), expected);
    }

    #[test]
    fn nobody_is_in_two_cells_whatever_moves_are_asked_for(
        (width, height) in (1_u32..8, 1_u32..8),
        share in 0.0..1.0_f64,
        moves in prop::collection::vec((0_usize..64, 0_u32..64), 0..60),
        seed in any::<u64>(),
    ) {
        let mut lattice = Lattice::new(width, height, Borders::Closed, &[]).unwrap();
        let agents = (f64::from(lattice.len()) * share) as u64;
        let mut cells = lattice.scatter(agents, seed).unwrap();
        for (round, moves) in moves.chunks(7).enumerate() {
            let asked: std::collections::BTreeMap<usize, Cell> = moves
                .iter()
                .filter(|_| agents > 0)
                .map(|(agent, to)| (agent % agents as usize, Cell(to % lattice.len())))
                .collect();
            let asked: Vec<_> = asked
                .into_iter()
                .map(|(agent, to)| (AgentId(agent as u32), cells[agent], to))
                .collect();
            let priority = Streams::new(seed, Purpose::new("test"), round as u32);
            for (agent, to) in lattice.settle(&asked, &priority).unwrap() {
                cells[agent.0 as usize] = to;
            }
            let mut taken = cells.clone();
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len() as u64, agents);
            prop_assert_eq!(lattice.occupied(), agents);
            for (cell, agent) in cells.iter().zip(0..) {
                prop_assert_eq!(lattice.occupant(*cell), Some(AgentId(agent)));
            }
        }
    }

    #[test]
    fn moves_end_on_the_plane_and_outside_obstacles(
        moves in prop::collection::vec((-90.0..90.0_f64, -90.0..90.0_f64), 1..40),
        borders in borders(),
    ) {
        let plane = Plane::new(30.0, 20.0, 1.0, borders).unwrap();
        let plane = plane.with_obstacles(vec![[10.0, 5.0, 18.0, 15.0]]).unwrap();
        let mut at = Position { x: 1.0, y: 1.0 };
        for (dx, dy) in moves {
            at = plane.moved(at, dx, dy);
            prop_assert!(plane.contains(at) && !plane.is_blocked(at), "{at:?}");
        }
    }
}

#[test]
fn anyone_near_is_chosen_as_often_as_another() {
    let plane = Plane::new(10.0, 10.0, 1.0, Borders::Torus).unwrap();
    let spot = |x| Position { x, y: 5.0 };
    let mut index = SpatialIndex::new(&plane);
    index.build(&Pool::new(1), &plane, &[9.5, 0.5, 0.2, 9.9, 4.0].map(spot));
    let streams = Streams::new(1, Purpose::new("test choice"), 0);
    let mut chosen = [0; 5];
    for draw in 0..3_000 {
        let mut stream = streams.agent(AgentId(draw));
        let near = index.near(&plane);
        let found = near.any_within(spot(0.0), 1.0, &mut stream, |agent| agent.0 != 1);
        chosen[found.unwrap().0 as usize] += 1;
        assert_eq!(near.any_within(spot(7.0), 1.0, &mut stream, |_| true), None);
    }
    assert!((chosen[1], chosen[4]) == (0, 0), "{chosen:?}");
    assert!([0, 2, 3].iter().all(|agent| (900..1_100).contains(&chosen[*agent])), "{chosen:?}");
}

#[test]
fn borders_are_closed_or_joined_and_obstacles_stop() {
    let from = Position { x: 9.0, y: 1.0 };
    let closed = Plane::new(10.0, 10.0, 1.0, Borders::Closed).unwrap();
    let at = closed.moved(from, 3.0, -3.0);
    assert!(at.x < 10.0 && at.x > 9.99 && at.y == 0.0, "{at:?}");
    let torus = Plane::new(10.0, 10.0, 1.0, Borders::Torus).unwrap();
    assert_eq!(torus.moved(from, 3.0, -3.0), Position { x: 2.0, y: 8.0 });
    assert_eq!(torus.moved(Position { x: 0.0, y: 0.0 }, -1e-20, 0.0), Position { x: 0.0, y: 0.0 });
    assert_eq!(torus.moved(from, 31.0, -21.0), Position { x: 0.0, y: 0.0 });
    let wall = closed.with_obstacles(vec![[4.0, 0.0, 6.0, 10.0]]).unwrap();
    let stopped = wall.moved(Position { x: 2.0, y: 5.0 }, 6.0, 0.0);
    assert!((3.6..4.0).contains(&stopped.x), "{stopped:?}");
    assert_eq!(wall.moved(stopped, f64::NAN, 0.0), stopped);
}

fn stray(mut agents: Query<(&AgentId, &mut Position)>) {
    agents.iter_mut().filter(|(agent, _)| agent.0 == 3).for_each(|(_, mut at)| at.x = f64::NAN);
}

#[test]
fn planes_and_positions_that_cannot_be_are_refused() {
    for (width, height, reach) in [(0.0, 1.0, 1.0), (1.0, f64::NAN, 1.0), (1.0, 1.0, f64::INFINITY)]
    {
        assert!(Plane::new(width, height, reach, Borders::Closed).is_err());
    }
    let mut sim = Simulation::new(SimulationSettings::new(1, 5)).unwrap();
    sim.plane(Plane::new(1.0, 1.0, 0.1, Borders::Torus).unwrap()).add_systems(Phase::Update, stray);
    sim.round().unwrap();
    let error = sim.round().unwrap_err().to_string();
    assert!(error.contains("agent 3 is at (NaN, 0), outside a plane of 1 by 1"), "{error}");
    let plane = Plane::new(10.0, 10.0, 1.0, Borders::Closed).unwrap();
    let wrong = plane.clone().with_obstacles(vec![[4.0, 1.0, 3.0, 2.0]]).unwrap_err();
    assert!(wrong.to_string().contains("from (4, 1) to (3, 2) cannot be; write left <"), "{wrong}");
    let plane = plane.with_obstacles(vec![[0.0, 0.0, 2.0, 2.0]]).unwrap();
    let within = plane.check(&[Position { x: 5.0, y: 5.0 }, Position { x: 1.0, y: 1.0 }]);
    assert_eq!(within.unwrap_err().to_string(), "agent 1 is at (1, 1), within an obstacle");
}

/// How many are near.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Crowd {
    /// Agents within reach.
    near: u32,
    /// Where the agent is.
    x: f64,
}

fn wander(
    (seed, round, plane): (Res<Seed>, Res<Round>, Res<Plane>),
    mut agents: Query<(&AgentId, &mut Position, &mut Crowd)>,
) {
    let streams = seed.streams(Purpose::new("test walk"), *round);
    for (agent, mut at, mut crowd) in &mut agents {
        let mut stream = streams.agent(*agent);
        let (dx, dy) = (stream.between(-30.0, 30.0), stream.between(-30.0, 30.0));
        *at = plane.moved(*at, dx, dy);
        crowd.x = at.x;
    }
}

fn look(
    (pool, population): (Res<Pool>, Res<Population>),
    (plane, index): (Res<Plane>, Res<SpatialIndex>),
    mut agents: Query<(&AgentId, &Position, &mut Crowd)>,
) {
    let near = index.near(&plane);
    let counts = near.of_each(&pool, population.range, |_, at| {
        let mut count = 0;
        near.within(at, plane.reach(), |_| count += 1);
        count
    });
    for (agent, at, mut crowd) in &mut agents {
        let mut one_by_one = 0;
        near.within(*at, plane.reach(), |_| one_by_one += 1);
        crowd.near = counts[population.range.offset(*agent)];
        assert_eq!(crowd.near, one_by_one);
    }
}

#[test]
fn agents_on_a_plane_see_the_same_in_any_world() {
    same_everywhere(13_000, 3, |sim| {
        sim.plane(Plane::new(300.0, 200.0, 4.0, Borders::Torus).unwrap())
            .carries::<Crowd>()
            .records::<Crowd>()
            .add_systems(Phase::Start, wander)
            .add_systems(Phase::Observe, look.after(PositionSystems))
            .add_systems(Phase::Update, wander);
    });
}

/// The cell as a column.
#[derive(Component, Columns, Clone, Copy, Default)]
struct Seat(u32);

fn hop(
    (seed, round, lattice): (Res<Seed>, Res<Round>, Res<Lattice>),
    mut agents: Query<(&AgentId, &Cell, &mut MoveTo, &mut Seat)>,
) {
    let streams = seed.streams(Purpose::new("test hop"), *round);
    for (agent, cell, mut wanted, mut seat) in &mut agents {
        let mut stream = streams.agent(*agent);
        seat.0 = cell.0;
        // Many want the same few cells.
        wanted.0 = lattice.around(*cell).find(|near| lattice.is_free(*near));
        if stream.below(3) == 0 {
            wanted.0 = lattice.any_free(&mut stream);
        }
    }
}

#[test]
fn nobody_is_in_two_cells_and_no_cell_holds_two_in_any_world() {
    let outcomes = same_everywhere(13_000, 4, |sim| {
        let lattice = Lattice::new(120, 120, Borders::Torus, &[Cell(3), Cell(77)]).unwrap();
        sim.lattice(lattice).carries::<Seat>().records::<Seat>().add_systems(Phase::Update, hop);
    });
    assert_ne!(outcomes[1].digest, outcomes[2].digest, "agents move");
    let mut sim = Simulation::new(SimulationSettings::new(5, 90)).unwrap();
    sim.lattice(Lattice::new(10, 10, Borders::Closed, &[Cell(5)]).unwrap());
    sim.carries::<Seat>().add_systems(Phase::Update, hop);
    for _ in 0..20 {
        sim.round().unwrap();
        let world = sim.world_mut();
        let mut cells: Vec<_> = world.query::<&Cell>().iter(world).copied().collect();
        cells.sort_unstable();
        cells.dedup();
        assert!(cells.len() == 90 && !cells.contains(&Cell(5)));
    }
}

#[test]
fn a_lattice_that_is_full_or_left_is_an_error() {
    let mut lattice = Lattice::new(2, 2, Borders::Closed, &[]).unwrap();
    assert_eq!(lattice.scatter(5, 1), Err(LatticeProblem::Full { agents: 5, free: 4 }));
    let priority = Streams::new(1, Purpose::new("test"), 1);
    let outside = lattice.settle(&[(AgentId(0), Cell(0), Cell(4))], &priority).unwrap_err();
    assert_eq!(outside.to_string(), "agent 0 wants to move to cell 4, and there are 4");
    for (width, height) in [(0, 5), (70_000, 70_000)] {
        assert!(Lattice::new(width, height, Borders::Torus, &[]).is_err());
    }
    let obstacle = Lattice::new(2, 2, Borders::Torus, &[Cell(9)]).unwrap_err();
    assert_eq!(obstacle.to_string(), "cell 9 cannot be blocked: there are 4");
}
