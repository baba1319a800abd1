# What Athena finds.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                = "my-lake"
  ingest_package      = "tests/fixtures/packages/arm64/ingest.zip"
  compact_package     = "tests/fixtures/packages/arm64/compact.zip"
  tables_file         = "examples/complete/tables.json"
  contracts_layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:contracts:1"
  readers_epoch       = 3
  event_years         = { first = 2025, last = 2027 }
}

run "tables_are_those_of_the_contracts" {
  command = plan

  assert {
    condition     = aws_glue_catalog_database.this.name == "my_lake"
    error_message = "A database has no dashes."
  }
  assert {
    condition     = toset(keys(aws_glue_catalog_table.tables)) == toset(["orders", "orders_raw", "orders_revenue_parts", "orders_gifts_parts", "quarantine"])
    error_message = "Each table of the contract is there, and quarantine."
  }
  assert {
    condition = (
      aws_glue_catalog_table.tables["orders"].storage_descriptor[0].location == "s3://my-lake-lake-123456789012/tables/orders/events/epoch=3/" &&
      aws_glue_catalog_table.tables["orders"].parameters["storage.location.template"] == "s3://my-lake-lake-123456789012/tables/orders/events/epoch=3/year=$${year}/month=$${month}/day=$${day}/type_key=$${type_key}/" &&
      aws_glue_catalog_table.tables["orders"].parameters["projection.enabled"] == "true" &&
      aws_glue_catalog_table.tables["orders"].parameters["projection.year.range"] == "2025,2027" &&
      aws_glue_catalog_table.tables["orders"].parameters["projection.type_key.type"] == "injected"
    )
    error_message = "Events are those of the epoch and of the years."
  }
  assert {
    condition = (
      aws_glue_catalog_table.tables["orders"].storage_descriptor[0].input_format == "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat" &&
      aws_glue_catalog_table.tables["orders"].storage_descriptor[0].ser_de_info[0].serialization_library == "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    )
    error_message = "Manifests name the files."
  }
  assert {
    condition     = [for key in aws_glue_catalog_table.tables["orders"].partition_keys : "${key.name} ${key.type}"] == ["year int", "month int", "day int", "type_key string"]
    error_message = "Events are in partitions by day and type."
  }
  assert {
    condition = (
      aws_glue_catalog_table.tables["orders_raw"].storage_descriptor[0].location == "s3://my-lake-lake-123456789012/tables/orders/raw/" &&
      aws_glue_catalog_table.tables["quarantine"].storage_descriptor[0].location == "s3://my-lake-lake-123456789012/deliveries/quarantine/"
    )
    error_message = "Deliveries have no epoch."
  }
  assert {
    condition     = contains([for column in aws_glue_catalog_table.tables["orders"].storage_descriptor[0].columns : "${column.name} ${column.type}"], "items array<struct<sku:string,quantity:int,unit_price:decimal(10,2)>>")
    error_message = "Columns have the types of the contract."
  }
}

run "views_are_in_the_form_in_which_athena_keeps_them" {
  command = plan

  assert {
    condition     = toset(keys(aws_glue_catalog_table.views)) == toset(["orders_view", "orders_revenue", "orders_gifts"])
    error_message = "Each view of the contract is there."
  }
  assert {
    condition = alltrue([
      for it in aws_glue_catalog_table.views :
      it.table_type == "VIRTUAL_VIEW" && it.parameters["presto_view"] == "true" && it.view_expanded_text == "/* Presto View */" &&
      can(regex("^/\\* Presto View: [A-Za-z0-9+/=]+ \\*/$", it.view_original_text))
    ])
    error_message = "A view is JSON in base64 in a comment."
  }
  assert {
    condition = jsondecode(base64decode(regex("Presto View: ([^ ]+) ", aws_glue_catalog_table.views["orders_gifts"].view_original_text)[0])) == {
      originalSql = "SELECT\n  \"window_start\",\n  \"is_gift\",\n  sum(\"count\") AS \"count\"\nFROM \"orders_gifts_parts\"\nGROUP BY \"window_start\", \"is_gift\""
      catalog     = "awsdatacatalog"
      schema      = "my_lake"
      columns = [
        { name = "window_start", type = "timestamp(3)" },
        { name = "is_gift", type = "boolean" },
        { name = "count", type = "bigint" },
      ]
    }
    error_message = "It says the query, where its names are looked up, and the types of its columns."
  }
}

run "the_workgroup_limits_what_a_query_reads" {
  command = plan

  assert {
    condition = (
      aws_athena_workgroup.this.configuration[0].enforce_workgroup_configuration &&
      aws_athena_workgroup.this.configuration[0].bytes_scanned_cutoff_per_query == 107374182400 &&
      aws_athena_workgroup.this.configuration[0].result_configuration[0].expected_bucket_owner == "123456789012"
    )
    error_message = "A query ends at 100 GiB, and a client cannot say otherwise."
  }
}

run "what_is_often_asked_has_a_name" {
  command = plan

  assert {
    condition = toset(keys(aws_athena_named_query.this)) == toset([
      "orders: freshness", "orders: live", "orders: duplicates", "orders_revenue_parts: the last week", "orders_gifts_parts: the last week", "quarantine: by reason",
    ])
    error_message = "Freshness, the live view, duplicates, roll-ups, quarantine by reason."
  }
  assert {
    # Athena refuses a query that does not say which type of event it wants, where it cannot list them.
    condition = alltrue([
      for name, it in aws_athena_named_query.this :
      strcontains(it.query, "type_key = ") if !contains(["orders: duplicates", "quarantine: by reason"], name)
    ])
    error_message = "Queries of a table with an injected partition name it."
  }
}

run "roll_ups_are_asked_by_their_views_where_that_is_possible" {
  command = plan

  variables {
    tables_file = "tests/fixtures/listed.json"
  }

  assert {
    condition     = strcontains(aws_athena_named_query.this["orders_gifts: the last week"].query, "FROM \"orders_gifts\"") && !anytrue([for it in aws_athena_named_query.this : strcontains(it.query, "type_key = ")])
    error_message = "Where types are listed, nobody has to name one."
  }
}
