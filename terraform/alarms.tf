# What a human is told of. Each alarm names the section of docs/operations.md that says what it means and what to do.
#
# Where nothing is measured: a function that is not invoked has no errors, so most alarms take missing data for good, and
# the dead man's switch is there for the case that nothing runs at all.

resource "aws_sns_topic" "alarms" {
  name              = local.topic
  kms_master_key_id = local.kms_key_arn

  tags = local.tags
}

locals {
  topic_arn = "${local.arn.sns}:${local.topic}"

  topic_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = local.topic_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  }

  of = { for role, name in local.functions : role => { FunctionName = name } }
  # The metrics of our own, of functions and of tables.
  ours       = { for role, name in local.functions : role => { function = name } }
  of_table   = { for table in local.event_tables : table => { function = local.functions.worker, table = table } }
  of_mapping = { EventSourceMappingUUID = aws_lambda_event_source_mapping.ingest.uuid }

  # Alarms on one metric. `of` is the period in seconds, the periods that are looked at, and how many of them must be bad.
  metric_alarms = merge(
    {
      iterator-age = {
        anchor    = "iterator-age", says = "Ingest is behind the stream"
        namespace = "AWS/Lambda", metric = "IteratorAge", dimensions = local.of.ingest
        statistic = "Maximum", above = var.alarms.iterator_age_minutes * 60 * 1000, of = [60, 5, 5]
      }
      on-failure = {
        anchor    = "on-failure", says = "The mapping gave up on events; their objects are in ${local.buckets.failures}"
        namespace = "AWS/Lambda", metric = "OnFailureDestinationDeliveredEventCount", dimensions = local.of_mapping
        statistic = "Sum", above = 0, of = [300, 1, 1]
      }
      dropped = {
        anchor    = "on-failure", says = "The mapping gave up on events and could not keep them"
        namespace = "AWS/Lambda", metric = "DroppedEventCount", dimensions = local.of_mapping
        statistic = "Sum", above = 0, of = [300, 1, 1]
      }
      redrive-failures = {
        anchor    = "on-failure", says = "An object of ${local.buckets.failures} could not be committed"
        namespace = var.metrics_namespace, metric = "redrive_failures", dimensions = local.ours.ingest
        statistic = "Sum", above = 0, of = [300, 1, 1]
      }
      redrive-dropped = {
        anchor    = "on-failure", says = "Lambda gave up on the notification of an object of ${local.buckets.failures}: drive it again by hand"
        namespace = "AWS/Lambda", metric = "AsyncEventsDropped", dimensions = local.of.ingest
        statistic = "Sum", above = 0, of = [300, 1, 1]
      }
    },
    {
      for role, dimensions in local.of : "errors-${role}" => {
        anchor    = "errors", says = "Invocations of ${local.functions[role]} fail"
        namespace = "AWS/Lambda", metric = "Errors", dimensions = dimensions
        # A single one is mended by the retry or by the next schedule.
        statistic = "Sum", above = var.alarms.errors, of = [300, 3, 2]
      }
    },
    {
      for role, dimensions in local.of : "throttles-${role}" => {
        anchor    = "throttles", says = "Invocations of ${local.functions[role]} are refused for want of concurrency"
        namespace = "AWS/Lambda", metric = "Throttles", dimensions = dimensions
        statistic = "Sum", above = 0, of = [300, 3, 3]
      }
    },
    {
      for table, dimensions in local.of_table : "compactor-lag-${table}" => {
        anchor    = "compactor-lag", says = "Rows of ${table} wait too long for their compaction"
        namespace = var.metrics_namespace, metric = "lag", dimensions = dimensions
        statistic = "Maximum", above = var.alarms.compactor_lag_minutes * 60 * 1000, of = [300, 3, 3]
      }
    },
    {
      for table, dimensions in local.of_table : "imbalance-${table}" => {
        anchor    = "imbalance", says = "What was delivered to ${table} and what it holds do not add up (I10)"
        namespace = var.metrics_namespace, metric = "imbalances", dimensions = dimensions
        statistic = "Maximum", above = 0, of = [300, 1, 1]
        # An imbalance that was found stays one until a balance says otherwise.
        missing = "ignore"
      }
    },
  )
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = jsonencode(local.topic_policy)
}

resource "aws_sns_topic_subscription" "emails" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_cloudwatch_metric_alarm" "metrics" {
  for_each = local.metric_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.says}. ${var.runbook_url}#alarm-${each.value.anchor}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.above
  period              = each.value.of[0]
  evaluation_periods  = each.value.of[1]
  datapoints_to_alarm = each.value.of[2]
  treat_missing_data  = lookup(each.value, "missing", "notBreaching")
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  tags = local.tags
}
