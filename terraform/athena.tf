# Where analysts ask: a workgroup whose settings clients cannot change, with a limit to what one query may read, and the
# queries that are asked again and again.

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Queries of the lake of ${var.name}"
  force_destroy = var.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    # A query that would read more is ended, and pays for what it has read.
    bytes_scanned_cutoff_per_query = var.athena_scan_gib_max * 1024 * 1024 * 1024

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${aws_s3_bucket.this["results"].id}/"
      expected_bucket_owner = local.account

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }

  tags = local.tags
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.this["results"].id

  rule {
    id     = "answers"
    status = "Enabled"

    filter {}

    expiration {
      days = var.athena_results_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

locals {
  # Days of which a query is asked, so that it does not look into every folder of every year.
  today = "year = year(current_date) AND month = month(current_date) AND day = day(current_date)"
  # Folders are made for the 31st of every month, so that days are compared as numbers and not as dates.
  recent = "year * 10000 + month * 100 + day >= CAST(date_format(current_date - interval '7' day, '%Y%m%d') AS integer)"

  # A table whose partitions by type cannot be listed has to be asked for one type.
  type_key = {
    for name, table in local.tables : name =>
    lookup(table.parameters, "projection.type_key.type", "") == "injected" ? "\n  AND type_key = 'the.type' -- put the type of event here" : ""
  }

  table_queries = merge([
    for table in local.event_tables : {
      "${table}: freshness" = {
        description = "How far behind the table is of what was committed today, and by which shard"
        query       = <<-SQL
          WITH committed AS (
            SELECT shard, max(arrival_time) AS newest, count(*) AS deliveries
            FROM "${table}_raw"
            WHERE ${local.today}
            GROUP BY shard
          ), live AS (
            SELECT shard, max(arrival_time) AS newest
            FROM "${table}"
            WHERE ${local.today}${local.type_key[table]}
            GROUP BY shard
          )
          SELECT shard, committed.newest AS newest_committed, live.newest AS newest_in_the_table,
            date_diff('second', live.newest, committed.newest) AS seconds_behind, deliveries
          FROM committed LEFT JOIN live USING (shard)
          ORDER BY seconds_behind DESC NULLS FIRST
        SQL
      }
      "${table}: live" = {
        description = "The newest events of today"
        query       = <<-SQL
          SELECT *
          FROM "${table}_view"
          WHERE ${local.today}${local.type_key[table]}
          ORDER BY event_time DESC
          LIMIT 100
        SQL
      }
      "${table}: duplicates" = {
        description = "Events of the last week that were delivered more than once, and how"
        query       = <<-SQL
          SELECT event_id, count(*) AS deliveries, count(DISTINCT shard) AS shards,
            min(arrival_time) AS first_arrival, max(arrival_time) AS last_arrival
          FROM "${table}_raw"
          WHERE ${local.recent}
          GROUP BY event_id
          HAVING count(*) > 1
          ORDER BY deliveries DESC
          LIMIT 1000
        SQL
      }
    }
  ]...)

  rollup_queries = {
    for name, view in local.views : "${name}: the last week" => {
      description = "The groups of the roll-up whose windows began within the last week"
      query       = <<-SQL
        SELECT *
        FROM "${name}"
        WHERE window_start >= current_timestamp - interval '7' day
        ORDER BY window_start DESC
      SQL
    }
    # A view over partitions that have to be named has no way to name them, so its parts are added up here.
    if local.tables[view.of].role == "rollup_parts" && local.type_key[view.of] == ""
  }

  rollup_parts_queries = {
    for name, table in local.tables : "${name}: the last week" => {
      description = "What the roll-up says of each file of events of one type, of the last week"
      query       = <<-SQL
        SELECT *
        FROM "${name}"
        WHERE ${local.recent}${local.type_key[name]}
        ORDER BY window_start DESC
      SQL
    }
    if table.role == "rollup_parts" && local.type_key[name] != ""
  }

  queries = merge(local.table_queries, local.rollup_queries, local.rollup_parts_queries, {
    "quarantine: by reason" = {
      description = "What went to quarantine in the last week, by table, reason and place"
      query       = <<-SQL
        SELECT contract, reason, path, found, count(*) AS documents, max(arrival_time) AS last_arrival,
          arbitrary(detail) AS for_example
        FROM "quarantine"
        WHERE ${local.recent}
        GROUP BY contract, reason, path, found
        ORDER BY documents DESC
      SQL
    }
  })
}

resource "aws_athena_named_query" "this" {
  for_each = local.queries

  name        = each.key
  description = each.value.description
  database    = aws_glue_catalog_database.this.name
  workgroup   = aws_athena_workgroup.this.id
  query       = each.value.query
}
