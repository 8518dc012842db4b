//! A few seconds of `just soak`, with a seed of its own.

use std::time::Duration;

use e2e::program;
use e2e::soak::{End, Settings, run};

#[test]
fn through_random_troubles_no_number_is_wrong_and_each_spell_is_recovered_from() {
    let settings = Settings {
        program: program("k8s-ai-exporter"),
        seed: 20,
        interval: Duration::from_millis(250),
        tour: 0,
        warm_up: 0,
        end: End::Spells(6),
    };
    let mut said = Vec::new();
    let outcome = run(settings, &mut |line| said.push(line.to_owned()));
    assert_eq!(outcome.wrong(), Vec::<String>::new(), "{said:#?}");
    assert!(outcome.troubles() >= 6, "{said:#?}");
    assert!(outcome.checked() > 1000, "{}", outcome.table());
}
