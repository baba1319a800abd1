//! A container: the process of a function, and the runtime API that it asks for events.
//!
//! It holds one invocation at a time. An answer counts only while its invocation has not been given up.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Response, StatusCode, Uri};
use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Mutex as Turn, mpsc, oneshot, watch};

use crate::background::spawn;
use crate::guardian::{Guardian, Signal};
use crate::tally::{Tally, What};

/// What a function answered: the body of its response, or of its error.
pub type Answer = Result<Bytes, String>;

/// What a container is started from.
#[derive(Clone, Debug)]
pub struct Image {
    /// The function's name.
    pub function: String,
    /// The program.
    pub program: std::path::PathBuf,
    /// Its environment, but for the address of the runtime API.
    pub variables: Vec<(String, String)>,
}

/// An event on its way into the process.
struct Event {
    request: String,
    payload: Bytes,
    deadline: Timestamp,
}

/// The invocation that is under way.
struct Open {
    request: String,
    answer: oneshot::Sender<Answer>,
}

struct Runtime {
    function: String,
    events: Turn<mpsc::UnboundedReceiver<Event>>,
    open: Mutex<Option<Open>>,
    late: watch::Sender<u64>,
    tally: Arc<Tally>,
}

/// A container.
pub struct Container {
    /// Its name, such as `ingest-3`.
    pub name: String,
    process: u32,
    guardian: Arc<Guardian>,
    events: mpsc::UnboundedSender<Event>,
    runtime: Arc<Runtime>,
    exited: watch::Receiver<bool>,
}

impl Container {
    /// Starts one. What it writes goes to files of its name in a folder.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn start(
        image: &Image,
        number: u64,
        logs: &Path,
        guardian: Arc<Guardian>,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        let name = format!("{}-{number}", image.function);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (events, events_out) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime {
            function: image.function.clone(),
            events: Turn::new(events_out),
            open: Mutex::new(None),
            late: watch::Sender::new(0),
            tally,
        });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&runtime));
        let mut process = Command::new(&image.program)
            .env_clear()
            .envs(image.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", &name)
            .process_group(guardian.group())
            .stdin(Stdio::null())
            .stdout(File::create(logs.join(format!("{name}.log")))?)
            .stderr(File::create(logs.join(format!("{name}.err")))?)
            .spawn()?;
        let id = process.id().ok_or_else(|| io::Error::other("it ended before it had begun"))?;
        let (ended, exited) = watch::channel(false);
        spawn(async move {
            // The listener goes with the process, so that nobody is left who waits at it.
            tokio::select! {
                _ = process.wait() => {}
                served = axum::serve(listener, router) => {
                    eprintln!("a runtime API ended: {served:?}");
                    let _ = process.kill().await;
                }
            }
            let _ = ended.send(true);
        });
        Ok(Self { name, process: id, guardian, events, runtime, exited })
    }

    /// Hands an event over; the answer comes by the channel, unless the invocation is given up.
    pub fn hand(&self, request: String, payload: Bytes, deadline: Timestamp) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        *self.runtime.open() = Some(Open { request: request.clone(), answer });
        // A process that has ended takes no event, and whoever waits sees that it has ended.
        let _ = self.events.send(Event { request, payload, deadline });
        answered
    }

    /// Gives the invocation up: an answer that comes now is refused. False where it has been answered already.
    pub fn give_up(&self) -> bool {
        self.runtime.open().take().is_some()
    }

    /// Sends a signal to the process, if it is still there.
    ///
    /// # Errors
    /// Where the guardian is gone.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.has_ended() { Ok(()) } else { self.guardian.send(signal, self.process) }
    }

    /// Whether the process has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.exited.borrow()
    }

    /// Waits until it has.
    pub async fn ended(&self) {
        // The sender goes only after it has said so.
        let _ = self.exited.clone().wait_for(|ended| *ended).await;
    }

    /// How many answers came too late.
    #[must_use]
    pub fn late_answers(&self) -> watch::Receiver<u64> {
        self.runtime.late.subscribe()
    }
}

impl Runtime {
    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> Response<Body> {
        let Some(event) = self.events.lock().await.recv().await else { return std::future::pending().await };
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", self.function);
        let reply = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", event.request)
            .header("lambda-runtime-deadline-ms", event.deadline.millis())
            .header("lambda-runtime-invoked-function-arn", arn);
        reply.body(Body::from(event.payload)).unwrap_or_default()
    }

    fn answered(&self, request: &str, answer: Answer) -> StatusCode {
        let mut open = self.open();
        if let Some(of) = open.take_if(|open| open.request == request) {
            // Who waited may have been told of the end of the process first.
            let _ = of.answer.send(answer);
            return StatusCode::ACCEPTED;
        }
        drop(open);
        self.tally.add(What::LateAnswers);
        self.late.send_modify(|late| *late += 1);
        StatusCode::GONE
    }
}

async fn serve(State(runtime): State<Arc<Runtime>>, method: Method, uri: Uri, body: Bytes) -> Response<Body> {
    let path = uri.path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
    let text = || String::from_utf8_lossy(&body).into_owned();
    let status = match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
        (Method::GET, ["invocation", "next"]) => return runtime.next().await,
        (Method::POST, ["invocation", request, "response"]) => runtime.answered(request, Ok(body)),
        (Method::POST, ["invocation", request, "error"]) => runtime.answered(request, Err(text())),
        (Method::POST, ["init", "error"]) => {
            eprintln!("{} could not begin: {}", runtime.function, text());
            StatusCode::ACCEPTED
        }
        _ => StatusCode::NOT_FOUND,
    };
    let mut reply = Response::new(Body::from(r#"{"status":"OK"}"#));
    *reply.status_mut() = status;
    reply
}
