//! A proxy that passes requests on to one service, and does to some of them what networks and services do.
//!
//! A request that is passed on is passed on by a task of its own: whoever asked may be killed meanwhile, and what it asked
//! for happens all the same.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderMap, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::background::spawn;
use crate::faults::{Fault, Kind, Target, decide, each_per_million};
use crate::tally::Tally;

/// What all proxies of a run share.
#[derive(Debug)]
pub struct Weather {
    /// The seed of all decisions.
    pub seed: u64,
    /// Whether nothing happens any more.
    pub calm: AtomicBool,
    /// Where it is counted.
    pub tally: Arc<Tally>,
}

/// The connection is closed in place of a reply.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

type Reply = Response<Full<Bytes>>;

struct Proxy {
    target: Target,
    service: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    weather: Arc<Weather>,
}

/// Starts a proxy in front of a service, and says where it listens.
///
/// # Errors
/// Where no port is free.
pub async fn start(target: Target, service: SocketAddr, weather: Arc<Weather>) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let proxy = Arc::new(Proxy { target, service, client, weather });
    spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let proxy = Arc::clone(&proxy);
                    spawn(async move { proxy.serve(stream).await });
                }
                Err(error) => eprintln!("the proxy of {target} takes no connection: {error}"),
            }
        }
    });
    Ok(address)
}

impl Proxy {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let answer = service_fn(|request| Arc::clone(&self).answer(request));
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        // A connection ends by an error wherever one side leaves, which is what this is for.
        let _ = connection.await;
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Reply, Cut> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        let number = self.weather.tally.request(self.target);
        let calm = self.weather.calm.load(Ordering::Relaxed);
        let fault =
            if calm { None } else { decide(self.weather.seed, self.target, number, each_per_million(self.target)) };
        if let Some(fault) = fault {
            self.weather.tally.fault(self.target, fault.kind);
            if !fault.kind.is_forwarded() {
                return if fault.kind == Kind::Dropped { Err(Cut) } else { Ok(refusal(self.target, fault)) };
            }
        }
        let reply = self.forward(Request::from_parts(parts, body), fault).await?;
        match fault.map(|fault| (fault.kind, fault)) {
            Some((Kind::ReplyLost, _)) => Err(Cut),
            Some((Kind::Internal, fault)) => Ok(refusal(self.target, fault)),
            Some((Kind::LateReply, fault)) => {
                SystemHost.sleep(fault.delay).await;
                Ok(reply)
            }
            _ => Ok(reply),
        }
    }

    /// Has the service do it, whether or not anybody waits for the reply.
    async fn forward(self: &Arc<Self>, request: Request<Bytes>, fault: Option<Fault>) -> Result<Reply, Cut> {
        let (answer, reply) = oneshot::channel();
        let proxy = Arc::clone(self);
        spawn(async move {
            if let Some(Fault { kind: Kind::LateRequest, delay, .. }) = fault {
                SystemHost.sleep(delay).await;
            }
            // Nobody waits any more where the caller is dead.
            let _ = answer.send(proxy.pass(request).await);
        });
        reply.await.map_err(|_| Cut)?
    }

    async fn pass(&self, request: Request<Bytes>) -> Result<Reply, Cut> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(self.service.to_string()).path_and_query(path).build();
        parts.uri = uri.map_err(|_| Cut)?;
        between_neighbours(&mut parts.headers);
        let reply = self.client.request(Request::from_parts(parts, Full::new(body))).await.map_err(|_| Cut)?;
        let (mut parts, body) = reply.into_parts();
        let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
        between_neighbours(&mut parts.headers);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

/// Takes away the headers that hold between two neighbours only.
fn between_neighbours(headers: &mut HeaderMap) {
    for name in [CONNECTION, EXPECT, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

/// A refusal in the words of the service.
fn refusal(target: Target, fault: Fault) -> Reply {
    let throttles = match target {
        Target::Kinesis => ["ProvisionedThroughputExceededException", "ProvisionedThroughputExceededException"],
        Target::DynamoDb => ["ThrottlingException", "ProvisionedThroughputExceededException"],
        Target::S3 => ["SlowDown", "SlowDown"],
    };
    let (status, code) = match (fault.kind, target) {
        (Kind::Throttled, Target::S3) => (503, throttles[0]),
        (Kind::Throttled, _) => (400, throttles[usize::from(fault.variant % 2 == 1)]),
        (Kind::Unavailable, Target::S3) => (503, "ServiceUnavailable"),
        (Kind::Unavailable, _) => (503, "ServiceUnavailableException"),
        (_, Target::Kinesis) => (500, "InternalFailure"),
        (_, Target::DynamoDb) => (500, "InternalServerError"),
        (_, Target::S3) => (500, "InternalError"),
    };
    let text = "the proxy of the test says so";
    let (kind, body) = match target {
        Target::S3 => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>"
            ),
        ),
        Target::DynamoDb => (
            "application/x-amz-json-1.0",
            format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{text}"}}"#),
        ),
        Target::Kinesis => ("application/x-amz-json-1.1", format!(r#"{{"__type":"{code}","message":"{text}"}}"#)),
    };
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    reply
}
