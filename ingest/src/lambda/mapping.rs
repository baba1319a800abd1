//! A look at the function's own event source mappings at cold start.
//!
//! Nothing is lost under any mapping, but some make every commit a conflict or need an operator's attention, and
//! one setting decides whether a partial answer may be given at all.

use std::pin::pin;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::FunctionResponseType;
use futures_util::future::{Either, select};
use iguazu_lake::host::Host;

/// What matters of an event source mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Its stream.
    pub stream_arn: String,
    /// How many batches of one shard run at once.
    pub parallelization_factor: i32,
    /// Whether it understands a list of failed batch items.
    pub reports_batch_item_failures: bool,
    /// Retries before it gives up; -1 is never.
    pub retries_max: i32,
    /// The age at which it gives records up; -1 is never.
    pub record_age_max_seconds: i32,
    /// Whether it keeps what it gave up.
    pub has_failure_destination: bool,
}

/// Whether partial answers may be given. A mapping that does not understand them takes one for success and passes
/// the records that were left: so it is only if every mapping of the function is known to understand them.
#[must_use]
pub fn partial_responses(mappings: &[Mapping]) -> bool {
    !mappings.is_empty() && mappings.iter().all(|mapping| mapping.reports_batch_item_failures)
}

/// What an operator should know of these mappings.
#[must_use]
pub fn warnings(mappings: &[Mapping]) -> Vec<String> {
    let mut warnings = Vec::new();
    if mappings.is_empty() {
        warnings.push(
            "no Kinesis mapping of this function was found, so no partial answers are given: a batch beyond the budget \
             fails as a whole after its first part is committed; map the stream to the function itself, not to an \
             alias or a version of it"
                .to_owned(),
        );
    }
    for (at, mapping) in mappings.iter().enumerate() {
        let Mapping { stream_arn, parallelization_factor: factor, .. } = mapping;
        if *factor != 1 {
            warnings.push(format!(
                "the mapping of {stream_arn} has a parallelization factor of {factor}: its lanes commit to one chain, so \
                 every commit is a conflict and duplicates are found by reading files; set it to 1"
            ));
        }
        if mappings[..at].iter().any(|other| other.stream_arn == *stream_arn) {
            warnings.push(format!(
                "{stream_arn} is mapped to this function twice: every record is delivered twice; keep one"
            ));
        }
        if !mapping.reports_batch_item_failures {
            warnings.push(format!(
                "the mapping of {stream_arn} does not report batch item failures: a batch beyond the budget fails as a \
                 whole after its first part is committed; set ReportBatchItemFailures"
            ));
        }
        let gives_up = mapping.retries_max >= 0 || mapping.record_age_max_seconds >= 0;
        if gives_up && !mapping.has_failure_destination {
            warnings.push(format!(
                "the mapping of {stream_arn} gives records up and keeps no trace of them: set retries and age to \
                 unlimited, or an on-failure destination on S3"
            ));
        }
    }
    warnings
}

/// How long the look may take. Lambda gives a cold start 10 s in all, and a function in a network without a way to
/// Lambda's API would spend more than that on a question whose answer it can do without.
const LOOK_MAX: Duration = Duration::from_secs(3);

/// Asks Lambda for the function's mappings, warns of what is wrong with them, and says whether partial answers may
/// be given. Without an answer they are not, and that is warned of as well.
pub(super) async fn check(client: &Client, function: &str, host: &impl Host) -> bool {
    match select(pin!(look(client, function)), pin!(host.sleep(LOOK_MAX))).await {
        Either::Left((partial, _)) => partial,
        Either::Right(_) => {
            tracing::warn!(
                "the event source mappings of this function were not told within {LOOK_MAX:?}, so no partial answers \
                 are given: let the function reach the API of Lambda"
            );
            false
        }
    }
}

async fn look(client: &Client, function: &str) -> bool {
    let mut mappings = Vec::new();
    let mut pages = client.list_event_source_mappings().function_name(function).into_paginator().items().send();
    while let Some(page) = pages.next().await {
        match page {
            Ok(mapping) => mappings.push(mapping_of(&mapping)),
            Err(error) => {
                tracing::warn!(
                    error = %aws_sdk_lambda::error::DisplayErrorContext(&error),
                    "the event source mappings of this function could not be read: allow lambda:ListEventSourceMappings"
                );
                return false;
            }
        }
    }
    let mappings: Vec<_> = mappings.into_iter().filter(|mapping| mapping.stream_arn.contains(":kinesis:")).collect();
    for warning in warnings(&mappings) {
        tracing::warn!("{warning}");
    }
    partial_responses(&mappings)
}

fn mapping_of(mapping: &aws_sdk_lambda::types::EventSourceMappingConfiguration) -> Mapping {
    let destination =
        mapping.destination_config().and_then(|config| config.on_failure()).and_then(|to| to.destination());
    Mapping {
        stream_arn: mapping.event_source_arn().unwrap_or_default().to_owned(),
        parallelization_factor: mapping.parallelization_factor().unwrap_or(1),
        reports_batch_item_failures: mapping
            .function_response_types()
            .contains(&FunctionResponseType::ReportBatchItemFailures),
        retries_max: mapping.maximum_retry_attempts().unwrap_or(-1),
        record_age_max_seconds: mapping.maximum_record_age_in_seconds().unwrap_or(-1),
        has_failure_destination: destination.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Mapping {
        Mapping {
            stream_arn: "arn:aws:kinesis:eu-west-1:1:stream/orders".to_owned(),
            parallelization_factor: 1,
            reports_batch_item_failures: true,
            retries_max: -1,
            record_age_max_seconds: -1,
            has_failure_destination: false,
        }
    }

    #[test]
    fn a_sound_mapping_needs_no_warning() {
        assert_eq!(warnings(&[sound()]), Vec::<String>::new());
        assert!(partial_responses(&[sound()]));
    }

    #[test]
    fn each_unsound_setting_is_warned_of() {
        let warned = |mapping: Mapping| warnings(&[mapping]).len();
        assert_eq!(warned(Mapping { parallelization_factor: 2, ..sound() }), 1);
        assert_eq!(warned(Mapping { reports_batch_item_failures: false, ..sound() }), 1);
        assert_eq!(warned(Mapping { retries_max: 0, ..sound() }), 1);
        assert_eq!(warned(Mapping { record_age_max_seconds: 60, ..sound() }), 1);
        assert_eq!(warned(Mapping { retries_max: 5, has_failure_destination: true, ..sound() }), 0);
        assert_eq!(warnings(&[sound(), sound()]).len(), 1);
        assert_eq!(warnings(&[]).len(), 1);
    }

    #[test]
    fn a_partial_answer_needs_the_word_of_every_mapping() {
        assert!(!partial_responses(&[]));
        assert!(!partial_responses(&[sound(), Mapping { reports_batch_item_failures: false, ..sound() }]));
    }
}
