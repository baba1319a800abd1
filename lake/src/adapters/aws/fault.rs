//! What an error of the AWS SDK says about the call: did it happen, and is there hope for another try?
//!
//! Decided by the error's structure: how far the call came, the status of the reply, the service's error code.
//! Never by the text of a message.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::ports::{Fault, PortError};

/// What a call would have done, had it gone well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing to the store: whatever went wrong, nothing was applied.
    Read,
    /// A change.
    Write,
}

/// Codes by which a service says that it has not begun, and that a later try may go through.
const NOT_NOW: [&str; 12] = [
    "ConditionalRequestConflict",
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionConflictException",
];

/// What is known of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdict {
    maybe_applied: bool,
    retryable: bool,
}

const REFUSED: Verdict = Verdict { maybe_applied: false, retryable: false };
const NOT_YET: Verdict = Verdict { maybe_applied: false, retryable: true };
const UNKNOWN: Verdict = Verdict { maybe_applied: true, retryable: true };

/// Whether the call failed before there was a connection to send it over.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .any(|error| error.downcast_ref::<hyper_util::client::legacy::Error>().is_some_and(|error| error.is_connect()))
}

/// The reading of a service's answer that is an error.
fn of_answer(status: u16, code: Option<&str>) -> Verdict {
    match status {
        _ if code.is_some_and(|code| NOT_NOW.contains(&code)) => NOT_YET,
        409 | 429 => NOT_YET,
        400..=499 => REFUSED,
        // An error of the service, or no status of an error at all: it may have come before or after the change.
        _ => UNKNOWN,
    }
}

/// The reading of an error, with a few words on how far the call came.
fn judge<E>(error: &SdkError<E, HttpResponse>) -> (Verdict, String)
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => (REFUSED, "the request could not be built".into()),
        SdkError::DispatchFailure(failure)
            if failure.as_connector_error().is_some_and(|connector| never_connected(connector)) =>
        {
            (NOT_YET, "no connection could be made".into())
        }
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (UNKNOWN, "no reply within the limit".into()),
        SdkError::DispatchFailure(_) => (UNKNOWN, "no reply came".into()),
        SdkError::TimeoutError(_) => (UNKNOWN, "no whole reply within the limit".into()),
        SdkError::ResponseError(answer) => {
            (UNKNOWN, format!("the reply, of status {}, could not be read", answer.raw().status().as_u16()))
        }
        SdkError::ServiceError(answer) => {
            let (status, code) = (answer.raw().status().as_u16(), answer.err().code());
            (
                of_answer(status, code),
                format!("the answer was {} ({status})", code.unwrap_or("an error without a code")),
            )
        }
        // The enumeration is open; what it may say one day is not known to have left things alone.
        _ => (UNKNOWN, "the call failed in a way that is not known here".into()),
    }
}

/// The port's error for an error of the SDK.
pub(super) fn port_error<E>(
    call: &'static str,
    about: &str,
    effect: Effect,
    error: SdkError<E, HttpResponse>,
) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let (verdict, what) = judge(&error);
    let detail = format!("{about}: {what}");
    let fault = if verdict.retryable { Fault::passing(call, detail) } else { Fault::lasting(call, detail) };
    let fault = fault.caused_by(error);
    match effect {
        Effect::Write if verdict.maybe_applied => PortError::MaybeApplied(fault),
        Effect::Read | Effect::Write => PortError::NotApplied(fault),
    }
}

/// The port's error for a read by any service of the SDK: whatever went wrong, nothing was applied.
pub fn read_error<E>(call: &'static str, about: &str, error: SdkError<E, HttpResponse>) -> PortError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    port_error(call, about, Effect::Read, error)
}

/// The status and the code of a service's answer that is an error; nothing if it was not the service that answered.
pub(super) fn answer<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<(u16, &str)> {
    match error {
        SdkError::ServiceError(answer) => {
            Some((answer.raw().status().as_u16(), answer.err().code().unwrap_or_default()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_s3::operation::put_object::PutObjectError;
    use aws_sdk_s3::primitives::SdkBody;

    type PutError = SdkError<PutObjectError, HttpResponse>;

    fn reply(status: u16) -> HttpResponse {
        HttpResponse::new(status.try_into().unwrap(), SdkBody::empty())
    }

    fn service(status: u16, code: &str) -> PutError {
        let error = PutObjectError::generic(ErrorMetadata::builder().code(code).message("words").build());
        SdkError::service_error(error, reply(status))
    }

    #[test]
    fn every_error_says_whether_it_happened_and_whether_to_try_again() {
        let io = || Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        // The error; whether a write may have happened despite it; whether another try has any hope.
        let expected: Vec<(PutError, bool, bool)> = vec![
            (SdkError::construction_failure("no bucket"), false, false),
            (SdkError::timeout_error("20 s"), true, true),
            (SdkError::dispatch_failure(ConnectorError::io(io())), true, true),
            (SdkError::dispatch_failure(ConnectorError::timeout(io())), true, true),
            (SdkError::dispatch_failure(ConnectorError::user(io())), true, true),
            (SdkError::dispatch_failure(ConnectorError::other(io(), None)), true, true),
            (SdkError::response_error("cut off", reply(200)), true, true),
            (SdkError::response_error("cut off", reply(400)), true, true),
            (service(400, "ProvisionedThroughputExceededException"), false, true),
            (service(400, "ThrottlingException"), false, true),
            (service(400, "Throttling"), false, true),
            (service(400, "RequestLimitExceeded"), false, true),
            (service(400, "LimitExceededException"), false, true),
            (service(400, "TransactionConflictException"), false, true),
            (service(400, "RequestTimeout"), false, true),
            (service(503, "SlowDown"), false, true),
            (service(503, "RequestThrottled"), false, true),
            (service(429, "TooManyRequestsException"), false, true),
            (service(429, ""), false, true),
            (service(409, "ConditionalRequestConflict"), false, true),
            (service(409, "OperationAborted"), false, true),
            (service(409, "Other"), false, true),
            (service(500, "InternalError"), true, true),
            (service(500, "InternalServerError"), true, true),
            (service(503, "ServiceUnavailable"), true, true),
            (service(502, ""), true, true),
            (service(504, ""), true, true),
            (service(200, "InternalError"), true, true),
            (service(301, "PermanentRedirect"), true, true),
            (service(400, "ValidationException"), false, false),
            (service(400, "ResourceNotFoundException"), false, false),
            (service(400, "AccessDeniedException"), false, false),
            (service(400, "UnrecognizedClientException"), false, false),
            (service(400, "ExpiredToken"), false, false),
            (service(403, "AccessDenied"), false, false),
            (service(403, "RequestTimeTooSkewed"), false, false),
            (service(404, "NoSuchBucket"), false, false),
            (service(405, "MethodNotAllowed"), false, false),
            (service(412, "PreconditionFailed"), false, false),
            (service(413, "EntityTooLarge"), false, false),
        ];
        for (error, maybe, retryable) in expected {
            let text = format!("{error:?}");
            assert_eq!(judge(&error).0, Verdict { maybe_applied: maybe, retryable }, "{text}");
            let error = port_error("s3 PutObject", "bucket/key", Effect::Write, error);
            assert_eq!(matches!(error, PortError::MaybeApplied(_)), maybe, "{text}");
            assert_eq!(error.fault().retryable, retryable, "{text}");
        }
    }

    #[test]
    fn a_read_has_never_applied_anything() {
        for error in [SdkError::timeout_error("20 s"), service(500, "InternalError"), service(403, "AccessDenied")] {
            let error = port_error("s3 GetObject", "bucket/key", Effect::Read, error);
            assert!(matches!(error, PortError::NotApplied(_)), "{error}");
        }
    }

    #[test]
    fn a_fault_says_where_and_what_and_keeps_the_cause_apart() {
        let error = port_error("s3 PutObject", "bucket/key", Effect::Write, service(403, "AccessDenied"));
        assert_eq!(
            error.to_string(),
            "s3 PutObject failed (not applied): bucket/key: the answer was AccessDenied (403)"
        );
        assert!(error.source().is_some());
    }
}
