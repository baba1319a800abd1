//! Which live files of a partition are written anew, and into how many. Pure.
//!
//! Rules:
//! - A file that loses a row is written anew, sealed or not.
//! - A file of its target size is sealed: it is never merged again.
//! - Files of about the same size are merged when there are enough of them: a tier holds files up to `fan` times as large
//!   as those of the tier below. So an event is written again at most once for each tier that is below the target, and a
//!   partition has fewer than `fan` files of each.
//! - A partition that loses all of its rows keeps one file without any, named for its version, so that what is published
//!   of it is never the same twice.

/// How files are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// How large a file should become.
    pub target_bytes: u64,
    /// How many files of a tier are merged into one of the next.
    pub fan: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { target_bytes: 128 << 20, fan: 8 }
    }
}

impl Sizes {
    /// Whether a file of so many bytes is large enough to be left alone.
    #[must_use]
    pub fn seals(&self, bytes: u64) -> bool {
        bytes >= self.target_bytes / 4 * 3
    }

    /// The tier of a file: how often it can still be multiplied by `fan` before it reaches the target, at most eight.
    fn steps_to_target(&self, bytes: u64) -> u32 {
        let fan = u64::from(self.fan.max(2));
        let mut size = bytes.max(1);
        let mut steps = 0;
        while steps < 8 && size.saturating_mul(fan) <= self.target_bytes {
            size = size.saturating_mul(fan);
            steps += 1;
        }
        steps
    }

    /// Into how many files so many bytes are written.
    #[must_use]
    pub fn files(&self, bytes: u64) -> u64 {
        ((bytes + self.target_bytes / 2) / self.target_bytes.max(1)).max(1)
    }
}

/// A live file, as far as arranging goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its rows that a better copy replaces.
    pub lost: u64,
}

/// What becomes of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// The files whose rows are written together with the new ones, by their position.
    pub rewritten: Vec<usize>,
    /// Into how many files all of that goes.
    pub outputs: u64,
    /// Of the rewritten files, how many only for being merged.
    pub merged: u64,
}

/// Arranges a partition with new rows of about `fresh_bytes`, or none.
#[must_use]
pub fn arrange(files: &[File], fresh_rows: u64, fresh_bytes: u64, sizes: &Sizes) -> Arrangement {
    let mut rewritten: Vec<usize> = (0..files.len()).filter(|&at| files[at].lost > 0 || files[at].rows == 0).collect();
    let left = |at: usize| files[at].rows - files[at].lost.min(files[at].rows);
    let scaled = |at: usize| files[at].bytes / files[at].rows.max(1) * left(at);
    let mut bytes = fresh_bytes + rewritten.iter().map(|&at| scaled(at)).sum::<u64>();
    let mut merged = 0;
    // What is written in any case is one file of some tier; if it makes a tier full, the tier joins it, and so on.
    loop {
        let tier = sizes.steps_to_target(bytes);
        let peers: Vec<_> = (0..files.len())
            .filter(|at| !rewritten.contains(at) && !sizes.seals(files[*at].bytes))
            .filter(|&at| sizes.steps_to_target(files[at].bytes) >= tier)
            .collect();
        if sizes.seals(bytes) || peers.is_empty() || peers.len() as u64 + 1 < u64::from(sizes.fan.max(2)) {
            break;
        }
        merged += peers.len() as u64;
        bytes += peers.iter().map(|&at| files[at].bytes).sum::<u64>();
        rewritten.extend(peers);
    }
    rewritten.sort_unstable();
    let rows: u64 = fresh_rows + rewritten.iter().map(|&at| left(at)).sum::<u64>();
    let outputs = if rows == 0 { 1 } else { sizes.files(bytes).min(rows) };
    Arrangement { rewritten, outputs, merged }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(bytes: u64) -> File {
        File { rows: bytes / 10, bytes, lost: 0 }
    }

    #[test]
    fn new_rows_are_a_file_of_their_own_until_there_are_enough_to_merge() {
        let sizes = Sizes { target_bytes: 1_000_000, fan: 4 };
        let small = file(1_000);
        assert_eq!(arrange(&[], 100, 1_000, &sizes), Arrangement { rewritten: vec![], outputs: 1, merged: 0 });
        assert_eq!(arrange(&[small; 2], 100, 1_000, &sizes).rewritten, [0; 0]);
        assert_eq!(arrange(&[small; 3], 100, 1_000, &sizes).rewritten, [0, 1, 2]);
    }

    #[test]
    fn a_sealed_file_is_rewritten_only_for_a_row_that_it_loses() {
        let sizes = Sizes { target_bytes: 1_000, fan: 2 };
        let sealed = file(800);
        assert_eq!(arrange(&[sealed; 5], 50, 500, &sizes).rewritten, [0; 0]);
        let losing = File { lost: 1, ..sealed };
        assert_eq!(arrange(&[sealed, losing], 0, 0, &sizes).rewritten, [1]);
    }

    #[test]
    fn an_emptied_partition_has_one_file_without_rows_and_gives_it_up_with_the_next_row() {
        let sizes = Sizes::default();
        let emptied = File { lost: 3, ..File { rows: 3, bytes: 900, lost: 0 } };
        assert_eq!(arrange(&[emptied], 0, 0, &sizes), Arrangement { rewritten: vec![0], outputs: 1, merged: 0 });
        let empty = File { rows: 0, bytes: 500, lost: 0 };
        assert_eq!(arrange(&[empty], 1, 10, &sizes).rewritten, [0]);
    }

    #[test]
    fn much_is_written_into_files_of_the_target_size() {
        let sizes = Sizes { target_bytes: 1_000, fan: 8 };
        assert_eq!(arrange(&[], 100, 3_400, &sizes).outputs, 3);
        assert_eq!(arrange(&[], 2, 3_400, &sizes).outputs, 2);
    }

    proptest! {
        /// Whatever comes in whatever portions: few files are left, and no event is written often.
        #[test]
        fn files_stay_few_and_rewriting_is_bounded(portions in prop::collection::vec(1_u64..3_000, 1..200), fan in 2_u32..9) {
            let sizes = Sizes { target_bytes: 64_000, fan };
            let mut files: Vec<File> = Vec::new();
            let (mut written, mut came) = (0, 0);
            for portion in portions {
                let arrangement = arrange(&files, portion, portion, &sizes);
                let bytes: u64 = portion + arrangement.rewritten.iter().map(|&at| files[at].bytes).sum::<u64>();
                written += bytes;
                came += portion;
                let mut at = 0;
                files.retain(|_| { at += 1; !arrangement.rewritten.contains(&(at - 1)) });
                for _ in 0..arrangement.outputs {
                    let bytes = bytes / arrangement.outputs;
                    files.push(File { rows: bytes, bytes, lost: 0 });
                }
            }
            let open = files.iter().filter(|file| !sizes.seals(file.bytes)).count() as u64;
            // At most nine tiers, each with fewer than `fan` files.
            prop_assert!(open <= 9 * u64::from(fan), "{} open files", open);
            // Each merge moves an event at least one tier up.
            prop_assert!(written <= came * 11, "{} written for {}", written, came);
        }
    }
}
