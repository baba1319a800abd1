//! Everything that a run needs, put together: servers, proxies in front of them, Lambda, and the functions.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use iguazu_conformance::stand_ins::s3_client;

use crate::faults::Target;
use crate::guardian::Guardian;
use crate::lambda::container::Image;
use crate::lambda::function::{Counters, Function, Settings};
use crate::lambda::service::Service;
use crate::mapping::given_up::GivenUp;
use crate::mapping::stream::Stream;
use crate::mapping::{Defect, Mapping};
use crate::options::{Control, Options};
use crate::proxy::{self, Weather};
use crate::servers::{BUCKET, LEDGER_TABLE, REGION, STREAM, STREAM_ARN, Servers, kinesis_client};
use crate::tally::{Tally, What};

/// How long an invocation may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Failed batches that the defective mapping takes for done.
const LOST_BATCHES: u64 = 3;

/// The world of a run.
pub struct World {
    /// The servers, without a proxy on the way.
    pub servers: Servers,
    /// The proxy in front of Kinesis.
    pub kinesis: SocketAddr,
    /// What happens on the wires and to containers.
    pub weather: Arc<Weather>,
    /// The functions.
    pub ingest: Arc<Function>,
    /// What invokes the workers.
    pub dispatcher: Arc<Function>,
    /// The workers.
    pub compact: Arc<Function>,
    /// Lambda's own API.
    pub service: Arc<Service>,
    /// From the stream to ingest.
    pub mapping: Arc<Mapping>,
    /// What ends the children. The last to go.
    pub guardian: Arc<Guardian>,
}

impl World {
    /// Starts it.
    ///
    /// # Errors
    /// Where a part of it does not start.
    pub async fn start(options: &Options, contracts: &Path, guardian: Arc<Guardian>) -> Result<Self, String> {
        let io = |error: std::io::Error| error.to_string();
        let servers = Servers::start(options.shards).await?;
        let tally = Arc::new(Tally::default());
        let weather = Arc::new(Weather { seed: options.seed, calm: AtomicBool::new(false), tally });
        let in_front = |target, service| proxy::start(target, service, Arc::clone(&weather));
        let kinesis = in_front(Target::Kinesis, servers.kinesis).await.map_err(io)?;
        let dynamodb = in_front(Target::DynamoDb, servers.dynamodb).await.map_err(io)?;
        let s3 = in_front(Target::S3, servers.s3.address).await.map_err(io)?;
        let (service, lambda) = Service::start(Arc::clone(&weather), STREAM_ARN.to_owned()).await.map_err(io)?;
        let endpoints = [("S3", s3), ("DYNAMODB", dynamodb), ("KINESIS", kinesis), ("LAMBDA", lambda)];
        let logs = options.out.join("containers");
        std::fs::create_dir_all(&logs).map_err(io)?;
        let deploy = |name: &str, program: PathBuf, counters, concurrency, more: &[(&str, &str)]| {
            let image =
                Image { function: name.to_owned(), program, variables: variables(name, &endpoints, contracts, more) };
            let settings = Settings { image, counters, limit: LIMIT, concurrency, logs: logs.clone() };
            Arc::new(Function::new(settings, Arc::clone(&guardian), Arc::clone(&weather)))
        };
        let program = Options::program(options.ingest.as_deref(), "iguazu-ingest")?;
        let of_ingest =
            Counters { invocations: What::IngestInvocations, kills: What::IngestKills, freezes: What::IngestFreezes };
        let ingest = deploy("ingest", program, of_ingest, 64, &[("IGUAZU_DEADLINE_MARGIN_MS", "100")]);
        let program = Options::program(options.compact.as_deref(), "iguazu-compact")?;
        let of_compact = Counters {
            invocations: What::CompactInvocations,
            kills: What::CompactKills,
            freezes: What::CompactFreezes,
        };
        let buckets = ("IGUAZU_FIRST_BUCKETS", "2");
        let hurried = ("IGUAZU_DEADLINE_MARGIN_MS", "100");
        let worker = ("IGUAZU_WORKER_FUNCTION", "compact");
        let dispatcher = deploy("dispatch", program.clone(), of_compact, 4, &[buckets, hurried, worker]);
        let compact = deploy("compact", program, of_compact, 4, &[buckets, hurried]);
        service.deploy(vec![Arc::clone(&ingest), Arc::clone(&dispatcher), Arc::clone(&compact)]);
        let stream = Stream::new(kinesis_client(kinesis), STREAM, STREAM_ARN);
        let defect = match options.control {
            Some(Control::Lose) => Defect::Lose(LOST_BATCHES),
            _ => Defect::None,
        };
        let given_up = GivenUp::new(s3_client(servers.s3.address), Arc::clone(&ingest), Arc::clone(&weather.tally));
        let mapping = Mapping::new(stream, Arc::clone(&ingest), Arc::clone(&weather), given_up, defect);
        Ok(Self { servers, kinesis, weather, ingest, dispatcher, compact, service, mapping, guardian })
    }

    /// What happened.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.weather.tally
    }
}

/// The environment of a function.
fn variables(
    function: &str,
    endpoints: &[(&str, SocketAddr)],
    contracts: &Path,
    more: &[(&str, &str)],
) -> Vec<(String, String)> {
    let contracts = contracts.display().to_string();
    let fixed = [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("IGUAZU_BUCKET", BUCKET),
        ("IGUAZU_LEDGER_TABLE", LEDGER_TABLE),
        ("IGUAZU_S3_PATH_STYLE", "true"),
        ("IGUAZU_CONTRACTS", &contracts),
    ];
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let mut variables: Vec<_> = fixed.iter().chain(more).map(own).collect();
    variables
        .extend(endpoints.iter().map(|(of, address)| (format!("AWS_ENDPOINT_URL_{of}"), format!("http://{address}"))));
    variables
}
