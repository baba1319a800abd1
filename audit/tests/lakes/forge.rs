//! Versions as a compactor would commit them that is wrong: all checksums are right.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use iguazu_audit::view::{Live, Version};
use iguazu_compact::publish::{Bucket, Snapshot};
use iguazu_compact::state::codec::{self, PartitionFiles, VersionBody, VersionRow};
use iguazu_compact::state::{LiveFile, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, RowNumber, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{Published, VersionPart};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::Contract;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::world::{Lake, block};

impl Lake {
    /// Commits and publishes a version of the first bucket as a compactor would that is wrong: the largest live file has
    /// other bytes, and all checksums are right.
    pub fn forge(&self, contract: &Contract, forge: impl FnOnce(&mut Forged)) {
        let view = self.view(contract);
        let version = &view.versions[0];
        let live = version.files.iter().max_by_key(|live| live.file.rows).unwrap();
        let n = version.n.next();
        let attempt = AttemptId::fresh(&&self.host);
        let mut forged = Forged {
            rows: self.rows_of(&live.key),
            file: live.file.clone(),
            state: version.state.clone(),
            bytes: None,
            rollups: live.rollups.iter().map(|key| self.rows_of(key)).collect(),
        };
        forge(&mut forged);
        self.publish(contract, version, live, n, attempt, forged);
    }

    fn publish(
        &self,
        contract: &Contract,
        version: &Version,
        live: &Live,
        n: RowNumber,
        attempt: AttemptId,
        forged: Forged,
    ) {
        let (table, chain, partition) = (&contract.table, &version.chain, &live.partition);
        let Forged { rows, mut file, mut state, bytes, rollups } = forged;
        let written = Written { n, attempt, ordinal: 0 };
        let put = |key: &ObjectKey, bytes: Bytes| block(self.objects.put(key, bytes)).unwrap();
        let bytes = bytes.unwrap_or_else(|| parquet(&rows));
        (file.written, file.bytes, file.sha256) = (written, bytes.len() as u64, Sha256Sum::of(&bytes));
        put(&written.data(chain, table, partition), bytes);
        for (of, batch) in file.rollups.iter_mut().zip(&rollups) {
            let bytes = parquet(batch);
            (of.rows, of.bytes, of.sha256) = (batch.num_rows() as u64, bytes.len() as u64, Sha256Sum::of(&bytes));
            put(&written.rollup(chain, table, partition, &of.rollup), bytes);
        }
        let files: Vec<_> = version
            .files
            .iter()
            .filter(|other| other.partition == *partition)
            .map(|other| if other.key == live.key { file.clone() } else { other.file.clone() })
            .collect();
        let entry = state.partitions.get_mut(partition).unwrap();
        let list = PartitionFiles { files };
        let (bytes, sum) = codec::object(&list);
        (entry.object, entry.sha256) = (written, sum);
        entry.rows = list.files.iter().map(|file| file.rows).sum();
        put(&written.partition(chain, table), bytes);
        let (bytes, sum) = codec::object(&state);
        put(&written.object(chain, table, VersionPart::State).key(), bytes);
        let at = (&self.host).now();
        let row = VersionRow { n, attempt, body: VersionBody::Version { state: sum, at } };
        block(self.ledger.put_if_absent(chain, &codec::stored(&row))).unwrap();
        let key = Published::Snapshot.key(table);
        let mut snapshot = Snapshot::read("snapshot", &self.read(&key)).unwrap();
        let entry = Bucket { n, attempt, at, seeding: false };
        snapshot.epochs.get_mut(&snapshot.current).unwrap().versions.insert(version.bucket, entry);
        put(&key, snapshot.text().into());
    }
}

/// A version to be, as somebody wants it.
pub struct Forged {
    /// The rows of the file.
    pub rows: RecordBatch,
    /// What is said of it.
    pub file: LiveFile,
    /// The state, of which the partition's list follows.
    pub state: iguazu_compact::state::State,
    /// Other bytes than the rows'.
    pub bytes: Option<Bytes>,
    /// The rows of its roll-ups.
    pub rollups: Vec<RecordBatch>,
}

impl Forged {
    /// Gives the file other rows, of which everything is said that is true of them, roll-ups included.
    pub fn with_rows(&mut self, contract: &Contract, rows: RecordBatch) {
        use arrow::array::{ArrayRef, AsArray};
        use arrow::compute::{cast, max, min};
        use arrow::datatypes::{DataType, TimestampMicrosecondType};
        let lost = i128::from(self.file.rows) - rows.num_rows() as i128;
        self.file.rows = rows.num_rows() as u64;
        let times = rows.column_by_name("event_time").unwrap().as_primitive::<TimestampMicrosecondType>();
        self.file.event_time = min(times)
            .zip(max(times))
            .map(|(least, greatest)| (Timestamp::from_micros(least), Timestamp::from_micros(greatest)));
        let ids = rows.column_by_name("event_id").unwrap().as_string::<i32>();
        let ids = ids.iter().flatten().map(|id| id.parse::<iguazu_lake::ids::EventId>().unwrap());
        self.file.ids = ids.clone().min().zip(ids.max());
        // As compaction decodes them.
        let view = |column: &ArrayRef| match column.data_type() {
            DataType::Utf8 => cast(column, &DataType::Utf8View).unwrap(),
            _ => column.clone(),
        };
        let names: Vec<_> = rows.schema().fields().iter().map(|field| field.name().clone()).collect();
        let views = RecordBatch::try_from_iter(names.into_iter().zip(rows.columns().iter().map(view))).unwrap();
        let mut rollups = iguazu_compact::rollup::Rollups::new(contract, &views.schema());
        for pass in rollups.passes() {
            for name in pass {
                rollups.see(&name, views.column_by_name(&name).unwrap()).unwrap();
            }
            rollups.end_pass().unwrap();
        }
        self.rollups = rollups
            .finish()
            .unwrap()
            .into_iter()
            .map(|new| {
                let reader = ParquetRecordBatchReaderBuilder::try_new(new.bytes).unwrap().build().unwrap();
                let batches: Vec<_> = reader.map(Result::unwrap).collect();
                concat_batches(&batches[0].schema(), &batches).unwrap()
            })
            .collect();
        self.rows = rows;
        // Counts that add up by themselves.
        let totals = &mut self.state.totals;
        totals.live = (i128::from(totals.live) - lost) as u64;
        totals.duplicates = (i128::from(totals.duplicates) + lost) as u64;
    }
}

pub fn parquet(batch: &RecordBatch) -> Bytes {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap().into()
}
