//! Posts: public words of an agent, on a board that all can read in the next exchange.

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use throng_engine::record::{Column, ColumnSpec, Columns};
use throng_engine::{AgentId, Exchanges, Mesh, Phase, Population, Round, Simulation, Tables};

use super::Message;
use super::authors::Authors;
use super::letters::KeepSystems;
use crate::network::{Layer, Network};
use crate::rows::each_in_order;

/// Whom a post is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Audience {
    /// Everyone.
    Everyone,
    /// The members of a group.
    Group(u32),
    /// Those at a place.
    Place(u32),
    /// Those who have the author as a contact.
    Followers,
}

/// A post on the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post<M> {
    /// Who wrote it.
    pub from: AgentId,
    /// Whom it is for.
    pub audience: Audience,
    /// What it says.
    pub body: M,
}

/// The bounds of posts; what goes beyond them is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostRules {
    /// Posts that an agent may write in an exchange; later ones are lost.
    pub posts_max: u32,
}

impl Default for PostRules {
    fn default() -> Self {
        Self { posts_max: 16 }
    }
}

/// The posts that an agent writes in this exchange.
#[derive(Component, Clone, Debug)]
pub struct Posting<M: Message> {
    posts: Vec<(Audience, M)>,
}

impl<M: Message> Default for Posting<M> {
    fn default() -> Self {
        Self { posts: Vec::new() }
    }
}

impl<M: Message> Posting<M> {
    /// Writes a post, to be read in the next exchange.
    pub fn write(&mut self, audience: Audience, body: M) {
        self.posts.push((audience, body));
    }
}

/// The posts of the last exchange, of all worlds, by author and sequence.
#[derive(Resource, Debug)]
pub struct Board<M: Message> {
    rules: PostRules,
    posts: Vec<Post<M>>,
    /// Places of posts, by audience and then as above.
    order: Vec<u32>,
    authors: Authors,
    lost: u64,
}

impl<M: Message> Board<M> {
    /// All posts, by author and sequence.
    pub fn posts(&self) -> &[Post<M>] {
        &self.posts
    }

    /// Posts of the last exchange that were lost since their author had written too many.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The posts for this audience, by author and sequence.
    pub fn to(&self, audience: Audience) -> impl ExactSizeIterator<Item = &Post<M>> + Clone {
        let key = |place: &u32| self.posts[*place as usize].audience;
        let start = self.order.partition_point(|place| key(place) < audience);
        let end = self.order.partition_point(|place| key(place) <= audience);
        self.order[start..end].iter().map(|&place| &self.posts[place as usize])
    }

    /// The posts of an author, in sequence.
    #[inline]
    pub fn by(&self, author: AgentId) -> &[Post<M>] {
        &self.posts[self.authors.posts(author)]
    }

    /// What an agent's contacts wrote to their followers, by author and sequence.
    pub fn followed<'a, L: Layer>(
        &'a self,
        network: &'a Network<L>,
        agent: AgentId,
    ) -> impl Iterator<Item = &'a Post<M>> {
        let posts = network.contacts(agent).iter().flat_map(|contact| self.by(*contact));
        posts.filter(|post| post.audience == Audience::Followers)
    }
}

/// The systems of Observe that put posts on the board; readers run after them.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PostSystems;

/// Posts, as an extension of the simulation.
pub trait Posts {
    /// Lets agents write posts of this kind.
    fn posts<M: Message>(&mut self, rules: PostRules) -> &mut Self;
    /// Keeps the posts of this kind as a table of every round; `agent` wrote the post.
    fn keeps_posts<M: Message + Columns>(&mut self, table: &'static str) -> &mut Self;
}

impl Posts for Simulation {
    fn posts<M: Message>(&mut self, rules: PostRules) -> &mut Self {
        let (posts, order, authors) = (Vec::new(), Vec::new(), Authors::default());
        self.insert_resource(Board::<M> { rules, posts, order, authors, lost: 0 })
            .carries::<Posting<M>>()
            .add_systems(Phase::Observe, put_up::<M>.in_set(PostSystems))
    }

    fn keeps_posts<M: Message + Columns>(&mut self, table: &'static str) -> &mut Self {
        let keep = move |(round, exchanges): (Res<Round>, Res<Exchanges>),
                         (board, population): (Res<Board<M>>, Res<Population>),
                         mut tables: ResMut<Tables>| {
            let (exchange, own) = (exchanges.current(), population.range.to_range());
            let posts = board.posts.iter().filter(|post| own.contains(&u64::from(post.from.0)));
            let rows: Vec<_> =
                posts.map(|post| (post.from, Kept { exchange, post: post.clone() })).collect();
            tables.extend(table, *round, &rows);
        };
        self.keeps::<Kept<M>>(table).add_systems(
            Phase::Observe,
            keep.after(PostSystems).in_set(KeepSystems).ambiguous_with(KeepSystems),
        )
    }
}

/// A post as a row.
struct Kept<M> {
    exchange: u32,
    post: Post<M>,
}

impl Audience {
    /// The audience in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Group(_) => "group",
            Self::Place(_) => "place",
            Self::Followers => "followers",
        }
    }

    /// The number of the group or place.
    pub const fn number(self) -> Option<u32> {
        match self {
            Self::Group(number) | Self::Place(number) => Some(number),
            Self::Everyone | Self::Followers => None,
        }
    }
}

impl<M: Columns> Columns for Kept<M> {
    fn columns() -> Vec<ColumnSpec> {
        let mut columns = vec![
            ColumnSpec::of::<u32>("exchange", "The exchange in which it could be read, from 0."),
            ColumnSpec::of::<String>(
                "audience",
                "Whom it is for: everyone, group, place or followers.",
            ),
            ColumnSpec::of::<Option<u32>>("audience_number", "Number of the group or place."),
        ];
        columns.extend(M::columns());
        columns
    }

    fn extend<'a>(rows: impl Iterator<Item = Option<&'a Self>> + Clone, columns: &mut [Column])
    where
        M: 'a,
    {
        let (own, body) = columns.split_at_mut(3);
        for row in rows {
            let audience = row.map(|row| row.post.audience.name().to_owned());
            let number = row.and_then(|row| row.post.audience.number());
            own[0].extend(std::iter::once(row.map(|row| &row.exchange)));
            own[1].extend(std::iter::once(audience.as_ref()));
            own[2].extend(std::iter::once(Some(&number)));
            M::extend(std::iter::once(row.map(|row| &row.post.body)), body);
        }
    }
}

/// Puts what was written on the board, across all worlds.
fn put_up<M: Message>(
    mesh: Res<Mesh>,
    mut board: ResMut<Board<M>>,
    mut writers: Query<(&AgentId, &mut Posting<M>)>,
) -> Result<(), BevyError> {
    let board = &mut *board;
    let (mut posts, mut lost) = (Vec::new(), 0);
    for (ids, mut written) in writers.contiguous_iter_mut()? {
        let written = written.bypass_change_detection();
        each_in_order(ids, |row| {
            let own = &mut written[row].posts;
            let kept = own.len().min(board.rules.posts_max as usize);
            lost += (own.len() - kept) as u64;
            own.truncate(kept);
            let from = ids[row];
            posts.extend(own.drain(..).map(|(audience, body)| Post { from, audience, body }));
        });
    }
    let parts = mesh.gather((posts, lost))?;
    board.lost = parts.iter().map(|(_, lost)| lost).sum();
    board.posts = parts.into_iter().flat_map(|(posts, _)| posts).collect();
    board.order = (0..board.posts.len() as u32).collect();
    let posts = &board.posts;
    board.authors.index(posts.iter().map(|post| post.from));
    board.order.sort_by_key(|&place| posts[place as usize].audience);
    Ok(())
}
