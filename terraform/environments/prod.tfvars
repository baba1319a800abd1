# What is kept for good. Whom to wake, who may ask, who may delete: alarm_emails, analyst_arns and admin_arns are the
# deployment's own, and are best kept in a file beside this one, which -var-file adds.

environment = "prod"
region      = "eu-central-1"

deletion_protection = true
force_destroy       = false

stream_mode            = "ON_DEMAND"
stream_retention_hours = 168

ingest_memory_mb = 1769
ingest_window_s  = 30

compact_every_minutes = 5
compact_memory_mb     = 3008
compact_first_buckets = 4

noncurrent_version_days = 30
athena_scan_gib_max     = 1024

log_level          = "info"
log_retention_days = 90
alarms             = {}
budget_usd         = 2000
