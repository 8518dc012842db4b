//! Every series of the agent's report: name, type, help text, labels.
//!
//! All are gauges: a report describes a state and counts nothing. An unknown value has no
//! series.

use crate::label;
use crate::series::table;

table! {
    CPU_MAX: Gauge "k8s_node_cpu_forecast_max_cores" [label::NODE, label::BOUND]
        "Maximum of CPU usage over the forecast horizon, in cores: median, and quantiles at the ends of the prediction interval";
    CPU_MEAN: Gauge "k8s_node_cpu_forecast_mean_cores" [label::NODE, label::BOUND]
        "Mean CPU usage over the forecast horizon, in cores: expected value, and quantiles at the ends of the prediction interval";
    CPU_HELD: Gauge "k8s_node_cpu_forecast_held_cores" [label::NODE, label::BOUND]
        "Highest level of CPU usage held for --for within the forecast horizon, in cores: median, and quantiles at the ends of the prediction interval";
    MEMORY_MAX: Gauge "k8s_node_memory_forecast_max_bytes" [label::NODE, label::BOUND]
        "Maximum of memory usage over the forecast horizon, in bytes: median, and quantiles at the ends of the prediction interval";
    MEMORY_MEAN: Gauge "k8s_node_memory_forecast_mean_bytes" [label::NODE, label::BOUND]
        "Mean memory usage over the forecast horizon, in bytes: expected value, and quantiles at the ends of the prediction interval";
    MEMORY_HELD: Gauge "k8s_node_memory_forecast_held_bytes" [label::NODE, label::BOUND]
        "Highest level of memory usage held for --for within the forecast horizon, in bytes: median, and quantiles at the ends of the prediction interval";
    EXCEEDS_HIGH: Gauge "k8s_node_forecast_exceeds_high_ratio" [label::NODE, label::RESOURCE]
        "Probability, 0 to 1, that a level above the threshold for high is held for --for within the forecast horizon; absent if allocatable is unknown";
    TIME_TO_LIMIT: Gauge "k8s_node_forecast_time_to_limit_seconds" [label::NODE, label::RESOURCE, label::BOUND]
        "Seconds from the end of the window until allocatable is reached and held for --for: median, and quantiles at the ends of the prediction interval; absent if it is not within the horizon";
    INTERVAL_LEVEL: Gauge "k8s_node_forecast_interval_level_ratio" [label::NODE, label::RESOURCE]
        "Nominal coverage of the forecast's prediction interval, 0 to 1";
    MODEL: Info "k8s_node_forecast_model_info" [label::NODE, label::RESOURCE, label::MODEL]
        "Forecast model";
    POINTS: Gauge "k8s_node_forecast_points" [label::NODE, label::RESOURCE]
        "Points in the window";
    POINTS_EXPECTED: Gauge "k8s_node_forecast_points_expected" [label::NODE, label::RESOURCE]
        "Points in a window without gaps";
    BACKTEST_FOLDS: Gauge "k8s_node_backtest_folds" [label::NODE, label::RESOURCE]
        "Folds of the rolling-origin backtest on the series";
    BACKTEST_HORIZON: Gauge "k8s_node_backtest_horizon_seconds" [label::NODE, label::RESOURCE]
        "Horizon of the backtest, in seconds: that of the forecast, or less if the window is short";
    BACKTEST_MASE: Gauge "k8s_node_backtest_mase" [label::NODE, label::RESOURCE]
        "Mean absolute scaled error of the model over the backtest";
    BACKTEST_NAIVE_MASE: Gauge "k8s_node_backtest_naive_mase" [label::NODE, label::RESOURCE]
        "Mean absolute scaled error of the naive forecast over the same backtest, as a baseline";
    BACKTEST_COVERAGE: Gauge "k8s_node_backtest_coverage_ratio" [label::NODE, label::RESOURCE]
        "Empirical coverage of the model's prediction intervals over the backtest, 0 to 1";
    RESOURCE_ACTION: Gauge "k8s_node_resource_recommendation" [label::NODE, label::RESOURCE, label::ACTION]
        "1 for the action recommended for the resource, 0 for the others";
    RESOURCE_SEVERITY: Gauge "k8s_node_resource_recommendation_severity" [label::NODE, label::RESOURCE]
        "Severity of the recommendation for the resource: 0 none, 1 info, 2 warning, 3 critical";
    NODE_ACTION: Gauge "k8s_node_recommendation" [label::NODE, label::ACTION]
        "1 for the action recommended for the node, 0 for the others";
    NODE_SEVERITY: Gauge "k8s_node_recommendation_severity" [label::NODE]
        "Severity of the recommendation for the node: 0 none, 1 info, 2 warning, 3 critical";
    REMOVABLE: Gauge "k8s_node_removable" [label::NODE]
        "Whether the node could be removed because its pods fit on the others (1) or not (0); absent if not examined";
    THRESHOLD: Gauge "k8s_ai_agent_threshold_ratio" [label::THRESHOLD]
        "Share of allocatable, 0 to 1, above which a held level is high, or below which the upper end of the mean is low";
    PLAN: Info "k8s_ai_agent_fleet_view_info" [label::BASIS]
        "Data that the report on removable nodes is based on: requests, usage, or none";
    LOOKBACK: Gauge "k8s_ai_agent_lookback_seconds" []
        "Length of the window of past samples, in seconds";
    HORIZON: Gauge "k8s_ai_agent_horizon_seconds" []
        "Length of the forecast horizon, in seconds";
    REPORT_TIMESTAMP: Gauge "k8s_ai_agent_report_timestamp_seconds" []
        "Unix time at which the report was made, in seconds";
    REPORT_DURATION: Gauge "k8s_ai_agent_report_duration_seconds" []
        "Duration of the queries and the analysis, in seconds";
    REPORT_ERRORS: Gauge "k8s_ai_agent_report_errors" []
        "Errors in the report: data that is missing";
    REPORT_WARNINGS: Gauge "k8s_ai_agent_report_warnings" []
        "Warnings in the report";
    BUILD_INFO: Info "k8s_ai_agent_build_info" [label::VERSION]
        "Version of the agent that made the report";
}
