//! Where the pages of a file stand until all of its columns are there.
//!
//! A file's pages are given back together when it is put together. One by one they would stay with the allocator, in
//! pieces too small for the file that they become, and memory would hold everything twice.

use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::column::page_store::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use ::parquet::errors::{ParquetError, Result};
use bytes::{Bytes, BytesMut};

/// Allocators give blocks of so many bytes back to the system at once.
const BLOCK_BYTES: usize = (32 << 20) + (64 << 10);
/// What a row takes, near enough to size the blocks of a small file.
const ROW_BYTES: usize = 128;
const BLOCK_BYTES_MIN: usize = 64 << 10;

/// The pages of a file.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    block: Arc<Mutex<BytesMut>>,
    block_bytes: usize,
}

impl Pages {
    /// Room for the pages of a file of so many rows.
    pub(super) fn of(rows: usize) -> Self {
        let block_bytes = rows.saturating_mul(ROW_BYTES).clamp(BLOCK_BYTES_MIN, BLOCK_BYTES);
        Self { block: Arc::default(), block_bytes }
    }

    fn keep(&self, page: &[u8]) -> Bytes {
        // Nothing panics while it is locked.
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.capacity() < page.len() {
            *block = BytesMut::with_capacity(self.block_bytes.max(page.len()));
        }
        block.extend_from_slice(page);
        block.split().freeze()
    }
}

impl PageStoreFactory for Pages {
    fn create(&self, _args: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        Ok(Box::new(Column { pages: self.clone(), kept: Vec::new() }))
    }
}

/// Those of a column.
struct Column {
    pages: Pages,
    kept: Vec<Bytes>,
}

impl PageStore for Column {
    fn put(&mut self, page: Bytes) -> Result<PageKey> {
        self.kept.push(self.pages.keep(&page));
        Ok(PageKey::new(self.kept.len() as u64 - 1))
    }

    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let page = usize::try_from(key.get()).ok().and_then(|at| self.kept.get_mut(at));
        page.map(std::mem::take).ok_or_else(|| ParquetError::General(format!("no page {}", key.get())))
    }
}
