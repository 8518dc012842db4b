//! Small plans by hand, and what holds of every plan.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn cpu(millicores: u64) -> Load {
    Load {
        requested: Amounts {
            millicores,
            bytes: 0,
        },
        pods: 1,
        ..Load::default()
    }
}

fn room(millicores: u64) -> Option<Load> {
    Some(Load {
        pods: 100,
        ..cpu(millicores)
    })
}

fn items(millicores: &[u64]) -> Vec<Item> {
    let item = |(k, &each): (usize, &u64)| Item {
        name: format!("p{k}"),
        load: cpu(each),
        count: 1,
    };
    millicores.iter().enumerate().map(item).collect()
}

fn place(name: &str, busy: u64, room: Option<Load>, items: Option<Vec<Item>>) -> Place {
    Place {
        name: name.to_owned(),
        busy,
        room,
        items,
    }
}

/// Returns the names of removed nodes, each with `item>target` for its moves, and of refused ones.
fn outcome(places: &[Place], keep: usize) -> (Vec<String>, Vec<String>) {
    let plan = plan(places, keep);
    let name = |index: usize| places[index].name.as_str();
    let removal = |removal: &Removal| {
        let items = places[removal.place].items.as_ref().expect("a candidate");
        let moves: Vec<String> = removal
            .moves
            .iter()
            .map(|m| format!("{}>{}", items[m.item].name, name(m.to)))
            .collect();
        format!("{}: {}", name(removal.place), moves.join(" "))
    };
    let refusal = |(place, refusal): &(usize, Refusal)| {
        let why = match refusal {
            Refusal::DoesNotFit(unplaced) => {
                let items = places[*place].items.as_ref().expect("a candidate");
                let names: Vec<&str> = unplaced.iter().map(|i| items[*i].name.as_str()).collect();
                names.join(" ")
            }
            other => format!("{other:?}"),
        };
        format!("{}: {why}", name(*place))
    };
    (
        plan.removed.iter().map(removal).collect(),
        plan.refused.iter().map(refusal).collect(),
    )
}

#[test]
fn least_busy_node_is_drained_first() {
    let places = [
        place("full", 80, room(500), None),
        place("half", 50, room(2000), Some(items(&[900, 900]))),
        place("idle", 10, room(3500), Some(items(&[300, 400]))),
    ];
    // 400 goes to `full`, which leaves 100: 300 has to go to `half`, so that stays.
    assert_eq!(
        outcome(&places, 1),
        (
            vec!["idle: p1>full p0>half".to_owned()],
            vec!["half: Takes".to_owned()]
        )
    );
}

#[test]
fn removed_nodes_take_nothing() {
    let places = [
        place("a", 1, room(4000), Some(items(&[100]))),
        place("b", 2, room(4000), Some(items(&[100]))),
        place("cordoned", 3, None, None),
        place("c", 9, room(4000), Some(items(&[3000]))),
    ];
    assert_eq!(
        outcome(&places, 1),
        (
            vec!["a: p0>c".to_owned(), "b: p0>c".to_owned()],
            vec!["c: Takes".to_owned()]
        )
    );
}

#[test]
fn unplaced_items_are_named_largest_first() {
    let places = [
        place("big", 1, room(100), Some(items(&[800, 3000, 5000]))),
        place("small", 2, room(100), Some(items(&[900]))),
        place("other", 3, room(1000), None),
    ];
    // 800 alone would fit, and is put back: 900 fits afterwards.
    assert_eq!(
        outcome(&places, 1),
        (
            vec!["small: p0>other".to_owned()],
            vec!["big: p2 p1".to_owned()]
        )
    );
}

#[test]
fn one_short_dimension_refuses() {
    let needed = Load {
        requested: Amounts {
            millicores: 10,
            bytes: 10,
        },
        used: Amounts {
            millicores: 10,
            bytes: 10,
        },
        pods: 1,
    };
    let candidate = |room| {
        let items = vec![Item {
            name: "p".to_owned(),
            load: needed,
            count: 1,
        }];
        [
            place("a", 1, Some(Load::default()), Some(items)),
            place("b", 2, Some(room), None),
        ]
    };
    assert_eq!(plan(&candidate(needed), 1).removed.len(), 1);
    let tight = needed.parts();
    for short in 0..tight.len() {
        let mut parts = tight;
        parts[short] -= 1;
        let [a, b, c, d, pods] = parts;
        let room = Load {
            requested: Amounts {
                millicores: a,
                bytes: b,
            },
            used: Amounts {
                millicores: c,
                bytes: d,
            },
            pods,
        };
        assert_eq!(
            plan(&candidate(room), 1).refused,
            [(0, Refusal::DoesNotFit(vec![0]))],
            "dimension {short}"
        );
    }
}

#[test]
fn minimum_of_nodes_is_kept() {
    let empty = |name, busy| place(name, busy, room(1000), Some(Vec::new()));
    let places = [empty("a", 1), empty("b", 2), empty("c", 3)];
    for (keep, removed) in [(0, 2), (1, 2), (2, 1), (3, 0), (9, 0)] {
        let plan = plan(&places, keep);
        assert_eq!(plan.removed.len(), removed, "keep {keep}");
        assert_eq!(plan.refused.len(), 3 - removed);
        assert!(plan.refused.iter().all(|(_, why)| *why == Refusal::Kept));
    }
}

#[test]
fn pieces_spread_over_several_nodes() {
    let divisible = vec![Item {
        name: "all".to_owned(),
        load: cpu(10),
        count: 100,
    }];
    let places = [
        place("a", 1, room(0), Some(divisible)),
        place("b", 2, room(650), None),
        place("c", 3, room(355), None),
    ];
    let plan = plan(&places, 1);
    let moved: Vec<_> = plan.removed[0]
        .moves
        .iter()
        .map(|m| (m.to, m.count))
        .collect();
    assert_eq!(moved, [(2, 35), (1, 65)]);
}

fn any_load() -> impl Strategy<Value = Load> {
    (0..50u64, 0..50u64, 0..50u64, 0..50u64).prop_map(|(a, b, c, d)| Load {
        requested: Amounts {
            millicores: a,
            bytes: b,
        },
        used: Amounts {
            millicores: c,
            bytes: d,
        },
        pods: 1,
    })
}

fn any_room() -> impl Strategy<Value = Option<Load>> {
    let scaled = (any_load(), 0..6u64, 0..12u64).prop_map(|(load, by, pods)| {
        let load = load.zip(Load::default(), |part, _| part * by);
        Load { pods, ..load }
    });
    proptest::option::weighted(0.8, scaled)
}

fn any_items() -> impl Strategy<Value = Option<Vec<Item>>> {
    let items = proptest::collection::vec((any_load(), 1..4u64), 0..6).prop_map(|loads| {
        let item = |(k, (load, count))| Item {
            name: format!("p{k}"),
            load,
            count,
        };
        loads.into_iter().enumerate().map(item).collect()
    });
    proptest::option::weighted(0.7, items)
}

fn any_places() -> impl Strategy<Value = Vec<Place>> {
    proptest::collection::vec((0..5u64, any_room(), any_items()), 0..9).prop_map(|places| {
        let named = |(k, (busy, room, items))| place(&format!("n{k}"), busy, room, items);
        places.into_iter().enumerate().map(named).collect()
    })
}

proptest! {
    #[test]
    fn no_node_is_overfilled(places in any_places(), keep in 0..4usize) {
        let mut rooms: Vec<_> = places.iter().map(|p| p.room.map(Load::parts)).collect();
        for removal in plan(&places, keep).removed {
            let items = places[removal.place].items.as_ref().expect("a candidate");
            for step in removal.moves {
                let room = rooms[step.to].as_mut().expect("a node that takes something");
                for (left, needed) in room.iter_mut().zip(items[step.item].load.parts()) {
                    let after = left.checked_sub(needed * step.count);
                    prop_assert!(after.is_some(), "overfilled {}", places[step.to].name);
                    *left = after.expect("just checked");
                }
            }
        }
    }

    #[test]
    fn moved_items_stay_where_they_went(places in any_places(), keep in 0..4usize) {
        let plan = plan(&places, keep);
        let removed: Vec<usize> = plan.removed.iter().map(|r| r.place).collect();
        for step in plan.removed.iter().flat_map(|r| &r.moves) {
            prop_assert!(!removed.contains(&step.to), "to one that goes");
            prop_assert!(places[step.to].room.is_some(), "to one that takes nothing");
        }
    }

    #[test]
    fn every_piece_is_placed_once(places in any_places(), keep in 0..4usize) {
        for removal in plan(&places, keep).removed {
            let items = places[removal.place].items.as_ref().expect("a candidate");
            let mut placed: BTreeMap<usize, u64> = BTreeMap::new();
            for step in &removal.moves {
                *placed.entry(step.item).or_default() += step.count;
            }
            let expected: BTreeMap<usize, u64> =
                items.iter().enumerate().map(|(k, item)| (k, item.count)).collect();
            prop_assert_eq!(placed, expected);
        }
    }

    #[test]
    fn every_candidate_gets_one_answer(places in any_places(), keep in 0..4usize) {
        let plan = plan(&places, keep);
        let mut answered: Vec<usize> = plan.removed.iter().map(|r| r.place).collect();
        answered.extend(plan.refused.iter().map(|(place, _)| *place));
        answered.sort_unstable();
        let candidates: Vec<usize> =
            (0..places.len()).filter(|k| places[*k].items.is_some()).collect();
        prop_assert_eq!(answered, candidates);
    }

    #[test]
    fn enough_nodes_are_kept(places in any_places(), keep in 0..4usize) {
        let plan = plan(&places, keep);
        let takers = places.iter().filter(|p| p.room.is_some()).count();
        let gone = plan.removed.iter().filter(|r| places[r.place].room.is_some()).count();
        prop_assert!(gone == 0 || takers - gone >= keep.max(1));
    }

    #[test]
    fn order_does_not_matter(
        places in any_places(),
        keep in 0..4usize,
        turn in 0..9usize,
    ) {
        let mut turned = places.clone();
        turned.rotate_left(turn.min(places.len()));
        turned.iter_mut().flat_map(|p| &mut p.items).for_each(|items| items.reverse());
        prop_assert_eq!(outcome(&turned, keep), outcome(&places, keep));
    }
}
