//! Settings from environment variables: every problem is reported, not only the first, and a variable of ours that
//! nobody reads is a problem too: it is a setting that somebody believes to be in force.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use iguazu_transform::Secrets;

/// What the names of our variables begin with.
pub const PREFIX: &str = "IGUAZU_";

/// What the names of secrets begin with; the name of the secret in upper case follows.
pub const SECRET_PREFIX: &str = "IGUAZU_SECRET_";

/// What is said of a table's name that is none.
pub const TABLE_EXPECTED: &str = "a lower-case letter, then up to 63 of [a-z0-9_]";

/// A variable: its name, and what it is for with its default.
pub type Variable = (&'static str, &'static str);

/// Everything that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// One line a problem: the variable, what is wrong, what is expected.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem(s)", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigError {}

/// The variables of a process, and what was found to be wrong with them.
pub struct Reader<'a> {
    variables: BTreeMap<&'a str, &'a str>,
    /// The problems so far.
    pub problems: Vec<String>,
}

impl<'a> Reader<'a> {
    /// The variables of a process of which `known` are ours; others of our names are problems.
    #[must_use]
    pub fn new(variables: &'a [(String, String)], known: &[Variable]) -> Self {
        let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut reader = Self { variables, problems: Vec::new() };
        reader.refuse_unknown(known);
        reader
    }

    /// A variable's value, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).copied()
    }

    /// A variable that must be set.
    pub fn required(&mut self, name: &'static str, expected: &str) -> String {
        match self.variables.get(name) {
            Some(value) if !value.is_empty() => (*value).to_owned(),
            Some(_) => self.problem(name, "is empty", expected),
            None => self.problem(name, "is not set", expected),
        }
    }

    /// Writes down a problem; the text that it returns stands for the value that is missing.
    pub fn problem(&mut self, name: &str, problem: &str, expected: &str) -> String {
        self.problems.push(format!("{name} {problem}: expected {expected}"));
        String::new()
    }

    /// A variable's value, or the default.
    pub fn parsed<T: FromStr>(&mut self, name: &'static str, default: T, expected: &str, valid: fn(&T) -> bool) -> T {
        let Some(text) = self.variables.get(name).copied() else { return default };
        match text.parse().ok().filter(valid) {
            Some(value) => value,
            None => {
                self.problem(name, &format!("is {text:?}"), expected);
                default
            }
        }
    }

    /// The CloudWatch namespace of the metrics.
    pub fn metrics_namespace(&mut self) -> String {
        self.parsed(
            "IGUAZU_METRICS_NAMESPACE",
            "Iguazu".to_owned(),
            "1 to 255 of [A-Za-z0-9._/#: -], beginning with a letter or digit and not with AWS/",
            |namespace| is_namespace(namespace),
        )
    }

    /// The least level that is logged.
    pub fn log_level(&mut self) -> String {
        self.parsed("IGUAZU_LOG", "info".to_owned(), "error, warn, info, debug or trace", |level| {
            ["error", "warn", "info", "debug", "trace"].contains(&level.as_str())
        })
    }

    /// Whether S3 is addressed by path.
    pub fn s3_path_style(&mut self) -> bool {
        self.parsed("IGUAZU_S3_PATH_STYLE", false, "true or false", |_| true)
    }

    /// The secrets, by the names that contracts have for them.
    pub fn secrets(&mut self) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, value) in self.variables.clone() {
            let Some(secret) = name.strip_prefix(SECRET_PREFIX) else { continue };
            match secret.to_ascii_lowercase().parse() {
                Ok(secret) => {
                    if let Err(error) = secrets.insert(secret, value.as_bytes()) {
                        self.problems.push(format!("{name}: {error}"));
                    }
                }
                Err(error) => self.problems.push(format!("{name} does not name a secret: {error}")),
            }
        }
        secrets
    }

    fn refuse_unknown(&mut self, variables: &[Variable]) {
        let ours = self.variables.keys().filter(|name| name.starts_with(PREFIX) && !name.starts_with(SECRET_PREFIX));
        let unknown = ours.filter(|name| !variables.iter().any(|(known, _)| known == *name));
        let known: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
        let problems: Vec<_> =
            unknown.map(|name| format!("{name} is not known: expected one of {}", known.join(", "))).collect();
        self.problems.extend(problems);
    }
}

/// Whether metrics may go under this name. CloudWatch drops those under another where nobody sees it, and keeps `AWS/`
/// for itself.
fn is_namespace(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/#: -".contains(&byte);
    let begins = text.starts_with(|first: char| first.is_ascii_alphanumeric()) && !text.starts_with("AWS/");
    begins && text.len() <= 255 && text.bytes().all(allowed)
}
