//! Flags that may be given more than once, with different values.

/// Returns the first item whose key an earlier item has.
pub(super) fn repeated<T, K: PartialEq>(items: &[T], key: impl Fn(&T) -> &K) -> Option<&T> {
    let is_repeated = |(index, item): &(usize, &T)| {
        let mut earlier = items[..*index].iter();
        earlier.any(|other| key(other) == key(item))
    };
    items
        .iter()
        .enumerate()
        .find(is_repeated)
        .map(|(_, item)| item)
}
