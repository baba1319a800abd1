# What can be set. Everything but the name, the packages and the tables has a default that is meant for production.

# Names and protection.

variable "name" {
  type        = string
  description = "What everything is called after: the stream, the functions, and the beginnings of all other names."
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,29}$", var.name))
    error_message = "The name has 2 to 30 characters: a lower-case letter, then [a-z0-9-]."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything, beside `Project` and `Deployment`."
  default     = {}
  nullable    = false
}

variable "kms_key_arn" {
  type        = string
  description = "The KMS key by which everything is encrypted. Its policy has to let CloudWatch Logs, alarms and budgets use it. Without one, a key is made."
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/", var.kms_key_arn))
    error_message = "The key is named by its ARN, arn:…:kms:…:key/…."
  }
}

variable "admin_arns" {
  type        = list(string)
  description = "Roles and users who may delete objects, versions of objects and rows of the ledger, which the bucket and the table deny everybody else (the compactor may delete what it replaced). ARNs as IAM has them; for an assumed role, that of the role."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.admin_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "Each is the ARN of a role or a user, arn:…:iam::…:role/…."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  description = "A boundary for the permissions of all roles, where the account asks for one."
  default     = null
}

variable "ledger_table" {
  type        = string
  description = "The table of the ledger, where it is not called `<name>-ledger`: after it was restored to a new table."
  default     = null

  validation {
    condition     = var.ledger_table == null || can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.ledger_table))
    error_message = "A table of DynamoDB has 3 to 255 characters of [a-zA-Z0-9_.-]."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Whether the ledger's table refuses to be deleted."
  default     = true
  nullable    = false
}

variable "force_destroy" {
  type        = bool
  description = "Whether `terraform destroy` deletes buckets with all that is in them, and the workgroup with its history. The bucket then does not deny deletions to others than the compactor."
  default     = false
  nullable    = false

  validation {
    condition     = !(var.force_destroy && var.deletion_protection)
    error_message = "The lake is worth nothing without its ledger and the other way round: protect both (deletion_protection) or neither (force_destroy)."
  }
}

# The stream.

variable "stream_mode" {
  type        = string
  description = "`ON_DEMAND`, or `PROVISIONED` with `stream_shard_count` shards."
  default     = "ON_DEMAND"
  nullable    = false

  validation {
    condition     = contains(["ON_DEMAND", "PROVISIONED"], var.stream_mode)
    error_message = "The mode is ON_DEMAND or PROVISIONED."
  }
}

variable "stream_shard_count" {
  type        = number
  description = "Shards of a provisioned stream. Each takes 1 MB/s or 1,000 records/s."
  default     = null

  validation {
    condition     = (var.stream_mode == "PROVISIONED") == (var.stream_shard_count != null)
    error_message = "A provisioned stream has a number of shards, and one on demand has none."
  }

  validation {
    condition     = var.stream_shard_count == null ? true : var.stream_shard_count >= 1 && floor(var.stream_shard_count) == var.stream_shard_count
    error_message = "There is one shard at least, and no part of one."
  }
}

variable "stream_retention_hours" {
  type        = number
  description = "How long the stream keeps records. A week at least, so that a fault over a long weekend loses nothing."
  default     = 168
  nullable    = false

  validation {
    condition     = var.stream_retention_hours >= 168 && var.stream_retention_hours <= 8760
    error_message = "Retention is 168 (a week) to 8760 hours (a year)."
  }
}

# Packages and contracts.

variable "ingest_package" {
  type        = string
  description = "The zip of ingest for the architecture, such as `dist/arm64/ingest.zip`."
  nullable    = false

  validation {
    condition     = fileexists(var.ingest_package)
    error_message = "There is no such file: `make package` writes it."
  }
}

variable "compact_package" {
  type        = string
  description = "The zip of compaction for the architecture, such as `dist/arm64/compact.zip`."
  nullable    = false

  validation {
    condition     = fileexists(var.compact_package)
    error_message = "There is no such file: `make package` writes it."
  }
}

variable "architecture" {
  type        = string
  description = "`arm64`, or `x86_64`: what the packages were built for."
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "tables_file" {
  type        = string
  description = "The tables and views of the contracts, as `iguazu contract ddl --json` gives them."
  nullable    = false

  validation {
    condition     = fileexists(var.tables_file)
    error_message = "There is no such file: `make package` writes it."
  }

  validation {
    condition     = try(jsondecode(file(var.tables_file)).v, null) == 1
    error_message = "The file is JSON of version 1, as `iguazu contract ddl --json` gives it."
  }
}

variable "contracts_layer_arn" {
  type        = string
  description = "The version of a layer that holds the folder `contracts`, as `dist/contracts.zip` does. Without one, the built-in contract is in force."
  default     = null

  validation {
    condition     = var.contracts_layer_arn == null || can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:layer:[^:]+:[0-9]+$", var.contracts_layer_arn))
    error_message = "The layer is named by the ARN of a version, arn:…:layer:name:1."
  }
}

variable "built_in_table" {
  type        = string
  description = "The table of the built-in contract, where there is no layer."
  default     = "events"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,63}$", var.built_in_table))
    error_message = "A table has 1 to 64 characters: a lower-case letter, then [a-z0-9_]."
  }

  validation {
    condition     = var.contracts_layer_arn != null || try(anytrue([for table in jsondecode(file(var.tables_file)).tables : table.name == var.built_in_table]), false)
    error_message = "The tables of tables_file are those of another contract: without a layer, write it by `iguazu contract ddl --built-in TABLE --json`."
  }
}

variable "secret_arns" {
  type        = map(string)
  description = "The secrets that contracts name, each by the ARN of a secret in Secrets Manager, which the function reads at a cold start. Never the secret itself: it would stand in the state."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.secret_arns) : can(regex("^[a-z][a-z0-9_]{0,63}$", name))])
    error_message = "A secret is called as the contract calls it: a lower-case letter, then [a-z0-9_]."
  }

  validation {
    condition     = alltrue([for arn in values(var.secret_arns) : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:", arn))])
    error_message = "Give the ARN of the secret, arn:…:secretsmanager:…:secret:…, and never the secret."
  }
}

variable "secret_kms_key_arns" {
  type        = list(string)
  description = "The keys by which these secrets are encrypted, where they are not that of the account."
  default     = []
  nullable    = false
}

# Ingest.

variable "ingest_memory_mb" {
  type        = number
  description = "Memory of ingest. 1769 MB are one vCPU."
  default     = 1769
  nullable    = false

  validation {
    condition     = var.ingest_memory_mb >= 512 && var.ingest_memory_mb <= 10240
    error_message = "Memory is 512 to 10240 MB."
  }
}

variable "ingest_timeout_s" {
  type        = number
  description = "How long an invocation may take. It stops by itself three seconds before, and reports what is left."
  default     = 300
  nullable    = false

  validation {
    condition     = var.ingest_timeout_s >= 30 && var.ingest_timeout_s <= 900
    error_message = "The timeout is 30 to 900 seconds."
  }
}

variable "ingest_window_s" {
  type        = number
  description = "How long a batch waits for more records. The longer, the larger the files, the fewer the requests, and the older the newest event that one can see."
  default     = 30
  nullable    = false

  validation {
    condition     = var.ingest_window_s >= 0 && var.ingest_window_s <= 300
    error_message = "The window is 0 to 300 seconds."
  }
}

variable "ingest_output_mib_max" {
  type        = number
  description = "Decoded MiB after which a commit is closed; the rest of the batch is retried."
  default     = 64
  nullable    = false

  validation {
    condition     = var.ingest_output_mib_max >= 1 && var.ingest_output_mib_max <= 1024
    error_message = "The budget is 1 to 1024 MiB."
  }
}

variable "ingest_retries_max" {
  type        = number
  description = "After how many retries the mapping gives a batch up; -1 is never. What is given up goes to the failures bucket and is driven again from there."
  default     = -1
  nullable    = false

  validation {
    condition     = var.ingest_retries_max >= -1 && var.ingest_retries_max <= 10000
    error_message = "Retries are -1 (without limit) to 10000."
  }
}

variable "ingest_record_age_max_s" {
  type        = number
  description = "How old a record may be before the mapping gives it up; -1 is without limit."
  default     = -1
  nullable    = false

  validation {
    condition     = var.ingest_record_age_max_s == -1 || (var.ingest_record_age_max_s >= 60 && var.ingest_record_age_max_s <= 604800)
    error_message = "The age is -1 (without limit) or 60 to 604800 seconds."
  }
}

variable "ingest_concurrency" {
  type        = number
  description = "Concurrency that is reserved for ingest; -1 is none. One invocation runs for each shard."
  default     = -1
  nullable    = false

  validation {
    condition     = var.ingest_concurrency == -1 || var.ingest_concurrency >= 1
    error_message = "Concurrency is -1 (none reserved) or 1 and more: 0 would switch ingest off."
  }
}

variable "failure_days" {
  type        = number
  description = "How long objects of the failures bucket stay. They hold records that are in no table unless they were driven again."
  default     = 365
  nullable    = false

  validation {
    condition     = var.failure_days >= 90
    error_message = "What is given up stays for 90 days at least."
  }
}

# Compaction.

variable "compact_every_minutes" {
  type        = number
  description = "How often every bucket is compacted. A table is about this far behind."
  default     = 5
  nullable    = false

  validation {
    condition     = contains([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60], var.compact_every_minutes)
    error_message = "It is a part of an hour: 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60 minutes."
  }
}

variable "housekeeping_every_hours" {
  type        = number
  description = "How often is swept what nobody reads."
  default     = 6
  nullable    = false

  validation {
    condition     = var.housekeeping_every_hours >= 1 && var.housekeeping_every_hours <= 168 && floor(var.housekeeping_every_hours) == var.housekeeping_every_hours
    error_message = "It is 1 to 168 hours."
  }
}

variable "schedules_enabled" {
  type        = bool
  description = "Whether compaction is started at all. While it is not, nothing is lost: rows wait."
  default     = true
  nullable    = false
}

variable "compact_memory_mb" {
  type        = number
  description = "Memory of a worker: about three times `compact_input_mib_max`, and of the files that it writes anew."
  default     = 3008
  nullable    = false

  validation {
    condition     = var.compact_memory_mb >= 1024 && var.compact_memory_mb <= 10240
    error_message = "Memory is 1024 to 10240 MB."
  }

  validation {
    condition     = var.compact_memory_mb >= 3 * var.compact_input_mib_max
    error_message = "A worker needs about three times compact_input_mib_max."
  }
}

variable "compact_input_mib_max" {
  type        = number
  description = "MiB of raw files that one version takes."
  default     = 256
  nullable    = false

  validation {
    condition     = var.compact_input_mib_max >= 1 && var.compact_input_mib_max <= 3072
    error_message = "The input is 1 to 3072 MiB, a third of the memory that a function can have."
  }
}

variable "compact_concurrency" {
  type        = number
  description = "Concurrency that is reserved for workers; -1 is none. Workers beyond it wait for the next schedule."
  default     = -1
  nullable    = false

  validation {
    condition     = var.compact_concurrency == -1 || var.compact_concurrency >= 1
    error_message = "Concurrency is -1 (none reserved) or 1 and more: 0 would switch compaction off."
  }
}

variable "compact_first_buckets" {
  type        = number
  description = "Buckets of a table that has none yet. Later the number is changed by the task `rebucket`, and this has no effect."
  default     = 1
  nullable    = false

  validation {
    condition     = contains([1, 2, 4, 8, 16, 32, 64, 128, 256], var.compact_first_buckets)
    error_message = "It is a power of two up to 256."
  }
}

variable "compact_target_mib" {
  type        = number
  description = "The size of a file that is not merged again."
  default     = 128
  nullable    = false

  validation {
    condition     = var.compact_target_mib >= 1 && var.compact_target_mib <= 4096
    error_message = "The size is 1 to 4096 MiB."
  }
}

variable "compact_merge_files" {
  type        = number
  description = "How many files of like size are merged into one."
  default     = 8
  nullable    = false

  validation {
    condition     = var.compact_merge_files >= 2 && var.compact_merge_files <= 64
    error_message = "It is 2 to 64 files."
  }
}

variable "compact_grace_minutes" {
  type        = number
  description = "How long a replaced file stays for its readers: longer than the longest query. Athena ends its own after 30 minutes, or up to 240 where the quota was raised."
  default     = 1440
  nullable    = false

  validation {
    condition     = var.compact_grace_minutes >= 15 && var.compact_grace_minutes <= 44640
    error_message = "The grace is 15 to 44640 minutes."
  }
}

variable "readers_epoch" {
  type        = number
  description = "The epoch of the buckets that Athena's tables read and whose files are kept. Raise it when a change of the number of buckets is complete."
  default     = 0
  nullable    = false

  validation {
    condition     = var.readers_epoch >= 0 && floor(var.readers_epoch) == var.readers_epoch
    error_message = "An epoch is a number from 0 on."
  }
}

# The lake and Athena.

variable "bucket_name" {
  type        = string
  description = "The bucket of the lake. By default the name, `-lake-` and the account."
  default     = null

  validation {
    condition     = var.bucket_name == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "A bucket has 3 to 63 characters of [a-z0-9-]."
  }
}

variable "noncurrent_version_days" {
  type        = number
  description = "How long what was replaced or deleted can be fetched back."
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_days >= 1
    error_message = "It is a day at least."
  }
}

variable "raw_transition" {
  type = object({
    days          = number
    storage_class = optional(string, "INTELLIGENT_TIERING")
  })
  description = "After how many days raw and quarantine move to a cheaper class. Only classes that answer at once: ingest and the proofs read raw files."
  default     = null

  validation {
    condition     = var.raw_transition == null ? true : contains(["INTELLIGENT_TIERING", "GLACIER_IR", "STANDARD_IA"], var.raw_transition.storage_class)
    error_message = "The class is INTELLIGENT_TIERING, GLACIER_IR or STANDARD_IA: the others do not answer at once."
  }

  validation {
    condition     = var.raw_transition == null ? true : var.raw_transition.days >= 30
    error_message = "It is 30 days at least: until then raw files are read for compaction and for repeats."
  }
}

variable "access_log_bucket" {
  type        = string
  description = "A bucket for S3's access logs, if they are wanted."
  default     = null
}

variable "glue_database" {
  type        = string
  description = "The database of Glue. By default the name, with underscores."
  default     = null

  validation {
    condition     = var.glue_database == null || can(regex("^[a-z0-9_]{1,128}$", var.glue_database))
    error_message = "A database has 1 to 128 characters of [a-z0-9_]."
  }
}

variable "event_years" {
  type = object({
    first = number
    last  = number
  })
  description = "The years of events. Athena looks for each day of them, so there should be no more than needed; events of other years are in the lake, and Athena does not see them."
  default     = { first = 2024, last = 2035 }
  nullable    = false

  validation {
    condition     = var.event_years.first >= 1 && var.event_years.first <= var.event_years.last && var.event_years.last <= 9999
    error_message = "The years go from an earlier one to a later one, within 1 to 9999."
  }
}

variable "athena_scan_gib_max" {
  type        = number
  description = "What a query may read before it is ended, in GiB."
  default     = 100
  nullable    = false

  validation {
    condition     = var.athena_scan_gib_max >= 1
    error_message = "It is a GiB at least."
  }
}

variable "athena_results_days" {
  type        = number
  description = "How long Athena's answers stay."
  default     = 30
  nullable    = false

  validation {
    condition     = var.athena_results_days >= 1
    error_message = "It is a day at least."
  }
}

variable "analyst_arns" {
  type        = list(string)
  description = "Who may take the analyst's role: query the tables, and read the objects behind them. Without any, there is no such role."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.analyst_arns : can(regex("^arn:[^:]+:iam::[0-9]{12}:(root|role/.+|user/.+)$", arn))])
    error_message = "Each is the ARN of an account's root, a role or a user."
  }
}

variable "analyst_reads_quarantine" {
  type        = bool
  description = "Whether analysts may read quarantine, which holds documents as they were delivered, before anything personal in them was hashed or redacted."
  default     = true
  nullable    = false
}

# Watching.

variable "log_level" {
  type        = string
  description = "The least level that is logged."
  default     = "info"
  nullable    = false

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "The level is error, warn, info, debug or trace."
  }
}

variable "log_retention_days" {
  type        = number
  description = "How long logs stay."
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400 … days."
  }
}

variable "metrics_namespace" {
  type        = string
  description = "The namespace of our metrics in CloudWatch."
  default     = "Iguazu"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9._/#-]{1,255}$", var.metrics_namespace)) && !startswith(var.metrics_namespace, "AWS/")
    error_message = "A namespace has 1 to 255 characters of [a-zA-Z0-9._/#-] and does not begin with AWS/."
  }
}

variable "alarm_emails" {
  type        = list(string)
  description = "Whom alarms and the budget write to. Each has to confirm it once."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", email))])
    error_message = "Each is an e-mail address."
  }
}

variable "runbook_url" {
  type        = string
  description = "Where the page on operations is; alarms name its sections."
  default     = "docs/operations.md"
  nullable    = false
}

variable "alarms" {
  type = object({
    iterator_age_minutes  = optional(number, 15)
    errors                = optional(number, 0)
    compactor_lag_minutes = optional(number, 60)
    quarantine_percent    = optional(number, 1)
    duplicates_band_width = optional(number, 4)
    share_rows_min        = optional(number, 1000)
  })
  description = "When alarms are raised: how far ingest is behind the stream; errors in five minutes; how long rows wait for compaction; how much goes to quarantine; how many standard deviations duplicates are above what is usual; and how many rows there must be in five minutes for such a share to mean something."
  default     = {}
  nullable    = false

  validation {
    condition     = var.alarms.compactor_lag_minutes > var.compact_every_minutes
    error_message = "Rows wait for the schedule (compact_every_minutes) at least."
  }

  validation {
    condition     = var.alarms.iterator_age_minutes * 60 > var.ingest_window_s
    error_message = "Records wait for the window (ingest_window_s) at least."
  }

  validation {
    condition     = var.alarms.quarantine_percent >= 0 && var.alarms.quarantine_percent < 100 && var.alarms.duplicates_band_width > 0 && var.alarms.errors >= 0
    error_message = "Thresholds are not negative, and a percentage is below 100."
  }
}

variable "budget_usd" {
  type        = number
  description = "What it may cost in a month, in US dollars. Without it there is no budget."
  default     = null

  validation {
    condition     = var.budget_usd == null ? true : var.budget_usd > 0
    error_message = "A budget is more than nothing."
  }
}
