//! Invoking the function again, without waiting for what comes of it.

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use futures_util::future::try_join_all;

use crate::task::Task;

/// Whoever is invoked.
pub(super) struct Workers {
    client: aws_sdk_lambda::Client,
    function: String,
}

/// A worker that could not be invoked. The next schedule invokes it again.
#[derive(Debug, thiserror::Error)]
#[error("the function {function} could not be invoked")]
pub(super) struct InvokeError {
    function: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Workers {
    pub(super) fn new(shared: &aws_config::SdkConfig, function: String) -> Self {
        Self { client: aws_sdk_lambda::Client::new(shared), function }
    }

    /// Invokes the function for each task. One that is invoked twice because a reply was lost does no harm.
    pub(super) async fn invoke(&self, tasks: &[Task]) -> Result<(), InvokeError> {
        let failed = |source| InvokeError { function: self.function.clone(), source };
        let calls = tasks.iter().map(|task| async move {
            let payload = serde_json::to_vec(task).map_err(|error| failed(error.into()))?;
            let call = self.client.invoke().function_name(&self.function);
            let call = call.invocation_type(InvocationType::Event).payload(Blob::new(payload));
            call.send().await.map(drop).map_err(|error| failed(error.into()))
        });
        try_join_all(calls).await.map(drop)
    }
}
