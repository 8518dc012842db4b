//! Bin packing: the nodes that can be emptied, one after the other, onto those that stay.
//!
//! In scope: whole numbers, and whether they fit. Out of scope: their meaning, and which nodes may
//! be emptied or take pods.
//!
//! The method is first-fit decreasing (Johnson 1973): the items of a node are placed from the
//! largest to the smallest, each on the first node that has room for it. The least busy node is
//! tried first, and the fullest target is filled first, so that those in between can still be
//! removed. A node that took an item stays: nothing moves twice. The plan is good, not optimal,
//! since an optimal one is a hard problem.
//!
//! Invariant: a plan overfills no node (held by `no_node_is_overfilled`), moves nothing to a node
//! that is removed (held by `moved_items_stay_where_they_went`), places every piece once (held by
//! `every_piece_is_placed_once`), and does not depend on the order of its input (held by
//! `order_does_not_matter`).

use std::cmp::Reverse;

/// Whole amounts of both resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU, in thousandths of a core.
    pub millicores: u64,
    /// Memory, in bytes.
    pub bytes: u64,
}

/// The needs of an item, or the room left on a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// The requests.
    pub requested: Amounts,
    /// The usage.
    pub used: Amounts,
    /// The number of pods.
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

    /// Returns the room left after `count` times `item`; the caller has checked that they fit.
    fn without(self, item: Self, count: u64) -> Self {
        self.zip(item, |room, needed| room - needed * count)
    }

    /// Returns the number of times that `item` fits, up to `most`.
    fn holds(self, item: Self, most: u64) -> u64 {
        let each = self.parts().into_iter().zip(item.parts());
        let times = each.filter_map(|(room, needed)| room.checked_div(needed));
        times.fold(most, u64::min)
    }

    /// Returns the largest share of `whole` in any dimension, in millionths.
    fn dominant_share(self, whole: Self) -> u128 {
        let each = self.parts().into_iter().zip(whole.parts());
        each.map(|(part, whole)| u128::from(part) * 1_000_000 / u128::from(whole.max(1)))
            .max()
            .unwrap_or(0)
    }
}

/// An item to move: `count` equal pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The name; decides between equals.
    pub name: String,
    /// The needs of one piece.
    pub load: Load,
    /// The number of pieces, above 0.
    pub count: u64,
}

/// A node as a target and as a candidate for removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node's name; unique.
    pub name: String,
    /// The load, in any unit that all places share.
    pub busy: u64,
    /// The room for items; `None` if it takes none.
    pub room: Option<Load>,
    /// The items to move before it can be removed; `None` if it has to stay.
    pub items: Option<Vec<Item>>,
}

/// The nodes that can be removed, in order, and the reasons why other candidates cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The removals, in order.
    pub removed: Vec<Removal>,
    /// The other candidates, in the order in which they were tried.
    pub refused: Vec<(usize, Refusal)>,
}

/// A removable node. Places are indices into the slice that was passed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The node.
    pub place: usize,
    /// The moves of its items.
    pub moves: Vec<Move>,
}

/// Pieces of one item that move to one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The index of the item among those of its node.
    pub item: usize,
    /// The target.
    pub to: usize,
    /// The number of pieces.
    pub count: u64,
}

/// The reason why a candidate cannot be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// These of its items, by index, fit nowhere; the largest first.
    DoesNotFit(Vec<usize>),
    /// It takes items of nodes removed before it.
    Takes,
    /// Too few nodes would be left.
    Kept,
}

/// Makes the plan. At least `keep` places that can take items are left, and always one.
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

/// Places every piece of every item and takes the room for it, or leaves the rooms unchanged.
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
