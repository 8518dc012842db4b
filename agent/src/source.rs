//! Where the points of a report come from, and over which window: a backend, or files.

use quantity::Timestamp;

use crate::args::{Config, USUAL_STEP_SECONDS};
use crate::collect::Source;
use crate::connection::{UnusableFile, client};
use crate::input::Recording;
use crate::prometheus::{Prometheus, sampling};
use crate::window::Window;

/// Reads the files that `config` names, and finds out what the step should be.
///
/// # Errors
/// When a file is of no use. A backend that is not there is no error yet.
pub fn open(config: &Config, now: Timestamp) -> Result<(Box<dyn Source>, Window), UnusableFile> {
    let queries = &config.backend.queries;
    if !config.inputs.is_empty() {
        let recording = Recording::read(&config.inputs, config.shard)?;
        let window = recording.window(&config.time, queries, now)?;
        return Ok((Box::new(recording), window));
    }
    let client = client(&config.backend)?;
    let prometheus = Prometheus::new(client, config.shard, config.backend.deadline);
    let at = config.time.at.unwrap_or(now);
    let interval = match config.time.step {
        Some(_) => None,
        // Who cannot say has a chance to say why when the points are asked for.
        None => prometheus
            .sample_times(&queries.cpu, at)
            .ok()
            .and_then(|times| sampling::interval(&times)),
    };
    let spans = config
        .time
        .lookback
        .and_then(|lookback| {
            let interval = interval.unwrap_or(USUAL_STEP_SECONDS);
            config
                .time
                .spans(lookback, interval, USUAL_STEP_SECONDS)
                .ok()
        })
        .expect("a lookback is set for a backend, and was checked with the other lengths");
    Ok((Box::new(prometheus), spans.ending_at(at)))
}
