//! Which part of the fleet the report is about.

use commandline::{BadValue, Environment, setting};

use super::flags::Args;
use shard::Shard;

/// What Kubernetes sets in each pod of an Indexed Job: from 0 up.
const INDEX: &str = "JOB_COMPLETION_INDEX";

pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Shard, BadValue> {
    let shard = setting(
        environment,
        "--shard",
        args.shard.clone(),
        &["SHARD"],
        Shard::parse,
    )?;
    if let Some(shard) = shard {
        return match &args.shards {
            None => Ok(shard),
            Some(shards) => Err(BadValue {
                setting: "--shards".to_owned(),
                value: shards.clone(),
                expected: "of use beside --shard".to_owned(),
            }),
        };
    }
    let count = setting(
        environment,
        "--shards",
        args.shards.clone(),
        &["SHARDS"],
        parse_count,
    )?;
    let Some(count) = count.filter(|count| *count > 1) else {
        return Ok(Shard::WHOLE);
    };
    let below = |text: &str| {
        text.parse()
            .ok()
            .and_then(|index| Shard::new(index, count))
            .ok_or_else(|| {
                format!(
                    "the index of one of {count} shards, from 0 to {}",
                    count - 1
                )
            })
    };
    let index = setting(environment, INDEX, None, &[INDEX], below)?;
    index.ok_or_else(|| BadValue {
        setting: "--shards".to_owned(),
        value: count.to_string(),
        expected: format!("of use without {INDEX}, which an Indexed Job sets: give --shard"),
    })
}

fn parse_count(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .ok()
        .filter(|count| Shard::new(0, *count).is_some())
        .ok_or("a number of shards from 1 to 10000")
}
