# What the other files share: where we are, what things are called, and the tables that the contracts give.
#
# ARNs of what has a name are put together from it and not read from the resource, so that a plan shows every policy in
# full, and tests can read them.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  arn = {
    for service in ["athena", "dynamodb", "glue", "kinesis", "lambda", "logs", "scheduler", "sns"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }

  stream = var.name
  ledger = coalesce(var.ledger_table, "${var.name}-ledger")
  topic  = "${var.name}-alarms"

  functions = {
    ingest     = "${var.name}-ingest"
    dispatcher = "${var.name}-compact-dispatcher"
    worker     = "${var.name}-compact-worker"
  }
  function_arns = { for role, name in local.functions : role => "${local.arn.lambda}:function:${name}" }
  role_names    = merge({ for role, name in local.functions : role => name }, { scheduler = "${var.name}-scheduler", analyst = "${var.name}-analyst" })
  role_arns     = { for role, name in local.role_names : role => "arn:${local.partition}:iam::${local.account}:role/${name}" }

  stream_arn    = "${local.arn.kinesis}:stream/${local.stream}"
  ledger_arn    = "${local.arn.dynamodb}:table/${local.ledger}"
  workgroup_arn = "${local.arn.athena}:workgroup/${var.name}"
  database      = coalesce(var.glue_database, replace(var.name, "-", "_"))

  # The tables and views that the contracts give, as `iguazu contract ddl --json` prints them.
  catalog = jsondecode(file(var.tables_file))
  tables  = { for table in local.catalog.tables : table.name => table }
  views   = { for view in local.catalog.views : view.name => view }
  # The tables of events have metrics, alarms and queries of their own.
  event_tables = toset([for table in local.catalog.tables : table.name if table.role == "events"])

  tags = merge({ Project = "iguazu", Deployment = var.name }, var.tags)
}
