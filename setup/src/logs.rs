//! Logs, as JSON.

/// Logs as JSON. The level is that of our own crates. What they build on logs warnings at most: at `trace` the
/// runtime of Lambda would log whole payloads.
pub fn init(level: &str) {
    let others = if level == "error" { "error" } else { "warn" };
    // The runtime logs each failed invocation a second time there, without its causes.
    let filter = format!("{others},iguazu={level},lambda_runtime::layers::panic=off");
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_current_span(false)
        .init();
}
