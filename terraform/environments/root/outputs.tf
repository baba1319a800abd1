output "region" {
  description = "The region."
  value       = var.region
}

output "stream_name" {
  description = "The stream that producers put records into."
  value       = module.lake.stream_name
}

output "bucket" {
  description = "The bucket of the lake."
  value       = module.lake.bucket
}

output "failures_bucket" {
  description = "The bucket of what the mapping gave up on."
  value       = module.lake.failures_bucket
}

output "ledger_table" {
  description = "The table of the ledger."
  value       = module.lake.ledger_table
}

output "function_names" {
  description = "The functions."
  value       = module.lake.function_names
}

output "database" {
  description = "The database of Glue."
  value       = module.lake.database
}

output "workgroup" {
  description = "The workgroup of Athena."
  value       = module.lake.workgroup
}

output "alarms" {
  description = "The alarms, each by its name."
  value       = module.lake.alarms
}
