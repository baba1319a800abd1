//! A lake in memory, filled from a stream as ingest fills it and compacted by the compactor itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use iguazu_compact::{Compactor, ParquetTables, Settings};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, FileEntry, Row, codec};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, SequenceSet, Timestamp};
use iguazu_lake::keys::DataFile;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{Batch, Catalog, Contract, Parquet, Payload, Record, Source};

use crate::kinesis::Stored;
use crate::sending::start;

/// Records of a commit.
const COMMIT_RECORDS: usize = 400;

#[derive(Default)]
pub struct Lake {
    pub objects: MemoryObjects,
    pub ledger: MemoryLedger,
}

impl Lake {
    /// What a pipeline makes of a stream.
    pub async fn of(records: &[Stored], catalog: &Catalog) -> Self {
        let lake = Self::default();
        lake.ingest(records, catalog).await;
        for table in catalog.tables() {
            lake.compact(table.contract()).await;
        }
        lake
    }

    pub async fn ingest(&self, records: &[Stored], catalog: &Catalog) {
        let mut shards: BTreeMap<&str, Vec<&Stored>> = BTreeMap::new();
        for record in records {
            shards.entry(&record.shard).or_default().push(record);
        }
        for (shard, records) in shards {
            let chain = format!("shard.events.1700000000000.{shard}").parse().unwrap();
            for records in records.chunks(COMMIT_RECORDS) {
                self.commit(&chain, records, catalog).await;
            }
        }
    }

    async fn commit(&self, chain: &ChainId, records: &[&Stored], catalog: &Catalog) {
        let mut batch = Batch::new(catalog);
        let mut numbers = Vec::new();
        for record in records {
            let sequence = SequenceNumber::from(record.sequence);
            numbers.push(sequence);
            // The stream's sequence numbers count its records, so a later one arrived later.
            let arrival = Timestamp::from_millis(start().millis() + record.sequence as i64);
            let payload = Payload::Data(record.data.clone().into());
            batch.push(&Record { sequence, arrival, payload });
        }
        let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).unwrap();
        let n = self.ledger.newest(chain).await.unwrap().map_or(RowNumber::FIRST, |row| row.n.next());
        let attempt = AttemptId::fresh(&SystemHost);
        let mut files = Vec::new();
        for file in output.files {
            files.push(FileEntry {
                area: file.area.clone(),
                partition: file.partition,
                rows: file.rows,
                bytes: file.bytes.len() as u64,
                event_time: file.event_time,
                sha256: Sha256Sum::of(&file.bytes),
            });
            let place = DataFile { area: file.area, partition: file.partition, chain: chain.clone(), n, attempt };
            self.objects.put(&place.key(), file.bytes).await.unwrap();
        }
        let set: SequenceSet = numbers.iter().copied().collect();
        let range = SequenceRange::new(set.as_slice()[0], *set.as_slice().last().unwrap()).unwrap();
        let digest = SequenceSet::digest_of(set.as_slice());
        let (to, counts) = (range.last(), output.counts);
        let body = Body::Commit(Commit { range, to, late: false, earlier: None, files, counts, digest });
        self.ledger.register(chain).await.unwrap();
        self.ledger.put_if_absent(chain, &codec::encode(&Row { n, attempt, body }).unwrap()).await.unwrap();
    }

    pub async fn compact(&self, contract: &Contract) {
        let contract = Arc::new(contract.clone());
        let settings = Settings { root: "s3://lake".into(), first_buckets: 2, ..Settings::default() };
        let compactor = Compactor::new(&self.objects, &self.ledger, SystemHost, ParquetTables, settings);
        let deadline = || SystemHost.now().plus(Duration::from_secs(900));
        loop {
            let epoch = compactor.epoch(&contract, deadline()).await.unwrap();
            let mut more = false;
            for bucket in 0..epoch.buckets {
                more |= compactor.run(&contract, bucket, deadline()).await.answer.unwrap().more;
            }
            if !more {
                return;
            }
        }
    }

    /// Takes an object away, or puts another in its place.
    pub async fn spoil(&self, key: &iguazu_lake::keys::ObjectKey, bytes: Option<Bytes>) {
        match bytes {
            Some(bytes) => drop(self.objects.put(key, bytes).await.unwrap()),
            None => self.objects.delete(key).await.unwrap(),
        }
    }
}
