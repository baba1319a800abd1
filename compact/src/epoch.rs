//! Epochs: how many buckets a table has is decided in the ledger, never by configuration.
//!
//! A table has a chain of epochs; row `e` says how many buckets epoch `e` has. Configuration says only what the first
//! row is to be, and whoever comes second takes what stands there. Changing the number means to write the next row.
//! From then on every run works for the new epoch, and first closes the buckets of the one before that overlap its own
//! with a last row: a run that still works for the old epoch collides with that row.

use iguazu_lake::chain::{self, Appended};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, TableName, Timestamp};
use iguazu_lake::ports::{Ledger, Objects, StoredRow};
use iguazu_lake::retry::RetryPolicy;
use iguazu_transform::contract::Contract;

use crate::driver::Compactor;
use crate::error::CompactError;
use crate::format::TableFormat;
use crate::publish::Publisher;
use crate::state::Span;
use crate::state::codec::{self, EpochBody};

/// The most buckets that a table can have: raw files say where each of so many parts begins.
pub const BUCKETS_MAX: u32 = 256;

/// An epoch of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, from 0.
    pub number: u32,
    /// How many buckets it has.
    pub buckets: u32,
}

impl Epoch {
    /// The chain of a bucket.
    #[must_use]
    pub fn chain(&self, table: &TableName, bucket: u32) -> ChainId {
        ChainId::Bucket { table: table.clone(), epoch: self.number, bucket }
    }

    /// The span of a bucket.
    #[must_use]
    pub fn span(&self, bucket: u32) -> Span {
        Span::of_bucket(bucket, self.buckets)
    }

    /// The buckets that have a part of a span.
    pub fn overlapping(self, span: Span) -> impl Iterator<Item = (u32, Span)> {
        (0..self.buckets).filter_map(move |bucket| Some((bucket, self.span(bucket).common(&span)?)))
    }
}

/// What the ledger and the clock are needed for.
pub struct Epochs<'a, L, H> {
    /// The ledger.
    pub ledger: &'a L,
    /// The machine.
    pub host: &'a H,
    /// How patiently the ledger is tried.
    pub retry: RetryPolicy,
    /// Until when.
    pub deadline: Timestamp,
}

impl<L: Ledger, H: Host> Epochs<'_, L, H> {
    /// The newest epoch of a table; the first one, with so many buckets, where it has none.
    ///
    /// # Errors
    /// Where the ledger fails, or says what this program does not know.
    pub async fn newest(&self, table: &TableName, first_buckets: u32) -> Result<Epoch, CompactError> {
        match self.last(table).await? {
            Some(epoch) => Ok(epoch),
            None => self.append(table, RowNumber::FIRST, first_buckets).await,
        }
    }

    /// An epoch by its number.
    ///
    /// # Errors
    /// Where the ledger fails, or has no such epoch.
    pub async fn get(&self, table: &TableName, number: u32) -> Result<Option<Epoch>, CompactError> {
        let chain = ChainId::Epochs { table: table.clone() };
        let n = RowNumber::new(number.into());
        let row = self
            .retry
            .run(self.host, self.deadline, |_| self.ledger.get(&chain, n))
            .await
            .map_err(CompactError::port("reading an epoch of the table"))?;
        row.as_ref().map(decode).transpose()
    }

    /// Begins an epoch with so many buckets, unless the newest one has as many.
    ///
    /// # Errors
    /// Where the number is no power of two up to [`BUCKETS_MAX`], or the ledger fails.
    pub async fn change(&self, table: &TableName, buckets: u32) -> Result<Epoch, CompactError> {
        loop {
            let newest = self.newest(table, buckets).await?;
            if newest.buckets == buckets {
                return Ok(newest);
            }
            let next = self.append(table, RowNumber::new(u64::from(newest.number) + 1), buckets).await?;
            if next.buckets == buckets {
                return Ok(next);
            }
        }
    }

    async fn last(&self, table: &TableName) -> Result<Option<Epoch>, CompactError> {
        let chain = ChainId::Epochs { table: table.clone() };
        let row = self
            .retry
            .run(self.host, self.deadline, |_| self.ledger.newest(&chain))
            .await
            .map_err(CompactError::port("reading the newest epoch of the table"))?;
        row.as_ref().map(decode).transpose()
    }

    async fn append(&self, table: &TableName, n: RowNumber, buckets: u32) -> Result<Epoch, CompactError> {
        if !buckets.is_power_of_two() || buckets > BUCKETS_MAX {
            return Err(CompactError::Buckets { buckets });
        }
        let chain = ChainId::Epochs { table: table.clone() };
        let row = StoredRow { n, attempt: AttemptId::fresh(self.host), body: codec::encode(&EpochBody { buckets }) };
        let appended = chain::append(self.ledger, self.host, &self.retry, self.deadline, &chain, &row)
            .await
            .map_err(CompactError::port("beginning an epoch of the table"))?;
        match appended {
            Appended::Won { .. } => decode(&row),
            Appended::Lost(other) => decode(&other),
        }
    }
}

impl<O: Objects, L: Ledger, H: Host, F: TableFormat, P: Publisher> Compactor<O, L, H, F, P> {
    /// The newest epoch of a table, begun if there was none.
    ///
    /// # Errors
    /// As [`Epochs::newest`].
    pub async fn epoch(&self, contract: &Contract, deadline: Timestamp) -> Result<Epoch, CompactError> {
        self.epochs(deadline).newest(&contract.table, self.settings.first_buckets).await
    }

    /// Gives a table another number of buckets. The next run of each bucket begins to move rows over; readers see the
    /// epoch before until all have.
    ///
    /// # Errors
    /// As [`Epochs::change`].
    pub async fn rebucket(
        &self,
        contract: &Contract,
        buckets: u32,
        deadline: Timestamp,
    ) -> Result<Epoch, CompactError> {
        self.epochs(deadline).change(&contract.table, buckets).await
    }

    fn epochs(&self, deadline: Timestamp) -> Epochs<'_, L, H> {
        Epochs { ledger: &self.ledger, host: &self.host, retry: self.settings.retry, deadline }
    }
}

fn decode(row: &StoredRow) -> Result<Epoch, CompactError> {
    let what = || format!("epoch {}", row.n);
    let EpochBody { buckets } = codec::decode(what, row.body.as_bytes())?;
    if !buckets.is_power_of_two() || buckets > BUCKETS_MAX {
        return Err(CompactError::Buckets { buckets });
    }
    Ok(Epoch { number: u32::try_from(row.n.get()).unwrap_or(u32::MAX), buckets })
}
