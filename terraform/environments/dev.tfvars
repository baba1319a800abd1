# For trying things out: it costs little when nothing happens, and can be thrown away with all that is in it.

environment = "dev"
region      = "eu-central-1"

deletion_protection = false
force_destroy       = true

stream_mode            = "ON_DEMAND"
stream_retention_hours = 168

ingest_memory_mb = 1024
ingest_window_s  = 5

compact_every_minutes = 5
compact_memory_mb     = 2048
compact_first_buckets = 1

noncurrent_version_days = 1
athena_scan_gib_max     = 10

log_level          = "debug"
log_retention_days = 7
alarms             = {}
budget_usd         = 50
