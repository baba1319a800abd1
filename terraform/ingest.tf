# Ingest: the function, and the mapping that brings it the stream.

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:Logs hold ids and codes for days of looking for a fault; what must last is in the lake and in the ledger
  for_each = local.functions

  name              = "/aws/lambda/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn

  tags = local.tags
}

locals {
  # What all functions are told.
  common_variables = merge(
    {
      IGUAZU_BUCKET            = local.buckets.lake
      IGUAZU_LEDGER_TABLE      = local.ledger
      IGUAZU_METRICS_NAMESPACE = var.metrics_namespace
      IGUAZU_LOG               = var.log_level
    },
    # A layer is unpacked to /opt. Without one, the built-in contract is in force.
    var.contracts_layer_arn == null ? { IGUAZU_TABLE = var.built_in_table } : { IGUAZU_CONTRACTS = "/opt/contracts" },
  )

  # ARNs, never the secrets: these variables are shown to whoever may see the function, and stand in Terraform's state.
  secret_variables = { for name, arn in var.secret_arns : "IGUAZU_SECRET_${upper(name)}" => arn }
}

resource "aws_lambda_function" "ingest" {
  #checkov:skip=CKV_AWS_50:The code writes a report of each invocation as a log line and metrics; it makes no traces
  #checkov:skip=CKV_AWS_116:Batches have the mapping's own destination; what comes asynchronously is an object that stays in the failures bucket
  #checkov:skip=CKV_AWS_117:It talks to AWS alone, over TLS and by its role; a VPC would add endpoints to pay for and no secret to keep
  #checkov:skip=CKV_AWS_272:The package is pinned by its hash; signing needs a profile of the account's own
  function_name    = local.functions.ingest
  description      = "Commits batches of the stream to the lake"
  role             = aws_iam_role.this["ingest"].arn
  filename         = var.ingest_package
  source_code_hash = filebase64sha256(var.ingest_package)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  memory_size      = var.ingest_memory_mb
  timeout          = var.ingest_timeout_s
  layers           = var.contracts_layer_arn == null ? [] : [var.contracts_layer_arn]
  kms_key_arn      = local.kms_key_arn

  reserved_concurrent_executions = var.ingest_concurrency

  environment {
    variables = merge(local.common_variables, local.secret_variables, {
      IGUAZU_OUTPUT_MIB_MAX = tostring(var.ingest_output_mib_max)
    })
  }

  logging_config {
    # The lines are JSON already; Lambda's own format would wrap them a second time.
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.this["ingest"].name
  }

  tags = local.tags

  # Without its permissions the first invocations would fail.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_event_source_mapping" "ingest" {
  event_source_arn  = aws_kinesis_stream.this.arn
  function_name     = aws_lambda_function.ingest.arn
  starting_position = "TRIM_HORIZON"

  # Not a variable: all lanes of a shard commit to the same chain. More of them stay correct, but each commit of one is a
  # conflict for the others, and repeats have to be proven by reading files.
  parallelization_factor = 1

  # The most that Lambda gives; 6 MB of payload end a batch before that where events are large.
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.ingest_window_s

  # Without limits by default (-1): what is given up is in no table until it was driven again.
  maximum_retry_attempts        = var.ingest_retries_max
  maximum_record_age_in_seconds = var.ingest_record_age_max_s

  # A batch that fails is cut in two, until the part that cannot be committed stands alone.
  bisect_batch_on_function_error = true

  # A batch beyond the budget goes on from where its commit ended, and does not fail as a whole.
  function_response_types = ["ReportBatchItemFailures"]

  destination_config {
    on_failure {
      # Of all destinations only S3 keeps the records themselves.
      destination_arn = aws_s3_bucket.this["failures"].arn
    }
  }

  # How many events were polled, invoked with, dropped and given up, counted by Lambda and not by us.
  metrics_config {
    metrics = ["EventCount"]
  }

  tags = local.tags

  # Lambda looks at the role when the mapping is made.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "ingest" {
  # For objects of the failures bucket alone: batches of the stream are synchronous. After two retries the object stays
  # where it is, an alarm is raised, and it can be driven again by hand.
  function_name                = aws_lambda_function.ingest.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600
}
