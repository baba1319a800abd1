# What Athena finds. The tables and views come from the contracts, as `iguazu contract ddl --json` gives them; here only
# the bucket, the epoch and the years are added. Partitions are projected, so that nothing is ever registered.

locals {
  years = "${format("%04d", var.event_years.first)},${format("%04d", var.event_years.last)}"

  # Events and roll-ups are those of one epoch, in which the number of buckets is one and the same.
  folders = {
    for name, table in local.tables : name =>
    "s3://${local.buckets.lake}/${table.folder}/${table.by_epoch ? "epoch=${var.readers_epoch}/" : ""}"
  }
}

resource "aws_glue_catalog_database" "this" {
  name        = local.database
  description = "The lake of ${var.name}"

  tags = local.tags
}

resource "aws_glue_catalog_table" "tables" {
  for_each = local.tables

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  description   = each.value.description
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(each.value.parameters, {
    "EXTERNAL"                  = "TRUE"
    "projection.year.range"     = local.years
    "storage.location.template" = "${local.folders[each.key]}${each.value.template}"
  })

  dynamic "partition_keys" {
    for_each = each.value.partition_keys

    content {
      name = partition_keys.value.name
      type = partition_keys.value.type
    }
  }

  storage_descriptor {
    location      = local.folders[each.key]
    input_format  = local.catalog.input_format
    output_format = local.catalog.output_format

    ser_de_info {
      serialization_library = local.catalog.serde
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

resource "aws_glue_catalog_table" "views" {
  for_each = local.views

  database_name = aws_glue_catalog_database.this.name
  name          = each.key
  table_type    = "VIRTUAL_VIEW"
  parameters    = { comment = "Presto View", presto_view = "true" }

  # The form in which Athena keeps a view: JSON in base64 in a comment. Relations without a database are those of the
  # view's own.
  view_expanded_text = "/* Presto View */"
  view_original_text = "/* Presto View: ${base64encode(jsonencode({
    originalSql = each.value.query
    catalog     = "awsdatacatalog"
    schema      = local.database
    columns     = [for column in each.value.columns : { name = column.name, type = column.sql_type }]
  }))} */"

  storage_descriptor {
    ser_de_info {}

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }

  depends_on = [aws_glue_catalog_table.tables]
}
