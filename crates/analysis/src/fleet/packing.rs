//! Which nodes can be emptied, one after the other, onto those that stay.
//!
//! In scope: whole numbers, and whether they fit. Out of scope: what they mean, who
//! may be emptied, who may take anything.
//!
//! The method is first-fit decreasing (Johnson 1973): the items of a node are placed
//! from the largest to the smallest, each on the first node that has room for it.
//! The least busy node is tried first, and the fullest takes first, so that those in
//! between stay free to go as well. A node that took something stays: nothing moves
//! twice. It finds a good plan, not the best one, which is a hard problem.

use std::cmp::Reverse;

/// Amounts of both resources, whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU in thousandths of a core.
    pub millicores: u64,
    /// Memory in bytes.
    pub bytes: u64,
}

/// What an item needs of a node, or what a node has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// What the scheduler counts.
    pub requested: Amounts,
    /// What is used.
    pub used: Amounts,
    /// Places for pods.
    pub pods: u64,
}

impl Load {
    const DIMENSIONS: usize = 5;

    fn parts(self) -> [u64; Self::DIMENSIONS] {
        [
            self.requested.millicores,
            self.requested.bytes,
            self.used.millicores,
            self.used.bytes,
            self.pods,
        ]
    }

    fn zip(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let ([a, b, c, d, e], [v, w, x, y, z]) = (self.parts(), other.parts());
        Self {
            requested: Amounts {
                millicores: join(a, v),
                bytes: join(b, w),
            },
            used: Amounts {
                millicores: join(c, x),
                bytes: join(d, y),
            },
            pods: join(e, z),
        }
    }

    fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    /// What is left after `count` times `item` went in; the caller knows that they fit.
    fn without(self, item: Self, count: u64) -> Self {
        self.zip(item, |room, needed| room - needed * count)
    }

    /// How many times `item` fits, up to `most`.
    fn holds(self, item: Self, most: u64) -> u64 {
        let each = self.parts().into_iter().zip(item.parts());
        let times = each.filter_map(|(room, needed)| room.checked_div(needed));
        times.fold(most, u64::min)
    }

    /// The largest share of `whole` in any dimension, in millionths: how hard it is to place.
    fn dominant_share(self, whole: Self) -> u128 {
        let each = self.parts().into_iter().zip(whole.parts());
        each.map(|(part, whole)| u128::from(part) * 1_000_000 / u128::from(whole.max(1)))
            .max()
            .unwrap_or(0)
    }
}

/// Something that leaves a node: `count` equal pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is called; decides between equals.
    pub name: String,
    /// What one piece needs.
    pub load: Load,
    /// How many there are, above 0.
    pub count: u64,
}

/// A node as a place and as a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name; no two are equal.
    pub name: String,
    /// How busy it is, in any unit that all places share.
    pub busy: u64,
    /// What it can take; `None` if it takes nothing.
    pub room: Option<Load>,
    /// What would have to go elsewhere for it to go; `None` if it has to stay.
    pub items: Option<Vec<Item>>,
}

/// Which nodes can go, in order, and why the other candidates cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The first to go first.
    pub removed: Vec<Removal>,
    /// The other candidates, in the order in which they were tried.
    pub refused: Vec<(usize, Refusal)>,
}

/// A node that can go. Numbers are those of the slice that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Which place.
    pub place: usize,
    /// Where its items go.
    pub moves: Vec<Move>,
}

/// Some pieces of one item that go to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which item of the place that goes.
    pub item: usize,
    /// Where to.
    pub to: usize,
    /// How many of its pieces.
    pub count: u64,
}

/// Why a candidate cannot go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// These of its items fit nowhere, largest first.
    DoesNotFit(Vec<usize>),
    /// It takes what comes from others.
    Takes,
    /// So few would be left.
    Kept,
}

/// Makes the plan. At least `keep` places that can take something are left, and
/// always one.
pub fn plan(places: &[Place], keep: usize) -> Plan {
    let mut rooms: Vec<Option<Load>> = places.iter().map(|place| place.room).collect();
    let whole = rooms
        .iter()
        .flatten()
        .fold(Load::default(), |a, b| a.max(*b));
    let by_busy = |index: &usize| (places[*index].busy, &places[*index].name);
    let mut candidates: Vec<usize> = (0..places.len()).collect();
    candidates.sort_by_key(by_busy);
    let fullest_first: Vec<usize> = candidates.iter().rev().copied().collect();
    let mut takes = vec![false; places.len()];
    let mut left = rooms.iter().flatten().count();
    let mut plan = Plan::default();
    for candidate in candidates {
        let Some(items) = &places[candidate].items else {
            continue;
        };
        let counts = usize::from(rooms[candidate].is_some());
        let refusal = if takes[candidate] {
            Refusal::Takes
        } else if left - counts < keep.max(1) {
            Refusal::Kept
        } else {
            // It is no place for its own items.
            let room = rooms[candidate].take();
            match place_all(items, whole, &mut rooms, &fullest_first) {
                Ok(moves) => {
                    moves.iter().for_each(|step| takes[step.to] = true);
                    left -= counts;
                    plan.removed.push(Removal {
                        place: candidate,
                        moves,
                    });
                    continue;
                }
                Err(unplaced) => {
                    rooms[candidate] = room;
                    Refusal::DoesNotFit(unplaced)
                }
            }
        };
        plan.refused.push((candidate, refusal));
    }
    plan
}

/// Places every piece of every item and takes the room for it, or leaves the rooms
/// as they were.
///
/// # Errors
/// The items of which a piece fits nowhere, largest first.
fn place_all(
    items: &[Item],
    whole: Load,
    rooms: &mut [Option<Load>],
    order: &[usize],
) -> Result<Vec<Move>, Vec<usize>> {
    let mut by_size: Vec<usize> = (0..items.len()).collect();
    by_size.sort_by_key(|item| {
        let Item { name, load, .. } = &items[*item];
        (Reverse(load.dominant_share(whole)), name)
    });
    let mut moves = Vec::new();
    let mut unplaced = Vec::new();
    let mut before: Vec<(usize, Load)> = Vec::new();
    for item in by_size {
        let Item { load, count, .. } = items[item];
        let mut waiting = count;
        for &to in order {
            let Some(room) = rooms[to] else { continue };
            let fitting = room.holds(load, waiting);
            if fitting > 0 {
                before.push((to, room));
                rooms[to] = Some(room.without(load, fitting));
                moves.push(Move {
                    item,
                    to,
                    count: fitting,
                });
                waiting -= fitting;
            }
            if waiting == 0 {
                break;
            }
        }
        if waiting > 0 {
            unplaced.push(item);
        }
    }
    if unplaced.is_empty() {
        return Ok(moves);
    }
    for (to, room) in before.into_iter().rev() {
        rooms[to] = Some(room);
    }
    Err(unplaced)
}

#[cfg(test)]
mod tests;
