//! How far a chain is published, and since when: what a run publishes first, and what the sweep waits for.

use std::time::Duration;

use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::Published;
use iguazu_lake::ports::{ETag, Ledger, Objects};
use serde::{Deserialize, Serialize};

use super::TRIES_MAX;
use crate::error::CompactError;
use crate::io::Io;
use crate::state::codec;

/// What is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Versions that were published whole and when, ascending: the newest, those before it within the grace period, and
    /// one that is older.
    pub published: Vec<(RowNumber, Timestamp)>,
}

impl Record {
    /// The newest version that was published at least `grace` ago: what it replaced, nobody reads any more.
    #[must_use]
    pub fn safe(&self, now: Timestamp, grace: Duration) -> Option<RowNumber> {
        self.published.iter().filter(|(_, at)| at.plus(grace) <= now).map(|(n, _)| *n).max()
    }

    fn enter(&mut self, n: RowNumber, now: Timestamp, grace: Duration) {
        self.published.push((n, now));
        let safe = self.safe(now, grace);
        self.published.retain(|(n, _)| safe.is_none_or(|safe| *n >= safe));
    }
}

/// How far a chain is published, as it was found.
pub struct Through {
    key: ObjectKey,
    record: Record,
    etag: Option<ETag>,
}

impl Through {
    pub(crate) async fn read<O: Objects, L: Ledger, H: Host>(
        io: &Io<'_, O, L, H>,
        table: &TableName,
        chain: &ChainId,
    ) -> Result<Self, CompactError> {
        let key = Published::Through { chain: chain.clone() }.key(table);
        Self::at(io, key).await
    }

    pub(crate) async fn at<O: Objects, L: Ledger, H: Host>(
        io: &Io<'_, O, L, H>,
        key: ObjectKey,
    ) -> Result<Self, CompactError> {
        let object = io.get(&key).await?;
        let (record, etag) = match object {
            Some(object) => (codec::decode(|| key.to_string(), &object.bytes)?, Some(object.etag)),
            None => (Record::default(), None),
        };
        Ok(Self { key, record, etag })
    }

    /// The newest version that is published whole.
    #[must_use]
    pub fn newest(&self) -> Option<RowNumber> {
        self.record.published.last().map(|(n, _)| *n)
    }

    /// Whether a version is yet to be published.
    #[must_use]
    pub fn needs(&self, n: RowNumber) -> bool {
        self.newest().is_none_or(|newest| newest < n)
    }

    /// As [`Record::safe`].
    #[must_use]
    pub fn safe(&self, now: Timestamp, grace: Duration) -> Option<RowNumber> {
        self.record.safe(now, grace)
    }

    /// Enters a version that was published whole.
    pub(crate) async fn advance<O: Objects, L: Ledger, H: Host>(
        mut self,
        io: &Io<'_, O, L, H>,
        n: RowNumber,
        grace: Duration,
    ) -> Result<(), CompactError> {
        for _ in 0..TRIES_MAX {
            if !self.needs(n) {
                return Ok(());
            }
            self.record.enter(n, io.host.now(), grace);
            let text = codec::encode(&self.record);
            if io.replace(&self.key, text.into(), self.etag.as_ref()).await? {
                return Ok(());
            }
            self = Self::at(io, self.key).await?;
        }
        Err(CompactError::Contended { key: self.key })
    }
}
