//! Objects as files of a local folder: an object's path below the root is its key.
//!
//! - A reader sees an object whole or not at all: content is written to a file in `.tmp`, flushed, and then given
//!   its name in one step, by a hard link where the key must be free and by a rename where it need not be.
//! - What was answered survives a power cut: the folder of the name is flushed before the answer, and every
//!   folder above it, once per instance. A folder that is found there counts as unflushed until this instance
//!   has done it, since whoever made it may have died in between.
//! - `put_if_match` compares and replaces under a lock that every process respects (`.lock`, by `flock`). `put` and
//!   `delete` take it too, or they could come between the two steps. `put_if_absent` need not: a link is one step.
//! - An ETag is the content's SHA-256, so equal contents share one, as in the memory adapter.
//! - Symbolic links below the root are not followed. Listings leave them out; a call about one is a lasting fault.
//! - Unlike an object store, a folder cannot have an object and a folder of one name: with the key `a` in use,
//!   `a/b` is a lasting fault, and the other way round. Deleting leaves folders standing, so a name that was
//!   a folder once stays one. The keys that [`crate::keys`] builds never meet in this way.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{blocking, fault, walk};
use crate::checksum::Sha256Sum;
use crate::keys::{KeyPrefix, ObjectKey};
use crate::ports::{ETag, Fault, Object, Objects, PortError, PutIfAbsent, PutIfMatch};

/// The objects below one folder.
#[derive(Clone, Debug)]
pub struct DiskObjects {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    /// The file whose lock every replacement and deletion holds.
    lock: File,
    /// `flock` does not keep two threads with the same open file apart, so they queue here first.
    queue: Mutex<()>,
    /// Held shared for as long as this instance lives: it says that files in `.tmp` may be in use.
    _in_use: File,
    /// The folders whose own names this instance has flushed.
    flushed: Mutex<BTreeSet<PathBuf>>,
}

/// Temporary names are unique in the process; those of others are told by the process id and by trying.
static NEXT_TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// A file in `.tmp` that goes away with its owner, unless it was renamed.
struct Temporary(Option<PathBuf>);

impl Temporary {
    /// Does something with the file's path.
    fn name(&self, step: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        self.0.as_deref().map_or(Ok(()), step)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // If this fails, or never runs, whoever next opens the folder alone cleans up.
        let _ = self.name(|path| fs::remove_file(path));
    }
}

/// The lock of `.lock`; dropping it unlocks.
struct Locked<'a> {
    folder: &'a Folder,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // An open file that is locked can be unlocked; were it not so, closing the file would do it.
        let _ = self.folder.lock.unlock();
    }
}

fn queued<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half changed by a panic elsewhere: one is empty, the other a set that only grows.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn etag(bytes: &[u8]) -> ETag {
    ETag(Sha256Sum::of(bytes).to_string())
}

fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn lasting(call: &'static str, key: &ObjectKey, problem: &str) -> PortError {
    PortError::NotApplied(Fault::lasting(call, format!("{key}: {problem}")))
}

impl DiskObjects {
    /// Opens a folder, which is created if need be, and removes what writers that died have left in `.tmp`, unless
    /// another instance has the folder open. Blocks.
    ///
    /// # Errors
    /// Where the folder cannot be created, read, written or locked.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, PortError> {
        let root = root.as_ref();
        Folder::open(root)
            .map(|folder| Self { folder: Arc::new(folder) })
            .map_err(|error| fault::before("disk open", &root.display(), error))
    }

    async fn run<T, F>(&self, call: &'static str, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Folder) -> Result<T, PortError> + Send + 'static,
    {
        let folder = Arc::clone(&self.folder);
        blocking(call, move || work(&folder)).await
    }
}

impl Folder {
    fn open(root: &Path) -> io::Result<Self> {
        let made = root.ancestors().take_while(|folder| !folder.exists()).count();
        fs::create_dir_all(root.join(".tmp"))?;
        let root = root.canonicalize()?;
        let open =
            |name: &str| OpenOptions::new().create(true).read(true).write(true).truncate(false).open(root.join(name));
        let (lock, in_use) = (open(".lock")?, open(".in-use")?);
        match in_use.try_lock() {
            Ok(()) => {
                // Nobody else has the folder open, so nothing in `.tmp` is anybody's.
                for leftover in fs::read_dir(root.join(".tmp"))? {
                    fs::remove_file(leftover?.path())?;
                }
                in_use.unlock()?;
            }
            Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // Whoever cleans between these two lines finds none of our files yet.
        in_use.lock_shared()?;
        flush_folder(&root)?;
        for above in root.ancestors().skip(1).take(made.max(1)) {
            match flush_folder(above) {
                // What this process may not read it has not made.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                flushed => flushed?,
            }
        }
        Ok(Self { root, lock, queue: Mutex::new(()), _in_use: in_use, flushed: Mutex::default() })
    }

    fn locked(&self, call: &'static str, key: &ObjectKey) -> Result<Locked<'_>, PortError> {
        let turn = queued(&self.queue);
        self.lock.lock().map_err(|error| fault::before(call, key, error))?;
        Ok(Locked { folder: self, _turn: turn })
    }

    /// The path of a key's object. Nothing on the way to it, nor the object itself, is a symbolic link; that is
    /// for tidiness, not for safety from someone who may write to the folder.
    fn path(&self, call: &'static str, key: &ObjectKey) -> Result<PathBuf, PortError> {
        let mut path = self.root.clone();
        for segment in key.as_str().split('/') {
            path.push(segment);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    return Err(lasting(call, key, "a symbolic link stands in the way, and links are not followed"));
                }
                Ok(found) if found.is_dir() => {}
                // Nothing is below a file or below nothing.
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(fault::before(call, key, error)),
            }
        }
        Ok(self.root.join(key.as_str()))
    }

    /// The open file of an object, if there is one.
    fn file(&self, call: &'static str, key: &ObjectKey) -> Result<Option<File>, PortError> {
        match File::open(self.path(call, key)?) {
            Ok(file) => {
                let found = file.metadata().map_err(|error| fault::before(call, key, error))?;
                Ok(found.is_file().then_some(file))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(fault::before(call, key, error)),
        }
    }

    fn read(&self, call: &'static str, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        let Some(mut file) = self.file(call, key)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| fault::before(call, key, error))?;
        Ok(Some(Object { etag: etag(&bytes), bytes: bytes.into() }))
    }

    fn read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let call = "disk get_range";
        let Some(mut file) = self.file(call, key)? else { return Ok(None) };
        let mut bytes = Vec::new();
        // A file system has a largest offset, which is no error of the caller's: nothing is beyond the end anyway.
        file.metadata()
            .and_then(|found| file.seek(SeekFrom::Start(range.start.min(found.len()))))
            .and_then(|_| file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes))
            .map_err(|error| fault::before(call, key, error))?;
        Ok(Some(bytes.into()))
    }

    /// Writes the content to a file of its own, down to the disk.
    fn write_temporary(&self, bytes: &[u8]) -> io::Result<Temporary> {
        loop {
            let name = format!("{}.{}", std::process::id(), NEXT_TEMPORARY.fetch_add(1, Ordering::Relaxed));
            let path = self.root.join(".tmp").join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    let temporary = Temporary(Some(path));
                    file.write_all(bytes)?;
                    file.sync_all()?;
                    return Ok(temporary);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the folders of a key, and sees to it that their names are on the disk.
    fn make_folders(&self, call: &'static str, key: &ObjectKey) -> Result<PathBuf, PortError> {
        let mut folder = self.root.clone();
        let Some((folders, _)) = key.as_str().rsplit_once('/') else { return Ok(folder) };
        for segment in folders.split('/') {
            let parent = folder.clone();
            folder.push(segment);
            if queued(&self.flushed).contains(&folder) {
                continue;
            }
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    return Err(lasting(call, key, "an object has the name of a folder that the key needs"));
                }
                made => made.map_err(|error| fault::before(call, key, error))?,
            }
            flush_folder(&parent).map_err(|error| fault::before(call, key, error))?;
            queued(&self.flushed).insert(folder.clone());
        }
        Ok(folder)
    }

    /// The error of giving a file its name.
    fn not_named(&self, call: &'static str, key: &ObjectKey, error: io::Error) -> PortError {
        if error.kind() == ErrorKind::NotFound {
            // Somebody has removed a folder by hand: the next try makes it again.
            queued(&self.flushed).clear();
        }
        fault::during(call, key, error)
    }

    fn create(&self, key: &ObjectKey, bytes: &[u8]) -> Result<PutIfAbsent, PortError> {
        let call = "disk put_if_absent";
        let path = self.path(call, key)?;
        let folder = self.make_folders(call, key)?;
        let temporary = self.write_temporary(bytes).map_err(|error| fault::before(call, key, error))?;
        let answer = match temporary.name(|temporary| fs::hard_link(temporary, &path)) {
            Ok(()) => PutIfAbsent::Created(etag(bytes)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if path.is_dir() {
                    return Err(lasting(call, key, "a folder has the name"));
                }
                PutIfAbsent::Exists
            }
            Err(error) => return Err(self.not_named(call, key, error)),
        };
        // After `Exists` as well: whoever created it may not have come to this yet, and the caller relies on it.
        flush_folder(&folder).map_err(|error| match answer {
            PutIfAbsent::Created(_) => fault::after(call, key, error),
            PutIfAbsent::Exists => fault::before(call, key, error),
        })?;
        Ok(answer)
    }

    /// Gives the content the name, whatever had it before. The caller holds the lock.
    fn replace(
        &self,
        call: &'static str,
        key: &ObjectKey,
        mut temporary: Temporary,
        folder: &Path,
    ) -> Result<(), PortError> {
        let path = self.path(call, key)?;
        temporary.name(|temporary| fs::rename(temporary, &path)).map_err(|error| match error.kind() {
            ErrorKind::IsADirectory => lasting(call, key, "a folder has the name"),
            _ => self.not_named(call, key, error),
        })?;
        // The name in `.tmp` is free now: it may already be the file of a process with our id, in another container.
        temporary.0 = None;
        flush_folder(folder).map_err(|error| fault::after(call, key, error))
    }

    fn put(&self, key: &ObjectKey, bytes: &[u8]) -> Result<ETag, PortError> {
        let call = "disk put";
        self.path(call, key)?;
        let folder = self.make_folders(call, key)?;
        let temporary = self.write_temporary(bytes).map_err(|error| fault::before(call, key, error))?;
        let _locked = self.locked(call, key)?;
        self.replace(call, key, temporary, &folder)?;
        Ok(etag(bytes))
    }

    fn put_if_match(&self, key: &ObjectKey, bytes: &[u8], expected: &ETag) -> Result<PutIfMatch, PortError> {
        let call = "disk put_if_match";
        // Before the lock, so that others wait for the comparison and the rename only.
        let temporary = self.write_temporary(bytes).map_err(|error| fault::before(call, key, error))?;
        let _locked = self.locked(call, key)?;
        match self.read(call, key)? {
            Some(current) if current.etag == *expected => {
                let folder = self.make_folders(call, key)?;
                self.replace(call, key, temporary, &folder)?;
                Ok(PutIfMatch::Replaced(etag(bytes)))
            }
            _ => Ok(PutIfMatch::Changed),
        }
    }

    fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let call = "disk delete";
        let path = self.path(call, key)?;
        let _locked = self.locked(call, key)?;
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
            Err(error) => return Err(fault::before(call, key, error)),
        }
        fs::remove_file(&path).map_err(|error| fault::during(call, key, error))?;
        path.parent().map_or(Ok(()), flush_folder).map_err(|error| fault::after(call, key, error))
    }
}

impl Objects for DiskObjects {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        let key = key.clone();
        self.run("disk get", move |folder| folder.read("disk get", &key)).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        let key = key.clone();
        self.run("disk get_range", move |folder| folder.read_range(&key, range)).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        let key = key.clone();
        self.run("disk put", move |folder| folder.put(&key, &bytes)).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        let key = key.clone();
        self.run("disk put_if_absent", move |folder| folder.create(&key, &bytes)).await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, expected: &ETag) -> Result<PutIfMatch, PortError> {
        let (key, expected) = (key.clone(), expected.clone());
        self.run("disk put_if_match", move |folder| folder.put_if_match(&key, &bytes, &expected)).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        let (prefix, after) = (prefix.clone(), after.cloned());
        self.run("disk list", move |folder| {
            walk::keys(&folder.root, prefix.as_str(), after.as_ref().map(ObjectKey::as_str), limit)
                .map_err(|error| fault::before("disk list", &prefix.as_str(), error))
        })
        .await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        let key = key.clone();
        self.run("disk delete", move |folder| folder.delete(&key)).await
    }
}
