# Who may do what. Each role has one policy, and a statement for each thing that it does. Where a resource is "*" or ends
# in one, the reason stands beside it.

locals {
  trusts = {
    ingest     = { Service = "lambda.amazonaws.com" }
    dispatcher = { Service = "lambda.amazonaws.com" }
    worker     = { Service = "lambda.amazonaws.com" }
    scheduler  = { Service = "scheduler.amazonaws.com" }
    analyst    = { AWS = var.analyst_arns }
  }
  # Nobody else's schedule may act through this account's role.
  trust_conditions = {
    scheduler = { StringEquals = { "aws:SourceAccount" = local.account } }
  }

  use_key = {
    Sid      = "Key"
    Effect   = "Allow"
    Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
    Resource = [local.kms_key_arn]
  }
  read_by_key = { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt"], Resource = [local.kms_key_arn] }

  write_logs = {
    for role, name in local.functions : role => {
      Sid    = "Logs"
      Effect = "Allow"
      Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
      # The streams of the function's own log group: Lambda names one for each container.
      Resource = ["${local.arn.logs}:log-group:/aws/lambda/${name}:*"]
    }
  }

  read_secrets = concat(
    [for arns in [values(var.secret_arns)] : {
      Sid      = "Secrets"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = arns
    } if length(arns) > 0],
    [for keys in [var.secret_kms_key_arns] : {
      Sid       = "KeysOfSecrets"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = keys
      Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
    } if length(keys) > 0],
  )

  ingest_statements = [
    {
      Sid      = "Stream"
      Effect   = "Allow"
      Action   = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
      Resource = [local.stream_arn]
    },
    {
      # No delete, and no list: an object that is gone then answers 403 and not 404, so that ingest fails aloud and does
      # not conclude that a committed file is gone.
      Sid      = "Deliveries"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = local.lake_objects.deliveries
    },
    {
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.ledger_arn]
    },
    {
      # Lambda writes what the mapping gave up, and ingest reads it back.
      Sid      = "GivenUp"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = ["${local.bucket_arns.failures}/aws/lambda/*"]
    },
    {
      # The one list: Lambda asks for it of a function that has a bucket as its destination. It is of that bucket only.
      Sid      = "GivenUpList"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.failures]
    },
    {
      # At a cold start it looks at the settings of its own mappings. AWS knows no resource for this action.
      Sid      = "Mappings"
      Effect   = "Allow"
      Action   = ["lambda:ListEventSourceMappings"]
      Resource = ["*"]
    },
  ]

  dispatcher_statements = [
    {
      # It reads how many buckets a table has, and begins the first epoch of a new one.
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
      Resource = [local.ledger_arn]
    },
    { Sid = "Workers", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [local.function_arns.worker] },
  ]

  worker_statements = [
    { Sid = "Read", Effect = "Allow", Action = ["s3:GetObject"], Resource = flatten(values(local.lake_objects)) },
    {
      Sid      = "Write"
      Effect   = "Allow"
      Action   = ["s3:PutObject"]
      Resource = concat(local.lake_objects.swept, local.lake_objects.published)
    },
    { Sid = "Sweep", Effect = "Allow", Action = ["s3:DeleteObject"], Resource = local.lake_objects.swept },
    {
      # For the sweep, and so that S3 says of a manifest that is not there yet that it is not there. Without a condition on
      # the prefix, because a read has none.
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.lake]
    },
    {
      # It updates rows that everybody has consumed to stubs. It deletes none.
      Sid      = "Ledger"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
      Resource = [local.ledger_arn]
    },
    # A run that has more to do when its time is up invokes itself.
    { Sid = "GoOn", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [local.function_arns.worker] },
  ]

  scheduler_statements = [
    { Sid = "Dispatch", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [local.function_arns.dispatcher] },
    local.read_by_key,
  ]

  # Quarantine holds documents as they were delivered, before any step of a contract hashed or redacted what is personal.
  analyst_folders = concat(["data", "rollups", "tables", "raw", "deliveries/raw"], var.analyst_reads_quarantine ? ["quarantine", "deliveries/quarantine"] : [])

  analyst_statements = [
    {
      Sid      = "Ask"
      Effect   = "Allow"
      Action   = ["athena:BatchGetNamedQuery", "athena:BatchGetQueryExecution", "athena:GetNamedQuery", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup", "athena:ListNamedQueries", "athena:ListQueryExecutions", "athena:StartQueryExecution", "athena:StopQueryExecution"]
      Resource = [local.workgroup_arn]
    },
    {
      Sid    = "Catalog"
      Effect = "Allow"
      Action = ["glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables"]
      # All tables of this one database.
      Resource = ["${local.arn.glue}:catalog", "${local.arn.glue}:database/${local.database}", "${local.arn.glue}:table/${local.database}/*"]
    },
    {
      Sid      = "Read"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for folder in local.analyst_folders : "${local.bucket_arns.lake}/${folder}/*"]
    },
    {
      Sid      = "ListFolders"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = [local.bucket_arns.lake]
      Condition = {
        StringLike = { "s3:prefix" = [for folder in local.analyst_folders : "${folder}/*"] }
      }
    },
    {
      Sid      = "Buckets"
      Effect   = "Allow"
      Action   = ["s3:GetBucketLocation"]
      Resource = [local.bucket_arns.lake, local.bucket_arns.results]
    },
    {
      Sid      = "Results"
      Effect   = "Allow"
      Action   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
      Resource = ["${local.bucket_arns.results}/*"]
    },
    {
      Sid      = "ListResults"
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
      Resource = [local.bucket_arns.results]
    },
    local.use_key,
  ]

  # Each role's policy as text, so that statements may have different members.
  policies = merge(
    {
      ingest     = jsonencode(concat(local.ingest_statements, local.read_secrets, [local.use_key, local.write_logs.ingest]))
      dispatcher = jsonencode(concat(local.dispatcher_statements, [local.read_by_key, local.write_logs.dispatcher]))
      worker     = jsonencode(concat(local.worker_statements, [local.use_key, local.write_logs.worker]))
      scheduler  = jsonencode(local.scheduler_statements)
    },
    length(var.analyst_arns) == 0 ? {} : { analyst = jsonencode(local.analyst_statements) },
  )
}

resource "aws_iam_role" "this" {
  for_each = toset(keys(local.policies))

  name                 = local.role_names[each.key]
  permissions_boundary = var.permissions_boundary_arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [merge(
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = local.trusts[each.key] },
      contains(keys(local.trust_conditions), each.key) ? { Condition = local.trust_conditions[each.key] } : {},
    )]
  })

  tags = local.tags
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = "{\"Version\":\"2012-10-17\",\"Statement\":${each.value}}"
}
