//! The flags of the backend and its queries.

use std::path::PathBuf;
use std::time::Duration;

use contract::series;
use settings::{Given, Syntax, UsageError, Within, settings};
use webclient::{BaseUrl, Header};

use super::command::DOCTOR;
use crate::connection::{Backend, IdentityFiles, Login};

const DEADLINES: Within = Within::Durations(Duration::from_millis(1)..=Duration::from_secs(3600));

settings! {
    /// The flags of the backend.
    pub struct Flags {
        "Backend", unused_with: Some("--input"), commands: DOCTOR => {
            /// URL of the backend, with its path prefix if there is one; /api/v1/query_range is added
            prometheus_url: BackendUrl = "http://prometheus-operated.monitoring.svc:9090",
                conflicts: Some("--input");

            /// PEM file with the CAs to trust over https
            ca_file: Option<PathBuf>, without: "the public CAs";

            /// PEM file with the client certificate to present over https
            client_cert_file: Option<PathBuf>, requires: Some("--client-key-file");

            /// PEM file with the private key of the client certificate
            client_key_file: Option<PathBuf>, secret: true, requires: Some("--client-cert-file");

            /// file with a bearer token; read again for each query
            bearer_token_file: Option<PathBuf>, secret: true;

            /// user for basic authentication
            basic_auth_user: Option<UserName>, requires: Some("--basic-auth-password-file");

            /// file with the password for basic authentication; read again for each query
            basic_auth_password_file: Option<PathBuf>, secret: true,
                requires: Some("--basic-auth-user");

            /// header to send with each query, such as 'X-Scope-OrgID: team'; the variable has one on each
            /// line
            header: Vec<TypedHeader>, variables: &["HEADERS"];

            /// file with secret headers, one on each line
            header_file: Option<PathBuf>, secret: true;

            /// deadline of a request to the backend
            timeout: Duration = "30s", within: DEADLINES, variables: &[];

            /// no query starts later than this after the start of the run, retries included
            deadline: Duration = "3m", within: DEADLINES, variables: &[];
        }

        "Queries", commands: DOCTOR => {
            /// PromQL for cores used, with a label node
            cpu_query: String = series::CPU_USAGE.name, value_name: "promql";

            /// PromQL for bytes used, with a label node
            memory_query: String = series::MEMORY_USAGE.name, value_name: "promql",
                variables: &["MEM_QUERY", "MEMORY_QUERY"];
        }
    }
}

/// A header of `--header`.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedHeader {
    /// `Name: value`, as it was given.
    text: String,
    header: Header,
}

pub(super) fn resolve(flags: &Flags, given: &Given<'_>) -> Result<Backend, UsageError> {
    let identity = (flags.client_cert_file.clone()).zip(flags.client_key_file.clone());
    if identity.is_some() && !flags.prometheus_url.is_https() {
        let setting = const { Flags::setting("--client-cert-file") };
        return Err(given.requires(setting, "an https:// --prometheus-url"));
    }
    let basic = (flags.basic_auth_user.clone()).zip(flags.basic_auth_password_file.clone());
    let login = match (flags.bearer_token_file.clone(), basic) {
        (None, None) => Login::None,
        (Some(token), None) => Login::BearerTokenFile(token),
        (None, Some((user, password_file))) => Login::Basic {
            user,
            password_file,
        },
        (Some(_), Some(_)) => {
            let setting = const { Flags::setting("--bearer-token-file") };
            return Err(given.conflict(setting, "--basic-auth-user"));
        }
    };
    Ok(Backend {
        url: flags.prometheus_url.clone(),
        ca_file: flags.ca_file.clone(),
        identity: identity.map(|(certificate, key)| IdentityFiles { certificate, key }),
        login,
        headers: flags
            .header
            .iter()
            .map(|typed| typed.header.clone())
            .collect(),
        header_file: flags.header_file.clone(),
        timeout: flags.timeout,
        deadline: flags.deadline,
    })
}

/// The syntax of the URL of a backend.
#[derive(Debug)]
pub struct BackendUrl;

/// The paths that often remain at the end of a URL copied from a browser or documentation.
const PASTED: &[&str] = &[
    "/api/v1/query_range",
    "/api/v1/query",
    "/api/v1/series",
    "/api/v1/write",
    "/api/v1",
    "/classic/graph",
    "/graph",
    "/targets",
    "/alerts",
    "/metrics",
    "/-/healthy",
    "/-/ready",
];

impl Syntax for BackendUrl {
    type Value = BaseUrl;
    const VALUE_NAME: &'static str = "url";

    fn expected(_: &Within) -> String {
        "a URL such as https://host:port or http://host:port/prefix".to_owned()
    }

    fn parse(text: &str, _: &Within) -> Result<BaseUrl, String> {
        let page = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        let page = page.trim_end_matches('/');
        // The query page of Prometheus 3. Without a query string, /query may be a path prefix.
        let queried = text[page.len()..].contains('?').then_some("/query");
        let ends = PASTED.iter().copied().chain(queried);
        let found = ends
            .filter_map(|end| Some((end, BaseUrl::parse(page.strip_suffix(end)?).ok()?)))
            .next();
        match found {
            Some((end, base)) => Err(format!("the URL without {end:?}: {base}")),
            None => BaseUrl::parse(text).map_err(|expected| expected.to_string()),
        }
    }

    fn print(value: &BaseUrl) -> String {
        value.to_string()
    }
}

/// The user of basic authentication.
#[derive(Debug)]
pub struct UserName;

impl Syntax for UserName {
    type Value = String;
    const VALUE_NAME: &'static str = "name";

    fn expected(_: &Within) -> String {
        "a user name without a colon".to_owned()
    }

    /// RFC 7617: a colon would end the name, and control characters are not allowed.
    fn parse(text: &str, within: &Within) -> Result<String, String> {
        let fits = !text.is_empty() && !text.chars().any(|c| c == ':' || c.is_control());
        fits.then(|| text.to_owned())
            .ok_or_else(|| Self::expected(within))
    }

    fn print(value: &String) -> String {
        value.clone()
    }

    /// A password usually follows a colon.
    fn shown(text: &str) -> String {
        until_colon(text)
    }
}

/// Headers that are secret by definition, and would be visible in the list of processes.
const SECRET: &[&str] = &["authorization", "cookie", "proxy-authorization"];

impl Syntax for TypedHeader {
    type Value = Self;
    const VALUE_NAME: &'static str = "header";

    fn expected(_: &Within) -> String {
        "a header such as 'X-Scope-OrgID: team'".to_owned()
    }

    fn parse(text: &str, _: &Within) -> Result<Self, String> {
        let header = Header::parse(text).map_err(|expected| expected.to_string())?;
        match SECRET.contains(&header.name()) {
            true => Err("no secret on a command line: use --header-file".to_owned()),
            false => Ok(Self {
                text: text.to_owned(),
                header,
            }),
        }
    }

    fn print(value: &Self) -> String {
        value.text.clone()
    }

    /// A secret may follow the name.
    fn shown(text: &str) -> String {
        until_colon(text)
    }
}

fn until_colon(text: &str) -> String {
    text.split(':').next().unwrap_or_default().to_owned()
}
