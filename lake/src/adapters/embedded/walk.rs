//! Listing a folder tree in the order of whole keys.
//!
//! The order of a naive walk is not that order: `a-b/x` comes before `a/x`, because `-` comes before the slash.
//! So entries are compared as their keys begin: a file by its name, a folder by its name and a slash.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use crate::keys::ObjectKey;

/// Up to `limit` keys below `root` that begin with `prefix` (whole segments, each closed by a slash, or nothing)
/// and are above `after`, ascending by their bytes. What cannot be a key is passed over, symbolic links too.
pub(super) fn keys(root: &Path, prefix: &str, after: Option<&str>, limit: usize) -> io::Result<Vec<ObjectKey>> {
    let mut found = Vec::new();
    let mut open = vec![entries(root, prefix)?];
    while let Some(folder) = open.last_mut() {
        if found.len() >= limit {
            break;
        }
        match folder.pop_front() {
            None => drop(open.pop()),
            Some(entry) if after.is_some_and(|after| is_passed(&entry, after)) => {}
            Some(entry) if entry.ends_with('/') => open.push(entries(root, &entry)?),
            Some(entry) => found.extend(entry.parse::<ObjectKey>()),
        }
    }
    Ok(found)
}

/// Whether neither the entry nor anything in it is above `after`.
fn is_passed(entry: &str, after: &str) -> bool {
    entry <= after && !(entry.ends_with('/') && after.starts_with(entry))
}

/// The keys of a folder's files and the beginnings of its folders' keys, ascending.
fn entries(root: &Path, folder: &str) -> io::Result<VecDeque<String>> {
    let listing = match std::fs::read_dir(root.join(folder)) {
        Ok(listing) => listing,
        // Nothing was ever put there, or an object has the folder's name.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(VecDeque::new());
        }
        Err(error) => return Err(error),
    };
    let mut entries = Vec::new();
    for entry in listing {
        let entry = entry?;
        let kind = entry.file_type()?;
        // Our own files begin with a dot, which no segment of a key does.
        let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.')).map(str::to_owned) else {
            continue;
        };
        if kind.is_dir() {
            entries.push(format!("{folder}{name}/"));
        } else if kind.is_file() {
            entries.push(format!("{folder}{name}"));
        }
    }
    entries.sort_unstable();
    Ok(entries.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_passed_only_when_everything_in_it_is() {
        assert!(is_passed("a/", "b"));
        assert!(is_passed("a-b/", "a/x"));
        assert!(!is_passed("a/", "a/x"));
        assert!(!is_passed("a/", "a-b/x"));
        assert!(is_passed("a/x", "a/x"));
        assert!(!is_passed("a/y", "a/x"));
    }
}
