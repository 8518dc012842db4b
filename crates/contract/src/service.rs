//! Every series of a long-running agent about itself: name, type, help text, labels.
//! Those of its newest report are in [`crate::report`].

use crate::label;
use crate::series::table;

table! {
    UP: Gauge "k8s_ai_agent_up" []
        "Whether the last run made a report (1) or failed (0); absent before the first";
    LAST_SUCCESS: Gauge "k8s_ai_agent_last_success_timestamp_seconds" []
        "Unix time of the last run with a report, in seconds";
    INTERVAL: Gauge "k8s_ai_agent_run_interval_seconds" []
        "Time from one run to the next, in seconds; a report older than three of them is no longer published";
    RUN_DURATION: Gauge "k8s_ai_agent_run_duration_seconds" []
        "Duration of the last run, sinks included, in seconds";
    RUNS: Counter "k8s_ai_agent_runs_total" []
        "Runs since the agent started";
    FAILED_RUNS: Counter "k8s_ai_agent_failed_runs_total" []
        "Runs without a report";
    SINK_UP: Gauge "k8s_ai_agent_sink_up" [label::SINK]
        "Whether the last report for the sink was delivered (1) or not (0)";
    SINK_FAILURES: Counter "k8s_ai_agent_sink_failures_total" [label::SINK]
        "Reports that were not delivered to the sink";
}
