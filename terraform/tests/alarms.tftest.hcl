# What a human is told of, and by what.

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

run "each_condition_has_its_alarm" {
  command = plan

  assert {
    condition = output.alarms == sort([
      "lake-iterator-age", "lake-ingest-idle",
      "lake-errors-ingest", "lake-errors-dispatcher", "lake-errors-worker",
      "lake-throttles-ingest", "lake-throttles-dispatcher", "lake-throttles-worker",
      "lake-on-failure", "lake-dropped", "lake-redrive-failures", "lake-redrive-dropped",
      "lake-compactor-lag-events", "lake-imbalance-events", "lake-duplicates-events",
      "lake-quarantine", "lake-no-dispatch",
    ])
    error_message = "Each condition has an alarm, and those of tables one for each table."
  }
}

run "each_alarm_reaches_somebody_and_says_where_to_read_on" {
  command = plan

  variables {
    alarm_emails = ["on-call@example.com"]
  }

  assert {
    condition = alltrue([
      for it in concat(
        values(aws_cloudwatch_metric_alarm.metrics), values(aws_cloudwatch_metric_alarm.duplicates),
        [aws_cloudwatch_metric_alarm.quarantine, aws_cloudwatch_metric_alarm.dispatches, aws_cloudwatch_metric_alarm.idle],
      ) :
      it.alarm_actions == toset([aws_sns_topic.alarms.arn]) && it.ok_actions == toset([aws_sns_topic.alarms.arn]) &&
      can(regex("docs/operations.md#alarm-(iterator-age|errors|throttles|on-failure|compactor-lag|imbalance|duplicates|quarantine|no-dispatch)$", it.alarm_description))
    ])
    error_message = "All alarms go to the topic, and name a section of docs/operations.md."
  }
  assert {
    condition     = aws_sns_topic_subscription.emails["on-call@example.com"].protocol == "email"
    error_message = "The topic writes to whom it was told."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement :
      statement.Effect == "Allow" && contains(flatten([statement.Principal.Service]), "cloudwatch.amazonaws.com") if statement.Effect == "Allow"
    ])
    error_message = "CloudWatch may write to the topic."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_kms_key.this[0].policy).Statement :
      statement.Sid == "Alarms" && contains(statement.Principal.Service, "cloudwatch.amazonaws.com") && contains(statement.Action, "kms:GenerateDataKey") if statement.Sid == "Alarms"
    ])
    error_message = "CloudWatch may use the key of the topic: without that, alarms are lost without a word."
  }
}

run "alarms_look_at_the_metrics_that_the_functions_write" {
  command = plan

  assert {
    condition = { for name, it in aws_cloudwatch_metric_alarm.metrics : name => "${it.namespace} ${it.metric_name} ${it.comparison_operator} ${it.threshold}" } == {
      "iterator-age"         = "AWS/Lambda IteratorAge GreaterThanThreshold 900000"
      "errors-ingest"        = "AWS/Lambda Errors GreaterThanThreshold 0"
      "errors-dispatcher"    = "AWS/Lambda Errors GreaterThanThreshold 0"
      "errors-worker"        = "AWS/Lambda Errors GreaterThanThreshold 0"
      "throttles-ingest"     = "AWS/Lambda Throttles GreaterThanThreshold 0"
      "throttles-dispatcher" = "AWS/Lambda Throttles GreaterThanThreshold 0"
      "throttles-worker"     = "AWS/Lambda Throttles GreaterThanThreshold 0"
      "on-failure"           = "AWS/Lambda OnFailureDestinationDeliveredEventCount GreaterThanThreshold 0"
      "dropped"              = "AWS/Lambda DroppedEventCount GreaterThanThreshold 0"
      "redrive-failures"     = "Iguazu redrive_failures GreaterThanThreshold 0"
      "redrive-dropped"      = "AWS/Lambda AsyncEventsDropped GreaterThanThreshold 0"
      "compactor-lag-events" = "Iguazu lag GreaterThanThreshold 3600000"
      "imbalance-events"     = "Iguazu imbalances GreaterThanThreshold 0"
    }
    error_message = "Each alarm has its metric and its threshold."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.metrics["imbalance-events"].dimensions == tomap({ function = "lake-compact-worker", table = "events" }) &&
      aws_cloudwatch_metric_alarm.metrics["compactor-lag-events"].dimensions == tomap({ function = "lake-compact-worker", table = "events" }) &&
      aws_cloudwatch_metric_alarm.metrics["redrive-failures"].dimensions == tomap({ function = "lake-ingest" }) &&
      aws_cloudwatch_metric_alarm.metrics["iterator-age"].dimensions == tomap({ FunctionName = "lake-ingest" }) &&
      keys(aws_cloudwatch_metric_alarm.metrics["on-failure"].dimensions) == tolist(["EventSourceMappingUUID"])
    )
    error_message = "Metrics are found by the dimensions under which they are written."
  }
}

run "nothing_measured_is_good_but_for_the_dead_mans_switch" {
  command = plan

  assert {
    condition     = aws_cloudwatch_metric_alarm.dispatches.treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.dispatches.period == 300 && aws_cloudwatch_metric_alarm.dispatches.comparison_operator == "LessThanThreshold"
    error_message = "No dispatch at all is what the switch looks for."
  }
  assert {
    condition = alltrue([
      for name, it in aws_cloudwatch_metric_alarm.metrics :
      it.treat_missing_data == (startswith(name, "imbalance-") ? "ignore" : "notBreaching")
    ])
    error_message = "An imbalance stays one until a balance says otherwise; a function that does not run has no errors."
  }
}

run "shares_are_worked_out_of_two_metrics" {
  command = plan

  assert {
    condition     = toset([for it in aws_cloudwatch_metric_alarm.quarantine.metric_query : one(it.metric).metric_name if length(it.metric) > 0]) == toset(["quarantined", "delivered"]) && aws_cloudwatch_metric_alarm.quarantine.threshold == 1
    error_message = "The share of quarantine is that of what was delivered."
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.duplicates["events"].threshold_metric_id == "usual" &&
      aws_cloudwatch_metric_alarm.duplicates["events"].comparison_operator == "GreaterThanUpperThreshold" &&
      toset([for it in aws_cloudwatch_metric_alarm.duplicates["events"].metric_query : one(it.metric).metric_name if length(it.metric) > 0]) == toset(["duplicates", "rows_taken"])
    )
    error_message = "Duplicates are judged by what is usual."
  }
}

run "whoever_switches_the_schedules_off_is_not_called" {
  command = plan

  variables {
    schedules_enabled = false
  }

  assert {
    condition     = !aws_cloudwatch_metric_alarm.dispatches.actions_enabled && alltrue([for it in aws_scheduler_schedule.this : it.state == "DISABLED"])
    error_message = "The switch is off with the schedules."
  }
}

run "a_budget_is_there_where_it_is_set" {
  command = plan

  variables {
    budget_usd = 100
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "100" && one(aws_budgets_budget.this[0].cost_filter).values == tolist(["user:Deployment$lake"]) && length(aws_budgets_budget.this[0].notification) == 2
    error_message = "The budget counts what has the tag of the deployment, and tells the topic twice."
  }
}

run "the_dashboard_is_sound" {
  command = plan

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 12 && alltrue([for it in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(it.properties.metrics) > 0])
    error_message = "Each widget shows something."
  }
}
