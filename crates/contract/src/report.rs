//! Every series of the agent's report: name, type, help text, labels.
//!
//! All are gauges: a report says how things are, and counts nothing. Where a
//! report does not know a value, the series is absent.

use crate::label;
use crate::series::table;

table! {
    CPU_MAX: Gauge "k8s_node_cpu_forecast_max_cores" [label::NODE, label::BOUND]
        "Highest CPU forecast over the horizon, in cores: expected, and the ends of its interval";
    CPU_MEAN: Gauge "k8s_node_cpu_forecast_mean_cores" [label::NODE, label::BOUND]
        "Mean CPU forecast over the horizon, in cores: expected, and the ends of its interval";
    MEMORY_MAX: Gauge "k8s_node_memory_forecast_max_bytes" [label::NODE, label::BOUND]
        "Highest memory forecast over the horizon, in bytes: expected, and the ends of its interval";
    MEMORY_MEAN: Gauge "k8s_node_memory_forecast_mean_bytes" [label::NODE, label::BOUND]
        "Mean memory forecast over the horizon, in bytes: expected, and the ends of its interval";
    TIME_TO_LIMIT: Gauge "k8s_node_forecast_time_to_limit_seconds" [label::NODE, label::RESOURCE, label::BOUND]
        "Seconds from the end of the window until the forecast, or that end of its interval, reaches allocatable; absent if it does not within the horizon";
    INTERVAL_LEVEL: Gauge "k8s_node_forecast_interval_level_ratio" [label::NODE, label::RESOURCE]
        "Share of what comes that the forecast's interval is meant to hold, 0 to 1";
    MODEL: Info "k8s_node_forecast_model_info" [label::NODE, label::RESOURCE, label::MODEL]
        "Model behind the forecast";
    POINTS: Gauge "k8s_node_forecast_points" [label::NODE, label::RESOURCE]
        "Points of the window that the forecast could use";
    POINTS_EXPECTED: Gauge "k8s_node_forecast_points_expected" [label::NODE, label::RESOURCE]
        "Points that a window without gaps would have";
    BACKTEST_FOLDS: Gauge "k8s_node_backtest_folds" [label::NODE, label::RESOURCE]
        "Moments of the past at which the model was tried on the series itself";
    BACKTEST_HORIZON: Gauge "k8s_node_backtest_horizon_seconds" [label::NODE, label::RESOURCE]
        "How far ahead the model was tried there: the horizon of the forecast, or less where the window is short";
    BACKTEST_MASE: Gauge "k8s_node_backtest_mase" [label::NODE, label::RESOURCE]
        "Mean absolute scaled error of the model over those moments";
    BACKTEST_NAIVE_MASE: Gauge "k8s_node_backtest_naive_mase" [label::NODE, label::RESOURCE]
        "Mean absolute scaled error of the newest value carried forward over the same moments: what the model has to beat";
    BACKTEST_COVERAGE: Gauge "k8s_node_backtest_coverage_ratio" [label::NODE, label::RESOURCE]
        "Share of what came after those moments that lay within the model's intervals, 0 to 1";
    RESOURCE_ACTION: Gauge "k8s_node_resource_recommendation" [label::NODE, label::RESOURCE, label::ACTION]
        "Whether the action is the one recommended for the resource (1) or not (0)";
    RESOURCE_SEVERITY: Gauge "k8s_node_resource_recommendation_severity" [label::NODE, label::RESOURCE]
        "How urgent the recommendation for the resource is: 0 none, 1 info, 2 warning, 3 critical";
    NODE_ACTION: Gauge "k8s_node_recommendation" [label::NODE, label::ACTION]
        "Whether the action is the one recommended for the node (1) or not (0)";
    NODE_SEVERITY: Gauge "k8s_node_recommendation_severity" [label::NODE]
        "How urgent the recommendation for the node is: 0 none, 1 info, 2 warning, 3 critical";
    REMOVABLE: Gauge "k8s_node_removable" [label::NODE]
        "Whether the node could be removed, what is on it fitting on the others (1), or not (0); absent if nobody looked";
    THRESHOLD: Gauge "k8s_ai_agent_threshold_ratio" [label::THRESHOLD]
        "Share of allocatable, 0 to 1, above which a forecast maximum is high or under which a forecast mean is low";
    PLAN: Info "k8s_ai_agent_fleet_view_info" [label::BASIS]
        "What the view of the fleet is drawn from: requests, usage, or none";
    LOOKBACK: Gauge "k8s_ai_agent_lookback_seconds" []
        "Length of the window that was looked back on";
    HORIZON: Gauge "k8s_ai_agent_horizon_seconds" []
        "Length of the horizon that was forecast";
    REPORT_TIMESTAMP: Gauge "k8s_ai_agent_report_timestamp_seconds" []
        "Unix time at which the report was made, in seconds";
    REPORT_DURATION: Gauge "k8s_ai_agent_report_duration_seconds" []
        "How long asking for the points and judging them took, in seconds";
    REPORT_ERRORS: Gauge "k8s_ai_agent_report_errors" []
        "Things that are missing from the report";
    REPORT_WARNINGS: Gauge "k8s_ai_agent_report_warnings" []
        "Other things about the report that are worth knowing";
    BUILD_INFO: Info "k8s_ai_agent_build_info" [label::VERSION]
        "Version of the agent that made the report";
}
