# Compaction: a dispatcher that looks up how many buckets there are, and workers, one invocation for each bucket. Both
# are the same program. EventBridge Scheduler starts the dispatcher.

locals {
  compact = {
    dispatcher = {
      description = "Invokes a worker for each bucket of each table"
      # It waits for two kinds of answers and computes nothing.
      memory_mb   = 256
      timeout_s   = 60
      concurrency = -1
      # A dispatch that comes late would only be one more: the next one is minutes away.
      age_s     = 60
      variables = { IGUAZU_WORKER_FUNCTION = local.functions.worker }
    }
    worker = {
      description = "Compacts and publishes a bucket, or sweeps"
      memory_mb   = var.compact_memory_mb
      timeout_s   = 900
      concurrency = var.compact_concurrency
      age_s       = 300
      variables = {
        IGUAZU_TARGET_MIB    = tostring(var.compact_target_mib)
        IGUAZU_MERGE_FILES   = tostring(var.compact_merge_files)
        IGUAZU_INPUT_MIB_MAX = tostring(var.compact_input_mib_max)
        IGUAZU_GRACE_MINUTES = tostring(var.compact_grace_minutes)
        IGUAZU_READERS_EPOCH = tostring(var.readers_epoch)
        # Rows may shrink once the stream has forgotten their records.
        IGUAZU_STREAM_RETENTION_HOURS = tostring(var.stream_retention_hours)
      }
    }
  }

  schedules = {
    dispatch     = { rate = "rate(${var.compact_every_minutes} ${var.compact_every_minutes == 1 ? "minute" : "minutes"})", description = "Compacts every bucket" }
    housekeeping = { rate = "rate(${var.housekeeping_every_hours} ${var.housekeeping_every_hours == 1 ? "hour" : "hours"})", description = "Sweeps what nobody reads" }
  }
}

resource "aws_lambda_function" "compact" {
  #checkov:skip=CKV_AWS_50:The code writes a report of each run as a log line and metrics; it makes no traces
  #checkov:skip=CKV_AWS_116:A run that is lost is repeated by the next schedule, and nothing but the ledger says what is to be done
  #checkov:skip=CKV_AWS_117:It talks to AWS alone, over TLS and by its role; a VPC would add endpoints to pay for and no secret to keep
  #checkov:skip=CKV_AWS_272:The package is pinned by its hash; signing needs a profile of the account's own
  for_each = local.compact

  function_name    = local.functions[each.key]
  description      = each.value.description
  role             = aws_iam_role.this[each.key].arn
  filename         = var.compact_package
  source_code_hash = filebase64sha256(var.compact_package)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  memory_size      = each.value.memory_mb
  timeout          = each.value.timeout_s
  layers           = var.contracts_layer_arn == null ? [] : [var.contracts_layer_arn]
  kms_key_arn      = local.kms_key_arn

  reserved_concurrent_executions = each.value.concurrency

  environment {
    # Whichever of them comes first begins the first epoch of a table.
    variables = merge(local.common_variables, { IGUAZU_FIRST_BUCKETS = tostring(var.compact_first_buckets) }, each.value.variables)
  }

  logging_config {
    # The lines are JSON already; Lambda's own format would wrap them a second time.
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this[each.key].name
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "compact" {
  for_each = local.compact

  # No retries and no dead letters: what a run did not do, the next one does, and it learns from the ledger what that is.
  function_name                = aws_lambda_function.compact[each.key].function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = each.value.age_s
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name

  tags = local.tags
}

resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                = each.key
  description         = each.value.description
  group_name          = aws_scheduler_schedule_group.this.name
  schedule_expression = each.value.rate
  state               = var.schedules_enabled ? "ENABLED" : "DISABLED"
  kms_key_arn         = local.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.compact["dispatcher"].arn
    role_arn = aws_iam_role.this["scheduler"].arn
    input    = jsonencode({ task = each.key })

    retry_policy {
      maximum_retry_attempts       = 1
      maximum_event_age_in_seconds = 60
    }
  }
}
