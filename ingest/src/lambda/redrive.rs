//! Reads what a mapping gave up from S3, and hands it to the handler until all of it is committed.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use bytes::Bytes;
use iguazu_lake::adapters::aws::read_error;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::ports::{Fault, PortError};

use super::Handler;
use crate::driver::Handled;
use crate::error::IngestError;
use crate::invocation::Invocation;
use crate::redrive::{Place, Redriven, invocation_of};

/// The largest object that is read. An invocation has 6 MB, and its text within a text at most twice that.
const OBJECT_BYTES_MAX: i64 = 64 << 20;

/// Whoever reads the objects.
pub(super) struct Failures {
    client: Client,
}

impl Failures {
    /// With the SDK's own retries: to read again does no harm.
    pub(super) fn new(shared: &SdkConfig, s3_path_style: bool) -> Self {
        let config = Builder::from(shared).force_path_style(s3_path_style);
        Self { client: Client::from_conf(config.build()) }
    }

    async fn read(&self, place: &Place) -> Result<Bytes, IngestError> {
        const CALL: &str = "s3 GetObject";
        let failed = IngestError::port("reading what the mapping gave up");
        let what = place.to_string();
        let answer = self.client.get_object().bucket(&place.bucket).key(&place.key).send().await;
        let object = match answer {
            Ok(object) => object,
            Err(error) => return Err(failed(read_error(CALL, &what, error))),
        };
        if object.content_length().is_some_and(|bytes| bytes > OBJECT_BYTES_MAX) {
            let problem = format!("it has more than {} MiB", OBJECT_BYTES_MAX >> 20);
            return Err(IngestError::NotGivenUp { problem });
        }
        let body = object.body.collect().await;
        let broken = |error| PortError::NotApplied(Fault::lasting(CALL, format!("{what} broke off: {error}")));
        Ok(body.map_err(|error| failed(broken(error)))?.into_bytes())
    }
}

/// Drives objects again, each in turn. One that fails does not keep the others from it.
pub(super) async fn redrive(
    failures: &Failures,
    handler: &Handler,
    places: &[Place],
    deadline: Timestamp,
    mut each: impl FnMut(&Place, &Handled),
) -> (Redriven, Result<(), IngestError>) {
    let mut redriven = Redriven::default();
    let mut answer = Ok(());
    for place in places {
        match one(failures, handler, place, deadline, &mut redriven, &mut each).await {
            Ok(()) => redriven.redriven += 1,
            Err(error) => {
                redriven.redrive_failures += 1;
                answer = Err(IngestError::Redrive { place: place.to_string(), source: Box::new(error) });
            }
        }
    }
    (redriven, answer)
}

async fn one(
    failures: &Failures,
    handler: &Handler,
    place: &Place,
    deadline: Timestamp,
    redriven: &mut Redriven,
    each: &mut impl FnMut(&Place, &Handled),
) -> Result<(), IngestError> {
    // What is read after the handler would have stopped, nobody waits for.
    let now = handler.host().now();
    if now >= deadline {
        return Err(IngestError::Deadline { now, deadline });
    }
    let object = failures.read(place).await?;
    let text = invocation_of(&object)?;
    loop {
        let handled = handler.handle(Invocation::parse(text.as_bytes())?, deadline).await;
        each(place, &handled);
        let Handled { answer, report } = handled;
        redriven.committed += report.counts.records;
        redriven.held_already += report.trimmed;
        let more = match answer {
            Ok(answer) if answer.batch_item_failures.is_empty() => return Ok(()),
            Ok(_) => IngestError::Unfinished { shards: 1 },
            Err(error @ IngestError::Unfinished { .. }) => error,
            Err(error) => return Err(error),
        };
        // A part is committed, and is recognised when the whole comes again; so each turn is shorter than the last.
        if report.counts.records == 0 {
            return Err(more);
        }
    }
}
