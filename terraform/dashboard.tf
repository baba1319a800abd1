# One page on which a person sees at a glance whether the pipeline keeps up, and whether its numbers add up.

locals {
  in_ours = { for role, name in local.functions : role => ["function", name] }

  widgets = concat(
    [
      {
        title = "Behind the stream: age of the oldest record that ingest was given (ms)"
        stat  = "Maximum"
        metrics = [
          ["AWS/Lambda", "IteratorAge", "FunctionName", local.functions.ingest],
          concat([var.metrics_namespace, "lag"], local.in_ours.ingest),
        ]
      },
      {
        title = "Records and documents"
        stat  = "Sum"
        metrics = concat(
          [["AWS/Kinesis", "IncomingRecords", "StreamName", local.stream]],
          [for metric in ["offered_records", "delivered", "accepted", "quarantined", "trimmed"] : concat([var.metrics_namespace, metric], local.in_ours.ingest)],
        )
      },
      {
        title = "Commits of ingest, and what stood in their way"
        stat  = "Sum"
        metrics = [
          for metric in ["commits", "conflicts", "failures", "files", "redriven", "redrive_failures"] :
          concat([var.metrics_namespace, metric], local.in_ours.ingest)
        ]
      },
      {
        title = "What the mapping saw"
        stat  = "Sum"
        metrics = [
          for metric in ["PolledEventCount", "InvokedEventCount", "FailedInvokeEventCount", "DroppedEventCount", "OnFailureDestinationDeliveredEventCount"] :
          ["AWS/Lambda", metric, "EventSourceMappingUUID", aws_lambda_event_source_mapping.ingest.uuid]
        ]
      },
    ],
    [
      for metric, stat in { Errors = "Sum", Throttles = "Sum", Duration = "Maximum", ConcurrentExecutions = "Maximum" } : {
        title                      = "${metric} of the functions"
        stat                       = stat
        metrics                    = [for name in values(local.functions) : ["AWS/Lambda", metric, "FunctionName", name]]
      }
    ],
    [
      for table in local.event_tables : {
        title   = "${table}: how long rows waited for compaction (ms), and how many are left"
        stat    = "Maximum"
        metrics = [for metric in ["lag", "rows_left"] : [var.metrics_namespace, metric, "function", local.functions.worker, "table", table]]
      }
    ],
    [
      for table in local.event_tables : {
        title = "${table}: rows taken, duplicates and replacements"
        stat  = "Sum"
        metrics = [
          for metric in ["rows_taken", "duplicates", "replaced", "versions", "conflicts"] :
          [var.metrics_namespace, metric, "function", local.functions.worker, "table", table]
        ]
      }
    ],
    [
      for table in local.event_tables : {
        title = "${table}: conservation; imbalances must be 0"
        stat  = "Maximum"
        metrics = [
          for metric in ["imbalances", "taken_rows", "live_rows", "duplicate_rows"] :
          [var.metrics_namespace, metric, "function", local.functions.worker, "table", table]
        ]
      }
    ],
    [
      {
        title = "What the stores take"
        stat  = "Sum"
        metrics = concat(
          [for metric in ["ConsumedWriteCapacityUnits", "ConsumedReadCapacityUnits"] : ["AWS/DynamoDB", metric, "TableName", local.ledger]],
          [for metric in ["bytes_read", "bytes_written"] : [var.metrics_namespace, metric, "function", local.functions.worker, "table", sort(tolist(local.event_tables))[0]]],
        )
      },
    ],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for place, widget in local.widgets : {
        type   = "metric"
        x      = 12 * (place % 2)
        y      = 6 * floor(place / 2)
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = local.region
          stat    = widget.stat
          period  = 300
          metrics = widget.metrics
        }
      }
    ]
  })
}
