# Environments differ in variables alone.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "tfvars" {
  command = plan

  module {
    source = "./tests/tfvars"
  }

  assert {
    condition     = toset(keys(output.dev)) == toset(keys(output.prod))
    error_message = "Both environments say the same things, each in its way."
  }
  assert {
    condition     = length(setsubtract(keys(output.dev), output.declared)) == 0
    error_message = "Environments set no variable that the root does not have: Terraform would only warn."
  }
  assert {
    condition     = output.mentions == ["name = \"iguazu-$${var.environment}\"", "tags = { Environment = var.environment }"]
    error_message = "The name of the environment is a part of names, and decides nothing."
  }
  assert {
    condition     = output.prod.deletion_protection && !output.prod.force_destroy && output.prod.stream_retention_hours >= 168
    error_message = "Production is protected."
  }
}

run "dev_can_be_planned" {
  command = plan

  module {
    source = "./environments/root"
  }

  variables {
    packages                = "tests/fixtures/packages"
    environment             = run.tfvars.dev.environment
    region                  = run.tfvars.dev.region
    deletion_protection     = run.tfvars.dev.deletion_protection
    force_destroy           = run.tfvars.dev.force_destroy
    stream_mode             = run.tfvars.dev.stream_mode
    stream_retention_hours  = run.tfvars.dev.stream_retention_hours
    ingest_memory_mb        = run.tfvars.dev.ingest_memory_mb
    ingest_window_s         = run.tfvars.dev.ingest_window_s
    compact_every_minutes   = run.tfvars.dev.compact_every_minutes
    compact_memory_mb       = run.tfvars.dev.compact_memory_mb
    compact_first_buckets   = run.tfvars.dev.compact_first_buckets
    noncurrent_version_days = run.tfvars.dev.noncurrent_version_days
    athena_scan_gib_max     = run.tfvars.dev.athena_scan_gib_max
    log_level               = run.tfvars.dev.log_level
    log_retention_days      = run.tfvars.dev.log_retention_days
    alarms                  = run.tfvars.dev.alarms
    budget_usd              = run.tfvars.dev.budget_usd
  }

  assert {
    condition     = output.stream_name == "iguazu-dev" && output.ledger_table == "iguazu-dev-ledger"
    error_message = "The names have the environment in them."
  }
}

run "prod_can_be_planned" {
  command = plan

  module {
    source = "./environments/root"
  }

  variables {
    packages                = "tests/fixtures/packages"
    environment             = run.tfvars.prod.environment
    region                  = run.tfvars.prod.region
    deletion_protection     = run.tfvars.prod.deletion_protection
    force_destroy           = run.tfvars.prod.force_destroy
    stream_mode             = run.tfvars.prod.stream_mode
    stream_retention_hours  = run.tfvars.prod.stream_retention_hours
    ingest_memory_mb        = run.tfvars.prod.ingest_memory_mb
    ingest_window_s         = run.tfvars.prod.ingest_window_s
    compact_every_minutes   = run.tfvars.prod.compact_every_minutes
    compact_memory_mb       = run.tfvars.prod.compact_memory_mb
    compact_first_buckets   = run.tfvars.prod.compact_first_buckets
    noncurrent_version_days = run.tfvars.prod.noncurrent_version_days
    athena_scan_gib_max     = run.tfvars.prod.athena_scan_gib_max
    log_level               = run.tfvars.prod.log_level
    log_retention_days      = run.tfvars.prod.log_retention_days
    alarms                  = run.tfvars.prod.alarms
    budget_usd              = run.tfvars.prod.budget_usd
  }

  assert {
    condition     = [for name in output.alarms : trimprefix(name, "iguazu-prod-")] == [for name in run.dev_can_be_planned.alarms : trimprefix(name, "iguazu-dev-")]
    error_message = "Both environments are watched alike."
  }
}
