//! Which backend is asked, how it is reached, and what it is asked.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use commandline::{BadValue, Environment, flag, parse_text, setting};
use contract::series;
use quantity::{Interval, parse_duration};
use webclient::{BaseUrl, Header};

use super::flags::Args;
use crate::collect::UsageQueries;

const DEFAULT_URL: &str = "http://prometheus-operated.monitoring.svc:9090";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(180);

/// The backend and the queries. Its files are not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Backend {
    /// Where it is.
    pub url: BaseUrl,
    /// Whom to trust over TLS, if not the public authorities.
    pub ca_file: Option<PathBuf>,
    /// The client certificate to show over TLS.
    pub identity: Option<IdentityFiles>,
    /// Who is asking.
    pub login: Login,
    /// Headers that are no secret, such as a tenant's.
    pub headers: Vec<TypedHeader>,
    /// A file with more headers, which may be secret.
    pub header_file: Option<PathBuf>,
    /// Deadline of one exchange.
    pub timeout: Duration,
    /// How long after its start a report may still begin an exchange.
    pub deadline: Duration,
    /// What to ask for usage.
    pub queries: UsageQueries,
}

/// The files of a client certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct IdentityFiles {
    /// The certificate with what it was issued by.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq)]
pub enum Login {
    /// Nobody in particular.
    None,
    /// Whoever holds the token in this file.
    BearerTokenFile(PathBuf),
    /// A user with the password in a file.
    Basic {
        /// The user's name.
        user: String,
        /// The file.
        password_file: PathBuf,
    },
}

/// A header as it was typed, which is printed again for `--print-config`.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedHeader {
    /// `Name: value`.
    pub text: String,
    /// The same, proven.
    pub header: Header,
}

impl Backend {
    pub(super) fn resolve(args: &Args, environment: Environment<'_>) -> Result<Self, BadValue> {
        let text = |flag, typed: &Option<String>, variables: &[&str]| {
            setting(environment, flag, typed.clone(), variables, parse_text)
        };
        let url = setting(
            environment,
            "--prometheus-url",
            args.prometheus_url.clone(),
            &["PROMETHEUS_URL"],
            BaseUrl::parse,
        )?
        .unwrap_or_else(|| {
            BaseUrl::parse(DEFAULT_URL).expect("the default is a URL: a test reads it")
        });
        let ca_file = text("--ca-file", &args.ca_file, &["CA_FILE"])?;
        let header_file = text("--header-file", &args.header_file, &["HEADER_FILE"])?;
        let timeout = flag("--timeout", args.timeout.clone(), parse_timeout)?;
        let deadline = flag("--deadline", args.deadline.clone(), parse_timeout)?;
        let cpu = text("--cpu-query", &args.cpu_query, &["CPU_QUERY"])?;
        let memory = text(
            "--memory-query",
            &args.memory_query,
            &["MEM_QUERY", "MEMORY_QUERY"],
        )?;
        Ok(Self {
            identity: identity(args, environment, &url)?,
            login: login(args, environment)?,
            url,
            ca_file: ca_file.map(PathBuf::from),
            headers: headers(args, environment)?,
            header_file: header_file.map(PathBuf::from),
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            deadline: deadline.unwrap_or(DEFAULT_DEADLINE),
            queries: UsageQueries {
                cpu: cpu.unwrap_or_else(|| series::CPU_USAGE.name.to_owned()),
                memory: memory.unwrap_or_else(|| series::MEMORY_USAGE.name.to_owned()),
            },
        })
    }
}

fn identity(
    args: &Args,
    environment: Environment<'_>,
    url: &BaseUrl,
) -> Result<Option<IdentityFiles>, BadValue> {
    let (cert_flag, key_flag) = ("--client-cert-file", "--client-key-file");
    let file = |flag, typed: &Option<String>, variable| {
        setting(environment, flag, typed.clone(), &[variable], parse_text)
    };
    let certificate = file(cert_flag, &args.client_cert_file, "CLIENT_CERT_FILE")?;
    let key = file(key_flag, &args.client_key_file, "CLIENT_KEY_FILE")?;
    match pair(cert_flag, certificate, key_flag, key)? {
        Some((certificate, _)) if !url.is_https() => Err(of_no_use(
            cert_flag,
            certificate,
            "with a --prometheus-url that is not https",
        )),
        files => Ok(files.map(|(certificate, key)| IdentityFiles {
            certificate: certificate.into(),
            key: key.into(),
        })),
    }
}

fn login(args: &Args, environment: Environment<'_>) -> Result<Login, BadValue> {
    let (token_flag, user_flag, password_flag) = (
        "--bearer-token-file",
        "--basic-auth-user",
        "--basic-auth-password-file",
    );
    let text = |flag, typed: &Option<String>, variable| {
        setting(environment, flag, typed.clone(), &[variable], parse_text)
    };
    let token = text(token_flag, &args.bearer_token_file, "BEARER_TOKEN_FILE")?;
    let password = text(
        password_flag,
        &args.basic_auth_password_file,
        "BASIC_AUTH_PASSWORD_FILE",
    )?;
    let user = setting(
        environment,
        user_flag,
        args.basic_auth_user.clone(),
        &["BASIC_AUTH_USER"],
        parse_user,
    )
    .map_err(|bad| BadValue {
        // What follows a colon is a password, as people write it.
        value: until_colon(&bad.value),
        ..bad
    })?;
    match (token, pair(user_flag, user, password_flag, password)?) {
        (None, None) => Ok(Login::None),
        (Some(token), None) => Ok(Login::BearerTokenFile(token.into())),
        (None, Some((user, password))) => Ok(Login::Basic {
            user,
            password_file: password.into(),
        }),
        (Some(token), Some(_)) => Err(of_no_use(token_flag, token, "beside --basic-auth-user")),
    }
}

/// Two values that are of use together only.
fn pair(
    first: &str,
    one: Option<String>,
    second: &str,
    other: Option<String>,
) -> Result<Option<(String, String)>, BadValue> {
    match (one, other) {
        (Some(one), Some(other)) => Ok(Some((one, other))),
        (None, None) => Ok(None),
        (Some(one), None) => Err(of_no_use(first, one, &format!("without {second}"))),
        (None, Some(other)) => Err(of_no_use(second, other, &format!("without {first}"))),
    }
}

fn of_no_use(setting: &str, value: String, why: &str) -> BadValue {
    BadValue {
        setting: setting.to_owned(),
        value,
        expected: format!("of use {why}"),
    }
}

/// Headers as typed, or else those of the variable, one a line.
fn headers(args: &Args, environment: Environment<'_>) -> Result<Vec<TypedHeader>, BadValue> {
    let (setting, texts) = match args.header.as_slice() {
        [] => ("HEADERS", environment("HEADERS").unwrap_or_default()),
        typed => ("--header", typed.join("\n")),
    };
    let lines = texts.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|text| {
            let header = parse_header(text).map_err(|expected| BadValue {
                setting: setting.to_owned(),
                // What follows the name may be a secret after all.
                value: until_colon(text),
                expected,
            })?;
            Ok(TypedHeader {
                text: text.to_owned(),
                header,
            })
        })
        .collect()
}

fn until_colon(text: &str) -> String {
    text.split(':').next().unwrap_or_default().to_owned()
}

/// Headers that hold a secret by their very meaning, which would be there to read
/// for whoever sees the list of processes.
const SECRET: &[&str] = &["authorization", "cookie", "proxy-authorization"];

fn parse_header(text: &str) -> Result<Header, String> {
    let header = Header::parse(text).map_err(|bad| bad.to_string())?;
    match SECRET.contains(&header.name()) {
        true => Err("for a command line: it is a secret, and belongs into a --header-file".into()),
        false => Ok(header),
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--prometheus-url={}", self.url)?;
        if let Some(path) = &self.ca_file {
            writeln!(f, "--ca-file={}", path.display())?;
        }
        if let Some(files) = &self.identity {
            writeln!(f, "--client-cert-file={}", files.certificate.display())?;
            writeln!(f, "--client-key-file={}", files.key.display())?;
        }
        match &self.login {
            Login::None => {}
            Login::BearerTokenFile(file) => {
                writeln!(f, "--bearer-token-file={}", file.display())?;
            }
            Login::Basic {
                user,
                password_file,
            } => {
                writeln!(f, "--basic-auth-user={user}")?;
                writeln!(f, "--basic-auth-password-file={}", password_file.display())?;
            }
        }
        for header in &self.headers {
            writeln!(f, "--header={}", header.text)?;
        }
        if let Some(path) = &self.header_file {
            writeln!(f, "--header-file={}", path.display())?;
        }
        writeln!(f, "--timeout={}", Interval(self.timeout))?;
        writeln!(f, "--deadline={}", Interval(self.deadline))?;
        self.queries.fmt(f)
    }
}

impl fmt::Display for UsageQueries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--cpu-query={}", self.cpu)?;
        writeln!(f, "--memory-query={}", self.memory)
    }
}

fn parse_timeout(text: &str) -> Result<Duration, &'static str> {
    parse_duration(text)
        .ok()
        .filter(|d| (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(d))
        .ok_or("a duration such as 30s, from 1ms to 1h")
}

/// RFC 7617: a colon would end the name, and control characters have no place in it.
fn parse_user(text: &str) -> Result<String, &'static str> {
    let fits = !text.is_empty() && !text.chars().any(|c| c == ':' || c.is_control());
    fits.then(|| text.to_owned())
        .ok_or("a user's name, without a colon")
}
