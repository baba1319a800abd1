output "stream_name" {
  description = "Where producers put records."
  value       = module.lake.stream_name
}

output "workgroup" {
  description = "Where analysts ask."
  value       = module.lake.workgroup
}
