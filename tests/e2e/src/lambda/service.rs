//! The two calls of Lambda's API that the functions make: for their own mappings, and to invoke a worker.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;

use super::function::Function;
use crate::background::spawn;
use crate::proxy::Weather;
use crate::tally::What;

/// How often Lambda tries an event invocation again.
const RETRIES: u32 = 2;

/// The service.
pub struct Service {
    weather: Arc<Weather>,
    stream_arn: String,
    functions: OnceLock<Vec<Arc<Function>>>,
}

impl Service {
    /// Starts it, and says where it listens.
    ///
    /// # Errors
    /// Where no port is free.
    pub async fn start(weather: Arc<Weather>, stream_arn: String) -> std::io::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let service = Arc::new(Self { weather, stream_arn, functions: OnceLock::new() });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&service));
        spawn(async move {
            let served = axum::serve(listener, router).await;
            eprintln!("the API of Lambda ended: {served:?}");
        });
        Ok((service, address))
    }

    /// Says which functions there are. Their environment names the address of this service, so they come after it.
    pub fn deploy(&self, functions: Vec<Arc<Function>>) {
        let _ = self.functions.set(functions);
    }

    /// Invokes a function without waiting; one that fails is tried again, as Lambda does.
    pub fn invoke(self: &Arc<Self>, function: &Arc<Function>, payload: Bytes) {
        let (service, function) = (Arc::clone(self), Arc::clone(function));
        spawn(async move {
            let tally = &service.weather.tally;
            for tries in 0..=RETRIES {
                if function.invoke(payload.clone()).await.is_ok() {
                    return;
                }
                tally.add(if tries == RETRIES { What::AsyncLost } else { What::AsyncRetries });
            }
        });
    }

    /// The function's own mapping, as a deployment sets it.
    fn mappings(&self) -> Response<Body> {
        let mapping = json!({
            "UUID": "3f0c1d9e-0000-4000-8000-000000000001",
            "EventSourceArn": self.stream_arn,
            "State": "Enabled",
            "BatchSize": 10_000,
            "ParallelizationFactor": 1,
            "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": -1,
            "BisectBatchOnFunctionError": true,
            "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        });
        reply(StatusCode::OK, json!({ "EventSourceMappings": [mapping] }).to_string())
    }
}

fn reply(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    reply
}

async fn serve(
    State(service): State<Arc<Service>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path().trim_matches('/').split('/').collect::<Vec<_>>();
    match (&method, path.as_slice()) {
        (&Method::GET, ["2015-03-31", "event-source-mappings"]) => service.mappings(),
        (&Method::POST, ["2015-03-31", "functions", name, "invocations"]) => {
            let found = service.functions.get().and_then(|all| all.iter().find(|function| function.name() == *name));
            let is_event = headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
            match found {
                Some(function) if is_event => {
                    service.invoke(function, body);
                    reply(StatusCode::ACCEPTED, Body::empty())
                }
                _ => reply(StatusCode::NOT_FOUND, r#"{"Message":"there is no such function"}"#),
            }
        }
        _ => reply(StatusCode::NOT_FOUND, r#"{"Message":"the test has no such call"}"#),
    }
}
