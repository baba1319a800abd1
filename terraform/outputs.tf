output "stream_name" {
  description = "The stream that producers put records into."
  value       = aws_kinesis_stream.this.name
}

output "stream_arn" {
  description = "Its ARN, for the policies of producers."
  value       = aws_kinesis_stream.this.arn
}

output "kms_key_arn" {
  description = "The key by which everything is encrypted: producers need `kms:GenerateDataKey` on it."
  value       = local.kms_key_arn
}

output "bucket" {
  description = "The bucket of the lake."
  value       = aws_s3_bucket.this["lake"].id
}

output "failures_bucket" {
  description = "The bucket of what the mapping gave up on."
  value       = aws_s3_bucket.this["failures"].id
}

output "results_bucket" {
  description = "The bucket of Athena's answers."
  value       = aws_s3_bucket.this["results"].id
}

output "ledger_table" {
  description = "The table of the ledger."
  value       = aws_dynamodb_table.ledger.name
}

output "function_names" {
  description = "The functions: `ingest`, `dispatcher` and `worker`."
  value       = local.functions
}

output "role_arns" {
  description = "The role of each function, of the scheduler and, where there is one, of analysts."
  value       = { for role, it in aws_iam_role.this : role => it.arn }
}

output "event_source_mapping_id" {
  description = "The mapping from the stream to ingest."
  value       = aws_lambda_event_source_mapping.ingest.id
}

output "database" {
  description = "The database of Glue."
  value       = aws_glue_catalog_database.this.name
}

output "workgroup" {
  description = "The workgroup of Athena."
  value       = aws_athena_workgroup.this.name
}

output "alarm_topic_arn" {
  description = "Where alarms are told, for further subscriptions."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "The name of the dashboard in CloudWatch."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "alarms" {
  description = "The names of all alarms."
  value = sort(concat(
    [for it in aws_cloudwatch_metric_alarm.metrics : it.alarm_name],
    [for it in aws_cloudwatch_metric_alarm.duplicates : it.alarm_name],
    [for it in [aws_cloudwatch_metric_alarm.quarantine, aws_cloudwatch_metric_alarm.dispatches, aws_cloudwatch_metric_alarm.idle] : it.alarm_name],
  ))
}
