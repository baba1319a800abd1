# Alarms that are worked out of several metrics.

resource "aws_cloudwatch_metric_alarm" "quarantine" {
  alarm_name          = "${var.name}-quarantine"
  alarm_description   = "More than ${var.alarms.quarantine_percent} % of what was delivered went to quarantine. ${var.runbook_url}#alarm-quarantine"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.alarms.quarantine_percent
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "share"
    label       = "Percent"
    expression  = "IF(delivered >= ${var.alarms.share_rows_min}, 100 * quarantined / delivered, 0)"
    return_data = true
  }

  metric_query {
    id = "quarantined"

    metric {
      namespace   = var.metrics_namespace
      metric_name = "quarantined"
      dimensions  = local.ours.ingest
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id = "delivered"

    metric {
      namespace   = var.metrics_namespace
      metric_name = "delivered"
      dimensions  = local.ours.ingest
      period      = 300
      stat        = "Sum"
    }
  }

  tags = local.tags
}

# Duplicates are no fault, and how many are usual differs from producer to producer. A jump is: what is above the band
# that CloudWatch learnt of the weeks before. It takes some days until there is a band.
resource "aws_cloudwatch_metric_alarm" "duplicates" {
  for_each = local.of_table

  alarm_name          = "${var.name}-duplicates-${each.key}"
  alarm_description   = "The share of duplicates of ${each.key} is far above what is usual. ${var.runbook_url}#alarm-duplicates"
  comparison_operator = "GreaterThanUpperThreshold"
  threshold_metric_id = "usual"
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "usual"
    label       = "The usual share"
    expression  = "ANOMALY_DETECTION_BAND(share, ${var.alarms.duplicates_band_width})"
    return_data = true
  }

  metric_query {
    id          = "share"
    label       = "Percent"
    expression  = "IF(taken >= ${var.alarms.share_rows_min}, 100 * duplicates / taken, 0)"
    return_data = true
  }

  metric_query {
    id = "duplicates"

    metric {
      namespace   = var.metrics_namespace
      metric_name = "duplicates"
      dimensions  = each.value
      period      = 300
      stat        = "Sum"
    }
  }

  metric_query {
    id = "taken"

    metric {
      namespace   = var.metrics_namespace
      metric_name = "rows_taken"
      dimensions  = each.value
      period      = 300
      stat        = "Sum"
    }
  }

  tags = local.tags
}

# The dead man's switch: no dispatch at all. Missing data is the very thing that it looks for.
resource "aws_cloudwatch_metric_alarm" "dispatches" {
  alarm_name          = "${var.name}-no-dispatch"
  alarm_description   = "Nothing has started the compaction for three times its schedule. ${var.runbook_url}#alarm-no-dispatch"
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = local.of.dispatcher
  statistic           = "Sum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = var.compact_every_minutes * 60
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "breaching"
  # Where the schedules are switched off on purpose, nobody is called.
  actions_enabled = var.schedules_enabled
  alarm_actions   = [aws_sns_topic.alarms.arn]
  ok_actions      = [aws_sns_topic.alarms.arn]

  tags = local.tags
}

# The same of ingest: records come, and nobody takes them. Its own metrics are silent then, the age of the iterator too.
resource "aws_cloudwatch_metric_alarm" "idle" {
  alarm_name          = "${var.name}-ingest-idle"
  alarm_description   = "Records come in and ingest is not invoked. ${var.runbook_url}#alarm-iterator-age"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  metric_query {
    id          = "idle"
    label       = "Records that nobody takes"
    expression  = "IF(FILL(invocations, 0) < 1, FILL(records, 0), 0)"
    return_data = true
  }

  metric_query {
    id = "records"

    metric {
      namespace   = "AWS/Kinesis"
      metric_name = "IncomingRecords"
      dimensions  = { StreamName = local.stream }
      period      = 600
      stat        = "Sum"
    }
  }

  metric_query {
    id = "invocations"

    metric {
      namespace   = "AWS/Lambda"
      metric_name = "Invocations"
      dimensions  = local.of.ingest
      period      = 600
      stat        = "Sum"
    }
  }

  tags = local.tags
}
