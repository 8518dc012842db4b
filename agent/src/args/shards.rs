//! The flags of shards.

use contract::limit;
use settings::{Environment, Given, Origin, Parsed, UsageError, Within, settings};
use shard::Shard;

settings! {
    /// The flags of shards.
    pub struct Flags {
        "Shards" => {
            /// report on one of several shards of the nodes only, counted from 0
            shard: Option<Parsed<Shard>>, value_name: "i/n", without: "0/1";

            /// number of shards; JOB_COMPLETION_INDEX, which an Indexed Job sets, selects the one to
            /// report on
            shards: Option<u64>, within: Within::numbers(&limit::SHARDS),
                conflicts: Some("--shard"), without: "1";
        }
    }
}

/// The variable that Kubernetes sets in each pod of an Indexed Job: its index, from 0.
const INDEX: &str = "JOB_COMPLETION_INDEX";

pub(super) fn resolve(
    flags: &mut Flags,
    given: &Given<'_>,
    environment: Environment<'_>,
) -> Result<Shard, UsageError> {
    let shard = match (flags.shard, flags.shards) {
        (Some(shard), _) => shard,
        (None, Some(count)) if count > 1 => of_job(count, given, environment)?,
        _ => Shard::WHOLE,
    };
    flags.shard = (!shard.is_whole()).then_some(shard);
    flags.shards = None;
    Ok(shard)
}

/// Returns the shard of this pod of an Indexed Job.
fn of_job(
    count: u64,
    given: &Given<'_>,
    environment: Environment<'_>,
) -> Result<Shard, UsageError> {
    let Some(index) = environment(INDEX).filter(|index| !index.is_empty()) else {
        let setting = const { Flags::setting("--shards") };
        return Err(given.requires(setting, "JOB_COMPLETION_INDEX, which an Indexed Job sets"));
    };
    let shard = || Shard::new(index.parse().ok()?, u32::try_from(count).ok()?);
    shard().ok_or_else(|| UsageError::Invalid {
        name: INDEX,
        origin: Origin::Flag,
        value: index.clone(),
        expected: format!("an index from 0 to {}, below --shards", count - 1),
    })
}
