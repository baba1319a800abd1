# The root that `make plan`, `make deploy` and `make destroy` run. Environments differ in variables alone: ../dev.tfvars and
# ../prod.tfvars are the whole of the difference.

provider "aws" {
  region = var.region
}

module "lake" {
  source = "../../"

  name                = "iguazu-${var.environment}"
  tags                = { Environment = var.environment }
  admin_arns          = var.admin_arns
  ledger_table        = var.ledger_table
  deletion_protection = var.deletion_protection
  force_destroy       = var.force_destroy

  stream_mode            = var.stream_mode
  stream_shard_count     = var.stream_shard_count
  stream_retention_hours = var.stream_retention_hours

  architecture        = var.architecture
  ingest_package      = "${var.packages}/${var.architecture}/ingest.zip"
  compact_package     = "${var.packages}/${var.architecture}/compact.zip"
  tables_file         = "${var.packages}/tables.json"
  contracts_layer_arn = var.contracts_layer_arn
  secret_arns         = var.secret_arns

  ingest_memory_mb = var.ingest_memory_mb
  ingest_window_s  = var.ingest_window_s

  compact_every_minutes = var.compact_every_minutes
  compact_memory_mb     = var.compact_memory_mb
  compact_first_buckets = var.compact_first_buckets
  readers_epoch         = var.readers_epoch
  schedules_enabled     = var.schedules_enabled

  noncurrent_version_days = var.noncurrent_version_days
  athena_scan_gib_max     = var.athena_scan_gib_max
  analyst_arns            = var.analyst_arns

  log_level          = var.log_level
  log_retention_days = var.log_retention_days
  alarm_emails       = var.alarm_emails
  alarms             = var.alarms
  budget_usd         = var.budget_usd
}
