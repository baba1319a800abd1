# What environments may differ in. What is sound is said by the module; here stands only what each is, and there is no
# default for what an environment must decide.

variable "environment" {
  type        = string
  description = "The environment, which is a part of all names."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,19}$", var.environment))
    error_message = "An environment has 2 to 20 characters: a lower-case letter, then [a-z0-9]."
  }
}

variable "region" {
  type        = string
  description = "The region."
}

variable "packages" {
  type        = string
  description = "The folder that `make package` writes."
  default     = "../../../dist"
}

variable "admin_arns" {
  type        = list(string)
  description = "Roles and users who may delete objects, versions of objects and rows of the ledger, which the bucket and the table deny everybody else (the compactor may delete what it replaced). ARNs as IAM has them; for an assumed role, that of the role."
  default     = []
}

variable "ledger_table" {
  type        = string
  description = "The table of the ledger, where it is not called `<name>-ledger`: after it was restored to a new table."
  default     = null
}

variable "deletion_protection" {
  type        = bool
  description = "Whether the ledger's table refuses to be deleted."
}

variable "force_destroy" {
  type        = bool
  description = "Whether `terraform destroy` deletes buckets with all that is in them, and the workgroup with its history. The bucket then does not deny deletions to others than the compactor."
}

variable "stream_mode" {
  type        = string
  description = "`ON_DEMAND`, or `PROVISIONED` with `stream_shard_count` shards."
}

variable "stream_shard_count" {
  type        = number
  description = "Shards of a provisioned stream. Each takes 1 MB/s or 1,000 records/s."
  default     = null
}

variable "stream_retention_hours" {
  type        = number
  description = "How long the stream keeps records. A week at least, so that a fault over a long weekend loses nothing."
}

variable "architecture" {
  type        = string
  description = "`arm64`, or `x86_64`: what the packages were built for."
  default     = "arm64"
}

variable "contracts_layer_arn" {
  type        = string
  description = "The version of a layer that holds the folder `contracts`, as `dist/contracts.zip` does. Without one, the built-in contract is in force."
  default     = null
}

variable "secret_arns" {
  type        = map(string)
  description = "The secrets that contracts name, each by the ARN of a secret in Secrets Manager, which the function reads at a cold start. Never the secret itself: it would stand in the state."
  default     = {}
}

variable "ingest_memory_mb" {
  type        = number
  description = "Memory of ingest. 1769 MB are one vCPU."
}

variable "ingest_window_s" {
  type        = number
  description = "How long a batch waits for more records. The longer, the larger the files, the fewer the requests, and the older the newest event that one can see."
}

variable "compact_every_minutes" {
  type        = number
  description = "How often every bucket is compacted. A table is about this far behind."
}

variable "compact_memory_mb" {
  type        = number
  description = "Memory of a worker: about three times `compact_input_mib_max`, and of the files that it writes anew."
}

variable "compact_first_buckets" {
  type        = number
  description = "Buckets of a table that has none yet. Later the number is changed by the task `rebucket`, and this has no effect."
}

variable "readers_epoch" {
  type        = number
  description = "The epoch of the buckets that Athena's tables read and whose files are kept. Raise it when a change of the number of buckets is complete."
  default     = 0
}

variable "schedules_enabled" {
  type        = bool
  description = "Whether compaction is started at all. While it is not, nothing is lost: rows wait."
  default     = true
}

variable "noncurrent_version_days" {
  type        = number
  description = "How long what was replaced or deleted can be fetched back."
}

variable "athena_scan_gib_max" {
  type        = number
  description = "What a query may read before it is ended, in GiB."
}

variable "analyst_arns" {
  type        = list(string)
  description = "Who may take the analyst's role: query the tables, and read the objects behind them. Without any, there is no such role."
  default     = []
}

variable "log_level" {
  type        = string
  description = "The least level that is logged."
}

variable "log_retention_days" {
  type        = number
  description = "How long logs stay."
}

variable "alarm_emails" {
  type        = list(string)
  description = "Whom alarms and the budget write to. Each has to confirm it once."
  default     = []
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
}

variable "budget_usd" {
  type        = number
  description = "What it may cost in a month, in US dollars. Without it there is no budget."
}
