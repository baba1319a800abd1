//! The one question that a port's error answers: did it happen?

use std::error::Error;
use std::fmt;

/// A call to a port that gave no answer.
#[derive(Debug)]
pub enum PortError {
    /// Nothing was changed, and nothing will be: safe to try again or to give up.
    NotApplied(Fault),
    /// The change may have been made, or may still be made later: read back before going on.
    MaybeApplied(Fault),
}

/// What went wrong at a port.
#[derive(Debug)]
pub struct Fault {
    /// The call, such as `s3 PutObject`.
    pub call: &'static str,
    /// What it was about and what was answered, without payloads.
    pub detail: String,
    /// Whether the same call has any hope later. Missing permissions have none.
    pub retryable: bool,
    /// The cause, where there is one.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault that may pass.
    #[must_use]
    pub fn passing(call: &'static str, detail: impl Into<String>) -> Self {
        Self { call, detail: detail.into(), retryable: true, source: None }
    }

    /// A fault that the same call will meet again.
    #[must_use]
    pub fn lasting(call: &'static str, detail: impl Into<String>) -> Self {
        Self { call, detail: detail.into(), retryable: false, source: None }
    }

    /// The same fault with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl PortError {
    /// What went wrong, whichever it is.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        match self {
            Self::NotApplied(fault) | Self::MaybeApplied(fault) => fault,
        }
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fault, did) = match self {
            Self::NotApplied(fault) => (fault, "not applied"),
            Self::MaybeApplied(fault) => (fault, "maybe applied"),
        };
        write!(f, "{} failed ({did}): {}", fault.call, fault.detail)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.fault().source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
