//! The place in a series from which a model predicts.

use quantity::Timestamp;

use crate::point::Point;

/// A forecast origin: the points that are known there, and the times to predict.
#[derive(Debug, Clone)]
pub(crate) struct Origin<'a> {
    /// The points up to the origin, the newest last; not empty.
    pub(crate) before: &'a [Point],
    /// In a backtest the points after those to predict: what repeats is learnt from
    /// them too, since the forecast will know as many repetitions. Otherwise empty.
    pub(crate) after: &'a [Point],
    /// The periods of the seasons that the whole series shows, in seconds.
    pub(crate) periods: &'a [i64],
    /// The times to predict, in order, all after the newest point.
    pub(crate) times: Vec<Timestamp>,
}

impl Origin<'_> {
    /// All points but those to predict, in order of time.
    pub(crate) fn around(&self) -> Vec<Point> {
        [self.before, self.after].concat()
    }
}
