output "stream_name" {
  description = "Where producers put records."
  value       = module.lake.stream_name
}

output "bucket" {
  description = "The bucket of the lake."
  value       = module.lake.bucket
}

output "analyst_role_arn" {
  description = "The role that analysts take."
  value       = module.lake.role_arns["analyst"]
}

output "workgroup" {
  description = "Where analysts ask."
  value       = module.lake.workgroup
}
