//! The parts of AWS around one container that no stand-in plays: Lambda's runtime API, and the two questions that
//! the function asks of the control plane. One server answers them all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex as Turn, mpsc, watch};

/// When the stream of the tests was created. Not a whole second, and no number that a double holds exactly.
pub const CREATED_MS: u64 = 1_767_225_600_123;

/// What the control plane knows.
#[derive(Clone, Debug)]
pub struct Control {
    /// The function's mappings; with none at all, Lambda takes the question and never answers.
    pub mappings: Option<Vec<Value>>,
    /// Whether Kinesis takes the question and does not answer. Can be changed at any time.
    pub kinesis_silent: watch::Sender<bool>,
}

impl Control {
    /// A control plane that answers, with one mapping.
    pub fn with(mapping: Value) -> Self {
        Self { mappings: Some(vec![mapping]), kinesis_silent: watch::Sender::new(false) }
    }
}

/// A mapping as it should be.
pub fn sound_mapping() -> Value {
    json!({
        "UUID": "3f0c1d9e-0000-4000-8000-000000000001",
        "EventSourceArn": super::event::STREAM_ARN,
        "FunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:ingest",
        "State": "Enabled",
        "BatchSize": 1000,
        "ParallelizationFactor": 1,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "StartingPosition": "TRIM_HORIZON",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    })
}

/// What Lambda hands to the function.
#[derive(Debug)]
pub struct Event {
    pub request: String,
    pub payload: Bytes,
    pub deadline: Timestamp,
}

/// What the function told Lambda.
#[derive(Debug)]
pub struct Answer {
    pub request: String,
    /// `response` or `error`.
    pub kind: String,
    pub body: Value,
    /// When it arrived.
    pub at: Timestamp,
}

/// The server, from the side of the test.
pub struct Cloud {
    pub address: SocketAddr,
    pub events: mpsc::UnboundedSender<Event>,
    pub answers: mpsc::UnboundedReceiver<Answer>,
    /// How often the function has asked for an event.
    pub polls: watch::Receiver<u64>,
    /// Requests that nothing here answers.
    pub unexpected: Arc<Mutex<Vec<String>>>,
}

struct Server {
    control: Control,
    events: Turn<mpsc::UnboundedReceiver<Event>>,
    answers: mpsc::UnboundedSender<Answer>,
    polls: watch::Sender<u64>,
    unexpected: Arc<Mutex<Vec<String>>>,
}

impl Cloud {
    /// Starts the server; it lasts as long as the runtime.
    pub async fn start(control: Control) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (events, events_out) = mpsc::unbounded_channel();
        let (answers_in, answers) = mpsc::unbounded_channel();
        let (polls_in, polls) = watch::channel(0);
        let unexpected = Arc::new(Mutex::new(Vec::new()));
        let server = Arc::new(Server {
            control,
            events: Turn::new(events_out),
            answers: answers_in,
            polls: polls_in,
            unexpected: Arc::clone(&unexpected),
        });
        let router = Router::new().fallback(serve).with_state(server);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, events, answers, polls, unexpected }
    }
}

async fn serve(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    const RUNTIME: &str = "/2018-06-01/runtime/";
    let target = headers.get("x-amz-target").map_or("", |target| target.to_str().unwrap());
    let path: Vec<_> = uri.path().strip_prefix(RUNTIME).unwrap_or_default().split('/').collect();
    match (method, path.as_slice()) {
        (Method::GET, ["invocation", "next"]) => server.next().await,
        (Method::POST, ["invocation", request, kind @ ("response" | "error")]) => {
            let body = serde_json::from_slice(&body).unwrap();
            let at = SystemHost.now();
            let answer = Answer { request: (*request).to_owned(), kind: (*kind).to_owned(), body, at };
            let _ = server.answers.send(answer);
            Response::builder().status(StatusCode::ACCEPTED).body(Body::empty()).unwrap()
        }
        (Method::GET, _) if uri.path() == "/2015-03-31/event-source-mappings" => {
            assert_eq!(uri.query(), Some("FunctionName=ingest"));
            match &server.control.mappings {
                Some(mappings) => answer("application/json", &json!({ "EventSourceMappings": mappings })),
                None => std::future::pending().await,
            }
        }
        (Method::POST, _) if target == "Kinesis_20131202.DescribeStreamSummary" => {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(asked, json!({ "StreamName": super::event::STREAM }));
            // Whoever is kept waiting is never answered, as by a peer that is gone: only later calls are.
            if *server.control.kinesis_silent.borrow() {
                return std::future::pending().await;
            }
            answer("application/x-amz-json-1.1", &stream_summary())
        }
        (Method::POST, _) if target == "secretsmanager.GetSecretValue" => {
            let asked: Value = serde_json::from_slice(&body).unwrap();
            if asked == json!({ "SecretId": super::event::SECRET_ARN }) {
                let found = json!({ "ARN": super::event::SECRET_ARN, "SecretString": super::event::MARKER });
                return answer("application/x-amz-json-1.1", &found);
            }
            let refused = json!({ "__type": "ResourceNotFoundException", "Message": "there is no such secret" });
            let refused = Body::from(refused.to_string());
            Response::builder().status(400).header("content-type", "application/x-amz-json-1.1").body(refused).unwrap()
        }
        (method, _) => {
            server.unexpected.lock().unwrap().push(format!("{method} {uri} {target}"));
            Response::builder().status(StatusCode::NOT_IMPLEMENTED).body(Body::empty()).unwrap()
        }
    }
}

impl Server {
    async fn next(&self) -> Response<Body> {
        self.polls.send_modify(|polls| *polls += 1);
        let Some(event) = self.events.lock().await.recv().await else { return std::future::pending().await };
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", event.request)
            .header("lambda-runtime-deadline-ms", event.deadline.millis())
            .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:000000000000:function:ingest")
            .body(Body::from(event.payload))
            .unwrap()
    }
}

fn answer(kind: &str, body: &Value) -> Response<Body> {
    Response::builder().header("content-type", kind).body(Body::from(body.to_string())).unwrap()
}

fn stream_summary() -> Value {
    json!({
        "StreamDescriptionSummary": {
            "StreamName": super::event::STREAM,
            "StreamARN": super::event::STREAM_ARN,
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_767_225_600.123,
            "EnhancedMonitoring": [],
            "OpenShardCount": 4,
        },
    })
}
