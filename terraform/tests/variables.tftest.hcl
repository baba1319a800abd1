# What is refused, before anything is made.

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

run "names_have_a_form" {
  command = plan

  variables {
    name = "My_Lake"
  }

  expect_failures = [var.name]
}

run "a_stream_keeps_a_week_at_least" {
  command = plan

  variables {
    stream_retention_hours = 24
  }

  expect_failures = [var.stream_retention_hours]
}

run "a_stream_keeps_a_year_at_most" {
  command = plan

  variables {
    stream_retention_hours = 8761
  }

  expect_failures = [var.stream_retention_hours]
}

run "a_stream_has_one_of_two_modes" {
  command = plan

  variables {
    stream_mode = "on-demand"
  }

  expect_failures = [var.stream_mode]
}

run "a_provisioned_stream_has_a_number_of_shards" {
  command = plan

  variables {
    stream_mode        = "PROVISIONED"
    stream_shard_count = null
  }

  expect_failures = [var.stream_shard_count]
}

run "a_stream_on_demand_has_none" {
  command = plan

  variables {
    stream_shard_count = 2
  }

  expect_failures = [var.stream_shard_count]
}

run "half_a_shard_is_none" {
  command = plan

  variables {
    stream_mode        = "PROVISIONED"
    stream_shard_count = 1.5
  }

  expect_failures = [var.stream_shard_count]
}

run "a_package_has_to_be_there" {
  command = plan

  variables {
    ingest_package = "dist/nothing.zip"
  }

  expect_failures = [var.ingest_package]
}

run "the_other_package_has_to_be_there" {
  command = plan

  variables {
    compact_package = "dist/nothing.zip"
  }

  expect_failures = [var.compact_package]
}

run "tables_are_json_of_a_known_version" {
  command = plan

  variables {
    tables_file = "tests/fixtures/packages/arm64/ingest.zip"
  }

  expect_failures = [var.tables_file]
}

run "the_tables_of_a_contract_need_its_layer" {
  command = plan

  variables {
    built_in_table = "orders_of_another"
  }

  expect_failures = [var.built_in_table]
}

run "a_layer_has_a_version" {
  command = plan

  variables {
    contracts_layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:contracts"
  }

  expect_failures = [var.contracts_layer_arn]
}

run "a_secret_is_never_given_itself" {
  command = plan

  variables {
    secret_arns = { customer_key = "0123456789abcdef0123456789abcdef" }
  }

  expect_failures = [var.secret_arns]
}

run "a_secret_is_called_as_the_contract_calls_it" {
  command = plan

  variables {
    secret_arns = { "Customer-Key" = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key" }
  }

  expect_failures = [var.secret_arns]
}

run "administrators_are_roles_or_users" {
  command = plan

  variables {
    admin_arns = ["*"]
  }

  expect_failures = [var.admin_arns]
}

run "analysts_are_somebody" {
  command = plan

  variables {
    analyst_arns = ["*"]
  }

  expect_failures = [var.analyst_arns]
}

run "a_key_is_named_by_its_arn" {
  command = plan

  variables {
    kms_key_arn = "alias/mine"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_ledger_has_a_form" {
  command = plan

  variables {
    ledger_table = "my ledger"
  }

  expect_failures = [var.ledger_table]
}

run "a_lake_is_protected_as_a_whole_or_not_at_all" {
  command = plan

  variables {
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}

run "an_architecture_is_one_that_is_packaged" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "ingest_has_memory" {
  command = plan

  variables {
    ingest_memory_mb = 128
  }

  expect_failures = [var.ingest_memory_mb]
}

run "ingest_has_time" {
  command = plan

  variables {
    ingest_timeout_s = 901
  }

  expect_failures = [var.ingest_timeout_s]
}

run "a_window_is_no_longer_than_lambda_has_it" {
  command = plan

  variables {
    ingest_window_s = 301
  }

  expect_failures = [var.ingest_window_s]
}

run "a_window_is_shorter_than_the_alarm_for_it" {
  command = plan

  variables {
    ingest_window_s = 120
    alarms          = { iterator_age_minutes = 1 }
  }

  expect_failures = [var.alarms]
}

run "a_budget_of_bytes_is_more_than_none" {
  command = plan

  variables {
    ingest_output_mib_max = 0
  }

  expect_failures = [var.ingest_output_mib_max]
}

run "retries_have_a_form" {
  command = plan

  variables {
    ingest_retries_max = -2
  }

  expect_failures = [var.ingest_retries_max]
}

run "ages_have_a_form" {
  command = plan

  variables {
    ingest_record_age_max_s = 30
  }

  expect_failures = [var.ingest_record_age_max_s]
}

run "ingest_is_not_switched_off_by_concurrency" {
  command = plan

  variables {
    ingest_concurrency = 0
  }

  expect_failures = [var.ingest_concurrency]
}

run "what_is_given_up_is_kept" {
  command = plan

  variables {
    failure_days = 30
  }

  expect_failures = [var.failure_days]
}

run "a_schedule_is_a_part_of_an_hour" {
  command = plan

  variables {
    compact_every_minutes = 7
  }

  expect_failures = [var.compact_every_minutes]
}

run "housekeeping_is_done" {
  command = plan

  variables {
    housekeeping_every_hours = 0
  }

  expect_failures = [var.housekeeping_every_hours]
}

run "a_worker_has_the_memory_for_its_input" {
  command = plan

  variables {
    compact_input_mib_max = 512
    compact_memory_mb     = 1024
  }

  expect_failures = [var.compact_memory_mb]
}

run "an_input_has_a_limit" {
  command = plan

  variables {
    compact_memory_mb     = 10240
    compact_input_mib_max = 4000
  }

  expect_failures = [var.compact_input_mib_max]
}

run "workers_are_not_switched_off_by_concurrency" {
  command = plan

  variables {
    compact_concurrency = 0
  }

  expect_failures = [var.compact_concurrency]
}

run "buckets_are_a_power_of_two" {
  command = plan

  variables {
    compact_first_buckets = 3
  }

  expect_failures = [var.compact_first_buckets]
}

run "files_have_a_size" {
  command = plan

  variables {
    compact_target_mib = 0
  }

  expect_failures = [var.compact_target_mib]
}

run "one_file_is_not_merged" {
  command = plan

  variables {
    compact_merge_files = 1
  }

  expect_failures = [var.compact_merge_files]
}

run "readers_are_given_time" {
  command = plan

  variables {
    compact_grace_minutes = 5
  }

  expect_failures = [var.compact_grace_minutes]
}

run "an_epoch_is_a_number" {
  command = plan

  variables {
    readers_epoch = -1
  }

  expect_failures = [var.readers_epoch]
}

run "a_bucket_has_a_form" {
  command = plan

  variables {
    bucket_name = "My.Bucket"
  }

  expect_failures = [var.bucket_name]
}

run "versions_stay_for_a_day" {
  command = plan

  variables {
    noncurrent_version_days = 0
  }

  expect_failures = [var.noncurrent_version_days]
}

run "raw_does_not_go_where_it_has_to_thaw" {
  command = plan

  variables {
    raw_transition = { days = 90, storage_class = "DEEP_ARCHIVE" }
  }

  expect_failures = [var.raw_transition]
}

run "raw_is_read_in_its_first_month" {
  command = plan

  variables {
    raw_transition = { days = 1 }
  }

  expect_failures = [var.raw_transition]
}

run "a_database_has_a_form" {
  command = plan

  variables {
    glue_database = "my-lake"
  }

  expect_failures = [var.glue_database]
}

run "years_go_forward" {
  command = plan

  variables {
    event_years = { first = 2030, last = 2024 }
  }

  expect_failures = [var.event_years]
}

run "a_query_may_read_something" {
  command = plan

  variables {
    athena_scan_gib_max = 0
  }

  expect_failures = [var.athena_scan_gib_max]
}

run "answers_stay_for_a_day" {
  command = plan

  variables {
    athena_results_days = 0
  }

  expect_failures = [var.athena_results_days]
}

run "a_log_level_is_one" {
  command = plan

  variables {
    log_level = "verbose"
  }

  expect_failures = [var.log_level]
}

run "logs_stay_as_long_as_cloudwatch_has_it" {
  command = plan

  variables {
    log_retention_days = 42
  }

  expect_failures = [var.log_retention_days]
}

run "a_namespace_is_not_that_of_aws" {
  command = plan

  variables {
    metrics_namespace = "AWS/Lambda"
  }

  expect_failures = [var.metrics_namespace]
}

run "an_address_is_one" {
  command = plan

  variables {
    alarm_emails = ["nobody"]
  }

  expect_failures = [var.alarm_emails]
}

run "lag_is_longer_than_the_schedule" {
  command = plan

  variables {
    alarms = { compactor_lag_minutes = 5 }
  }

  expect_failures = [var.alarms]
}

run "a_percentage_is_below_a_hundred" {
  command = plan

  variables {
    alarms = { quarantine_percent = 100 }
  }

  expect_failures = [var.alarms]
}

run "a_budget_is_more_than_nothing" {
  command = plan

  variables {
    budget_usd = 0
  }

  expect_failures = [var.budget_usd]
}
