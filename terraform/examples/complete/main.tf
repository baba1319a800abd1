# Much of what can be said: a table of a contract of one's own, with a secret; a provisioned stream; limits to retries;
# analysts, alarms, a budget, and cheaper storage for old raw files.

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { Owner = "data-platform" }
  }
}

module "lake" {
  source = "../../"

  name       = "iguazu-complete"
  tags       = { CostCentre = "4711" }
  admin_arns = [var.admin_arn]

  stream_mode            = "PROVISIONED"
  stream_shard_count     = 4
  stream_retention_hours = 336

  architecture        = "x86_64"
  ingest_package      = "${var.packages}/x86_64/ingest.zip"
  compact_package     = "${var.packages}/x86_64/compact.zip"
  tables_file         = "${path.module}/tables.json"
  contracts_layer_arn = var.contracts_layer_arn
  # The contract of orders makes a key of e-mail addresses by this secret.
  secret_arns = { customer_key = var.customer_key_arn }

  ingest_memory_mb        = 3008
  ingest_window_s         = 60
  ingest_retries_max      = 1000
  ingest_record_age_max_s = 259200

  compact_every_minutes = 15
  compact_first_buckets = 4
  compact_memory_mb     = 5120
  compact_input_mib_max = 1024
  compact_concurrency   = 16

  raw_transition           = { days = 90 }
  access_log_bucket        = var.access_log_bucket
  event_years              = { first = 2025, last = 2030 }
  athena_scan_gib_max      = 500
  analyst_arns             = [var.analyst_arn]
  analyst_reads_quarantine = false

  alarm_emails = ["data-on-call@example.com"]
  alarms       = { compactor_lag_minutes = 90, quarantine_percent = 0.1 }
  budget_usd   = 500
}
