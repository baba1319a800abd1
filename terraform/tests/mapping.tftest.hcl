# How the stream comes to ingest, and what becomes of what cannot be committed.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "lake"
  ingest_package  = "tests/fixtures/packages/arm64/ingest.zip"
  compact_package = "tests/fixtures/packages/arm64/compact.zip"
  tables_file     = "examples/simple/tables.json"
}

run "a_shard_has_one_lane_and_nothing_is_given_up" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.ingest.parallelization_factor == 1
    error_message = "Lanes of one shard commit to one chain: the factor is 1."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.ingest.maximum_retry_attempts == -1 && aws_lambda_event_source_mapping.ingest.maximum_record_age_in_seconds == -1
    error_message = "Retries and age have no limit by default."
  }
  assert {
    condition = (
      aws_lambda_event_source_mapping.ingest.batch_size == 10000 &&
      aws_lambda_event_source_mapping.ingest.bisect_batch_on_function_error &&
      aws_lambda_event_source_mapping.ingest.starting_position == "TRIM_HORIZON" &&
      aws_lambda_event_source_mapping.ingest.function_response_types == toset(["ReportBatchItemFailures"]) &&
      aws_lambda_event_source_mapping.ingest.metrics_config[0].metrics == toset(["EventCount"])
    )
    error_message = "Batches are 10,000 records, cut in two on errors, answered in part, counted, and from the oldest record on."
  }
  assert {
    condition     = length(aws_lambda_event_source_mapping.ingest.filter_criteria) == 0
    error_message = "Nothing is filtered before it is counted."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.ingest.destination_config[0].on_failure[0].destination_arn == aws_s3_bucket.this["failures"].arn
    error_message = "What is given up goes to the failures bucket."
  }
}

run "what_was_given_up_is_driven_again_by_the_same_function" {
  command = plan

  assert {
    condition = (
      aws_s3_bucket_notification.failures.lambda_function[0].lambda_function_arn == aws_lambda_function.ingest.arn &&
      aws_s3_bucket_notification.failures.lambda_function[0].events == toset(["s3:ObjectCreated:*"]) &&
      aws_s3_bucket_notification.failures.lambda_function[0].filter_prefix == "aws/lambda/"
    )
    error_message = "An object of the failures bucket invokes ingest."
  }
  assert {
    condition = (
      aws_lambda_permission.failures.principal == "s3.amazonaws.com" &&
      aws_lambda_permission.failures.source_arn == "arn:aws:s3:::lake-failures-123456789012" &&
      aws_lambda_permission.failures.source_account == "123456789012"
    )
    error_message = "S3 may invoke ingest for this bucket of this account alone."
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.ingest.maximum_retry_attempts == 2
    error_message = "A redrive is tried three times."
  }
  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.failures.rule[0].expiration).days >= 90
    error_message = "What is given up stays for 90 days at least."
  }
}

run "the_stream_keeps_a_week" {
  command = plan

  assert {
    condition     = aws_kinesis_stream.this.retention_period == 168 && aws_kinesis_stream.this.max_record_size_in_kib == 1024
    error_message = "The stream keeps a week, and records of the usual size."
  }
  assert {
    condition     = aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "ON_DEMAND"
    error_message = "The stream is on demand, where nothing else is said."
  }
}

run "a_provisioned_stream_has_its_shards" {
  command = plan

  variables {
    stream_mode        = "PROVISIONED"
    stream_shard_count = 3
  }

  assert {
    condition     = aws_kinesis_stream.this.stream_mode_details[0].stream_mode == "PROVISIONED" && aws_kinesis_stream.this.shard_count == 3
    error_message = "The stream has the shards that it was given."
  }
}

run "the_functions_are_told_where_everything_is" {
  command = plan

  assert {
    condition = aws_lambda_function.ingest.environment[0].variables == tomap({
      IGUAZU_BUCKET            = "lake-lake-123456789012"
      IGUAZU_LEDGER_TABLE      = "lake-ledger"
      IGUAZU_LOG               = "info"
      IGUAZU_METRICS_NAMESPACE = "Iguazu"
      IGUAZU_OUTPUT_MIB_MAX    = "64"
      IGUAZU_TABLE             = "events"
    })
    error_message = "Ingest has the variables of docs/INGEST.md and no others."
  }
  assert {
    condition = aws_lambda_function.compact["dispatcher"].environment[0].variables == tomap({
      IGUAZU_BUCKET            = "lake-lake-123456789012"
      IGUAZU_LEDGER_TABLE      = "lake-ledger"
      IGUAZU_LOG               = "info"
      IGUAZU_METRICS_NAMESPACE = "Iguazu"
      IGUAZU_TABLE             = "events"
      IGUAZU_FIRST_BUCKETS     = "1"
      IGUAZU_WORKER_FUNCTION   = "lake-compact-worker"
    })
    error_message = "The dispatcher names the worker, and knows how many buckets a new table has."
  }
  assert {
    condition = (
      aws_lambda_function.compact["worker"].environment[0].variables["IGUAZU_STREAM_RETENTION_HOURS"] == "168" &&
      aws_lambda_function.compact["worker"].environment[0].variables["IGUAZU_READERS_EPOCH"] == "0" &&
      aws_lambda_function.compact["worker"].timeout == 900
    )
    error_message = "The worker knows how long the stream keeps records and which epoch is read, and has all the time there is."
  }
  assert {
    condition     = alltrue([for it in concat([aws_lambda_function.ingest], values(aws_lambda_function.compact)) : it.runtime == "provided.al2023" && it.handler == "bootstrap" && it.architectures == tolist(["arm64"])])
    error_message = "All functions are the packaged programs."
  }
}

run "compaction_is_started_by_two_schedules" {
  command = plan

  assert {
    condition = { for name, it in aws_scheduler_schedule.this : name => [it.schedule_expression, it.target[0].input, it.state] } == {
      dispatch     = ["rate(5 minutes)", "{\"task\":\"dispatch\"}", "ENABLED"]
      housekeeping = ["rate(6 hours)", "{\"task\":\"housekeeping\"}", "ENABLED"]
    }
    error_message = "A dispatch every five minutes, housekeeping every six hours."
  }
  assert {
    condition     = alltrue([for it in aws_lambda_function_event_invoke_config.compact : it.maximum_retry_attempts == 0])
    error_message = "What a run did not do, the next one does."
  }
}
