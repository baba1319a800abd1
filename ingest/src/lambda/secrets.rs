//! Secrets that are named by their ARN, so that they are in no template, no state and no console.

use std::fmt::Write as _;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use iguazu_lake::adapters::aws::CallLimits;
use iguazu_setup::environment::Environment;
use iguazu_setup::variables::SECRET_PREFIX;

/// Puts the secrets themselves in the place of their ARNs. One that cannot be had is a problem of the environment.
pub(super) async fn fetch(environment: &mut Environment) {
    let named = |(name, value): &(String, String)| name.starts_with(SECRET_PREFIX) && is_arn(value);
    if !environment.variables.iter().any(named) {
        return;
    }
    // Where no secret is named, nothing is asked of AWS before the configuration is known to be sound.
    let shared = aws_config::defaults(BehaviorVersion::latest()).load().await;
    let limits = CallLimits::default();
    let config =
        Builder::from(&shared).timeout_config(limits.timeouts().to_builder().operation_timeout(limits.read).build());
    let client = Client::from_conf(config.build());
    let mut problems = Vec::new();
    for (name, value) in environment.variables.iter_mut().filter(|variable| named(variable)) {
        match secret(&client, value).await {
            Ok(secret) => *value = secret,
            Err(problem) => problems.push(format!("{name} is {value}: {problem}")),
        }
    }
    for problem in problems {
        environment.refuse(problem);
    }
}

/// Whether a text is the ARN of a secret. No secret is taken for one: it would have to begin so itself.
fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.split(':').nth(2) == Some("secretsmanager")
}

async fn secret(client: &Client, arn: &str) -> Result<String, String> {
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let answer = answer.map_err(|error| {
        let mut problem = String::from("expected a secret that the function may read (secretsmanager:GetSecretValue)");
        // Writing to a string does not fail.
        let _ = write!(problem, ": {}", DisplayErrorContext(&error));
        problem
    })?;
    answer.secret_string.ok_or_else(|| "expected a secret that is text, and it is binary".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_of_a_secret_is_told_from_a_secret() {
        assert!(is_arn("arn:aws:secretsmanager:eu-west-1:000000000000:secret:customer-key-a1b2c3"));
        assert!(is_arn("arn:aws-cn:secretsmanager:cn-north-1:000000000000:secret:x"));
        assert!(!is_arn("arn:aws:s3:::secretsmanager"));
        assert!(!is_arn("0123456789abcdef0123456789abcdef"));
    }
}
