//! The environment of the process: our own variables, and those by which Lambda makes itself known.

use std::ffi::OsString;

use iguazu_lake::ids::TableName;

use crate::config::{Config, ConfigError, PREFIX};
use crate::contracts;

/// What the environment says.
pub(super) struct Environment {
    /// Our configuration.
    pub config: Config,
    /// The function's name.
    pub function: String,
}

impl Environment {
    /// Reads it.
    ///
    /// # Errors
    /// With every problem that was found, Lambda's variables included: its runtime would panic without them.
    pub(super) fn read(fallback: &TableName) -> Result<Self, ConfigError> {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        // Not `vars`, which panics where any variable of the process is not Unicode.
        let variables = std::env::vars_os();
        Self::from_variables(variables, fallback)
    }

    fn from_variables(
        variables: impl Iterator<Item = (OsString, OsString)>,
        fallback: &TableName,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut unicode = Vec::new();
        for (name, value) in variables {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => unicode.push((name, value)),
                (Ok(name), Err(_)) if name.starts_with(PREFIX) => problems.push(format!("{name} is not valid UTF-8")),
                // Nobody here reads it.
                _ => {}
            }
        }
        let lambda = |name: &str| unicode.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        for name in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"] {
            if lambda(name).is_none_or(str::is_empty) {
                problems.push(format!("{name} is not set: expected to be started by Lambda, which sets it"));
            }
        }
        if lambda("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").is_none_or(|size| size.parse::<i32>().is_err()) {
            problems.push("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is not a number: expected the one that Lambda sets".into());
        }
        let function = lambda("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default().to_owned();
        match Config::from_variables(&unicode, fallback, contracts::read_folder) {
            Ok(config) if problems.is_empty() => Ok(Self { config, function }),
            Ok(_) => Err(ConfigError { problems }),
            Err(error) => {
                problems.splice(0..0, error.problems);
                Err(ConfigError { problems })
            }
        }
    }
}
