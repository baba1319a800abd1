//! Documents to the bytes of a record: as they are, by lines, compressed, or as a KPL aggregate.

use std::io::Write;

use bytes::Bytes;
use iguazu_transform::kpl;
use serde::{Deserialize, Serialize};

/// How documents are packed into a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// One document as it is.
    Plain,
    /// One document a line.
    Lines,
    /// Lines, in gzip.
    Gzip,
    /// Lines, in zstd.
    Zstd,
    /// A KPL aggregate of one document a user record.
    Kpl,
}

impl Packing {
    /// The bytes of a record of these documents.
    #[must_use]
    pub fn pack(self, documents: &[Bytes], key: &str) -> Bytes {
        let lines = || documents.join(&b'\n');
        match self {
            Self::Plain => documents.first().cloned().unwrap_or_default(),
            Self::Lines => lines().into(),
            Self::Gzip => gzip(&lines()),
            Self::Zstd => zstd(&lines()),
            Self::Kpl => {
                let records: Vec<_> = documents.iter().map(|document| (key, &document[..])).collect();
                kpl::aggregate(&records)
            }
        }
    }
}

/// gzip of some bytes.
#[must_use]
pub fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // Writing to memory does not fail; if it did, the record would show up as damaged.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}

/// zstd of some bytes, with a checksum.
#[must_use]
pub fn zstd(bytes: &[u8]) -> Bytes {
    let compressed = || -> std::io::Result<Vec<u8>> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1)?;
        encoder.include_checksum(true)?;
        encoder.write_all(bytes)?;
        encoder.finish()
    };
    compressed().unwrap_or_default().into()
}
