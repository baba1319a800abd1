//! The environment of a process: its variables, and those by which Lambda makes itself known.

use std::ffi::OsString;

use crate::variables::{ConfigError, PREFIX};

/// What the environment of a Lambda function says.
#[derive(Debug)]
pub struct Environment {
    /// The variables that are Unicode.
    pub variables: Vec<(String, String)>,
    /// The function's name.
    pub function: String,
    /// What is wrong with it.
    problems: Vec<String>,
}

impl Environment {
    /// Reads it.
    #[must_use]
    pub fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        // Not `vars`, which panics where any variable of the process is not Unicode.
        let variables = std::env::vars_os();
        Self::of(variables)
    }

    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Self {
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
        Self { variables: unicode, function, problems }
    }

    /// Adds a problem that was found elsewhere.
    pub fn refuse(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// A configuration that was read of these variables, if nothing is wrong with either. Lambda's runtime would panic
    /// without its own.
    ///
    /// # Errors
    /// With every problem that was found.
    pub fn with<C>(self, config: Result<C, ConfigError>) -> Result<(C, String), ConfigError> {
        let Self { function, mut problems, .. } = self;
        match config {
            Ok(config) if problems.is_empty() => Ok((config, function)),
            Ok(_) => Err(ConfigError { problems }),
            Err(error) => {
                problems.splice(0..0, error.problems);
                Err(ConfigError { problems })
            }
        }
    }
}
