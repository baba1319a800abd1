//! What an error of the file system says about the call: did it happen, and is there hope for another try?

use std::fmt::Display;
use std::io;

use crate::ports::{Fault, PortError};

/// What went wrong, in the words of someone who has to mend it.
fn fault(call: &'static str, about: &dyn Display, error: io::Error) -> Fault {
    use io::ErrorKind as Kind;
    let (meaning, retryable) = match error.kind() {
        Kind::PermissionDenied => {
            ("permission denied; the folder must be readable and writable by this process", false)
        }
        Kind::ReadOnlyFilesystem => ("the file system is mounted read-only", false),
        Kind::StorageFull => ("the disk is full; free some space", true),
        Kind::QuotaExceeded => ("the disk quota is used up; free some space", true),
        Kind::NotADirectory | Kind::IsADirectory => ("a folder stands where an object should, or the other way", false),
        Kind::InvalidFilename => ("the file system does not take a name of this length", false),
        Kind::Unsupported => ("the file system lacks an operation that is needed", false),
        _ => ("the file system failed", true),
    };
    let fault = if retryable {
        Fault::passing(call, format!("{about}: {meaning}"))
    } else {
        Fault::lasting(call, format!("{about}: {meaning}"))
    };
    fault.caused_by(error)
}

/// The error of a step that comes before anything is visible, or of a read.
pub(super) fn before(call: &'static str, about: &dyn Display, error: io::Error) -> PortError {
    PortError::NotApplied(fault(call, about, error))
}

/// The error of the step that makes the change visible: a link, a rename, an unlink. The kernel refuses those
/// whole, for reasons that it can name; an error of the device is another matter, since it may have come after.
pub(super) fn during(call: &'static str, about: &dyn Display, error: io::Error) -> PortError {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::PermissionDenied
        | Kind::ReadOnlyFilesystem
        | Kind::StorageFull
        | Kind::QuotaExceeded
        | Kind::NotFound
        | Kind::NotADirectory
        | Kind::IsADirectory
        | Kind::InvalidFilename
        | Kind::CrossesDevices
        | Kind::TooManyLinks
        | Kind::Unsupported => PortError::NotApplied(fault(call, about, error)),
        _ => PortError::MaybeApplied(fault(call, about, error)),
    }
}

/// The error of a step that comes after the change is visible: a power cut may still undo it.
pub(super) fn after(call: &'static str, about: &dyn Display, error: io::Error) -> PortError {
    PortError::MaybeApplied(fault(call, about, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_says_whether_it_happened_and_whether_to_try_again() {
        use io::ErrorKind as Kind;
        // The kind; whether the naming step may have happened despite it; whether another try has any hope.
        let expected = [
            (Kind::PermissionDenied, false, false),
            (Kind::ReadOnlyFilesystem, false, false),
            (Kind::StorageFull, false, true),
            (Kind::QuotaExceeded, false, true),
            (Kind::NotFound, false, true),
            (Kind::NotADirectory, false, false),
            (Kind::IsADirectory, false, false),
            (Kind::InvalidFilename, false, false),
            (Kind::CrossesDevices, false, true),
            (Kind::TooManyLinks, false, true),
            (Kind::Unsupported, false, false),
            (Kind::TimedOut, true, true),
            (Kind::Other, true, true),
        ];
        for (kind, maybe, retryable) in expected {
            let errors = [(before as fn(_, &dyn Display, _) -> _, false), (during, maybe), (after, true)];
            for (classify, maybe) in errors {
                let error = classify("disk put", &"a/b", io::Error::from(kind));
                assert_eq!(matches!(error, PortError::MaybeApplied(_)), maybe, "{kind:?}: {error}");
                assert_eq!(error.fault().retryable, retryable, "{kind:?}: {error}");
            }
        }
    }
}
