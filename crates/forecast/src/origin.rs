//! The forecast origin: the input of a model.

use quantity::Timestamp;

use crate::point::Point;

/// A forecast origin: the points known there, and the times to forecast.
#[derive(Debug, Clone)]
pub(crate) struct Origin<'a> {
    /// The points up to the origin, the newest last; not empty.
    pub(crate) before: &'a [Point],
    /// The points after the horizon, in a backtest: seasons are estimated from them too, so that
    /// they rest on as many periods as in the forecast. Otherwise empty.
    pub(crate) after: &'a [Point],
    /// The periods of the seasons found in the whole series, in seconds.
    pub(crate) periods: &'a [i64],
    /// The times to forecast, in order, all after the newest point.
    pub(crate) times: Vec<Timestamp>,
}

impl Origin<'_> {
    /// Returns all points except those within the horizon, in order of time.
    pub(crate) fn around(&self) -> Vec<Point> {
        [self.before, self.after].concat()
    }
}
