//! Records as they arrive, of all shards of all streams, in the order in which they arrived.

use bytes::Bytes;
use iguazu_audit::Folder;
use iguazu_lake::ids::{SequenceNumber, ShardId, StreamId, Timestamp};
use miette::{Context, IntoDiagnostic, miette};

use crate::stream::store::PageLimits;
use crate::stream::{Reader, Stored, sequence, topology};

/// Bytes of a shard's records that are read at once.
const BYTES_MAX: usize = 8 << 20;
/// No record has more, its partition key included.
const RECORD_BYTES_MAX: usize = 2 << 20;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where it stands among all records.
    pub position: u64,
    /// Its stream.
    pub stream: StreamId,
    /// Its shard.
    pub shard: ShardId,
    /// Its sequence number.
    pub sequence: SequenceNumber,
    /// When it arrived.
    pub arrival: Timestamp,
    /// What it holds.
    pub data: Bytes,
}

/// Where records arrive.
pub trait Arrivals {
    /// The position of the newest record.
    ///
    /// # Errors
    /// Where the records cannot be read.
    fn end(&self) -> miette::Result<u64>;

    /// The next records behind a position, in the order of their positions; about `limit` of them at most, and none only
    /// where there is none.
    ///
    /// # Errors
    /// Where the records cannot be read.
    fn after(&self, position: u64, limit: usize) -> miette::Result<Vec<Arrived>>;
}

/// The records of the pipeline in a data folder, whether it runs or not.
///
/// # Errors
/// Where there are none.
pub fn open(folder: &Folder) -> miette::Result<Reader> {
    let path = folder.stream();
    if !path.is_file() {
        let help =
            format!("`iguazu up --data {}` makes one, or name another folder by --data", folder.path().display());
        return Err(miette!(help = help, "{} has no stream: there is no {}", folder.path().display(), path.display()));
    }
    Reader::open(&path).into_diagnostic().wrap_err_with(|| format!("{} cannot be read", path.display()))
}

impl Arrivals for Reader {
    fn end(&self) -> miette::Result<u64> {
        self.newest().into_diagnostic()
    }

    fn after(&self, position: u64, limit: usize) -> miette::Result<Vec<Arrived>> {
        let limits = PageLimits { records: limit, bytes: BYTES_MAX };
        // Positions are given in the order of commits, so what is there up to this one is all that will ever be there.
        let mut until = self.newest().into_diagnostic()?;
        let (streams, keys) = self.streams().into_diagnostic()?;
        let mut arrived = Vec::new();
        for ((name, number), key) in keys {
            let Some(stream) = streams.get(&name) else { continue };
            let page = self.page(key, position, until, limits).into_diagnostic()?;
            let shard: ShardId = topology::name(number).parse().into_diagnostic()?;
            let stream = StreamId { name, created_ms: stream.created_ms };
            // Nothing is told beyond the page of any shard, of which more may be to come.
            until = page.last().map_or(until, |last| if is_cut(&page, limits) { last.position } else { until });
            for stored in page {
                let sequence = sequence::text(stream.created_ms, number, stored.position).parse().into_diagnostic()?;
                arrived.push(Arrived {
                    position: stored.position,
                    stream: stream.clone(),
                    shard: shard.clone(),
                    sequence,
                    // As ingest is told it: an invocation says when a record arrived to the millisecond.
                    arrival: Timestamp::from_millis(stored.arrival.millis()),
                    data: stored.data,
                });
            }
        }
        arrived.retain(|record| record.position <= until);
        arrived.sort_by_key(|record| record.position);
        Ok(arrived)
    }
}

/// Whether a page may have ended before its records did: by their number, or by their bytes, which end it before the
/// record that would exceed them.
fn is_cut(page: &[Stored], limits: PageLimits) -> bool {
    let bytes: usize = page.iter().map(|stored| stored.data.len() + stored.partition_key.len()).sum();
    page.len() >= limits.records || bytes + RECORD_BYTES_MAX > limits.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::lake::block_on;
    use crate::stream::{Entry, Writer};

    /// A store of two shards with these records, the even ones in one shard and the odd ones in the other.
    fn stored(folder: &Folder, records: u64) -> Reader {
        std::fs::create_dir_all(folder.path()).unwrap();
        let (writer, thread) = Writer::open(&folder.stream(), false).unwrap();
        let now = Timestamp::from_millis(1_795_262_400_000);
        writer.create_now("orders".parse().unwrap(), 2, 24, now).unwrap();
        let entry = |n: u64| Entry {
            hash: if n.is_multiple_of(2) { 0 } else { u128::MAX },
            partition_key: "k".to_owned(),
            data: Bytes::from(n.to_string()),
        };
        for n in 0..records {
            block_on(writer.put("orders".parse().unwrap(), vec![entry(n)], now)).unwrap().unwrap();
        }
        drop(writer);
        thread.join().unwrap();
        open(folder).unwrap()
    }

    fn data(records: &[Arrived]) -> Vec<u64> {
        records.iter().map(|of| String::from_utf8(of.data.to_vec()).unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn records_of_all_shards_come_in_their_order_however_small_the_pages() {
        let folder = tempfile::tempdir().unwrap();
        let reader = stored(&Folder::at(folder.path()), 9);
        for limit in [1, 2, 3, 100] {
            let (mut position, mut all) = (0, Vec::new());
            loop {
                let page = reader.after(position, limit).unwrap();
                let Some(last) = page.last() else { break };
                position = last.position;
                all.extend(data(&page));
            }
            assert_eq!(all, (0..9).collect::<Vec<_>>(), "{limit} at once");
        }
        assert_eq!(reader.after(reader.end().unwrap(), 10).unwrap(), []);
    }

    #[test]
    fn a_record_is_named_as_ingest_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let reader = stored(&Folder::at(folder.path()), 1);
        let records = reader.after(0, 10).unwrap();
        let of = &records[0];
        assert_eq!(
            (of.stream.name.to_string().as_str(), of.shard.to_string().as_str()),
            ("orders", "shardId-000000000000")
        );
        let expected = sequence::text(of.stream.created_ms, 0, of.position);
        assert_eq!((of.stream.created_ms, of.sequence.to_string()), (1_795_262_400_000, expected));
    }
}
