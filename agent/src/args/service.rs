//! The flags of the service.

use std::path::PathBuf;
use std::time::Duration;

use contract::limit;
use settings::{Parsed, Within, settings};
use webserver::ListenAddress;

settings! {
    /// The flags of a service.
    pub struct Flags {
        "Service" => {
            /// keep running, report again and again, and serve the newest report on this address;
            /// nothing is printed: --format, --color and --fail-on have no effect
            serve: Option<Parsed<ListenAddress>>, value_name: "address", variables: &[];

            /// time from one report to the next
            every: Duration = "10m", within: Within::Durations(limit::EVERY), variables: &[],
                requires: Some("--serve");

            /// web configuration in the format of Prometheus's own exporters: TLS, users, headers;
            /// reloaded when it or a file that it names changes
            web_config_file: Option<PathBuf>, variables: &[], requires: Some("--serve"),
                aliases: &["--web.config.file"], without: "plain HTTP without authentication";

            /// file with a bearer token that is accepted on the port; reloaded when it changes
            web_bearer_token_file: Option<PathBuf>, variables: &[], secret: true,
                requires: Some("--serve");
        }
    }
}
