# Who may do what: the policies of the roles, read as AWS reads them.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name                = "lake"
  ingest_package      = "tests/fixtures/packages/arm64/ingest.zip"
  compact_package     = "tests/fixtures/packages/arm64/compact.zip"
  tables_file         = "examples/complete/tables.json"
  contracts_layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:contracts:1"
  secret_arns         = { customer_key = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-abcdef" }
  analyst_arns        = ["arn:aws:iam::123456789012:role/analysts"]
}

run "ingest_puts_and_reads_deliveries_and_nothing_else" {
  command = plan

  assert {
    condition = toset(flatten([for it in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement : it.Action])) == toset([
      "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query",
      "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards",
      "kms:Decrypt", "kms:GenerateDataKey",
      "lambda:ListEventSourceMappings",
      "logs:CreateLogStream", "logs:PutLogEvents",
      "s3:GetObject", "s3:ListBucket", "s3:PutObject",
      "secretsmanager:GetSecretValue",
    ])
    error_message = "Ingest has these actions and no others: none deletes."
  }
  assert {
    condition = alltrue([
      for it in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement :
      !contains(it.Action, "s3:ListBucket") || it.Resource == ["arn:aws:s3:::lake-failures-123456789012"]
    ])
    error_message = "Ingest cannot list the lake."
  }
  assert {
    condition = toset(flatten([
      for it in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement : it.Resource if contains(it.Action, "s3:PutObject")
      ])) == toset([
      "arn:aws:s3:::lake-lake-123456789012/raw/*", "arn:aws:s3:::lake-lake-123456789012/quarantine/*",
      "arn:aws:s3:::lake-failures-123456789012/aws/lambda/*",
    ])
    error_message = "Ingest puts under its prefixes only."
  }
  assert {
    condition = alltrue([
      for it in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement :
      !startswith(it.Action[0], "dynamodb:") || it.Resource == ["arn:aws:dynamodb:eu-central-1:123456789012:table/lake-ledger"]
    ])
    error_message = "Ingest writes to the ledger and to no other table."
  }
  assert {
    condition = alltrue([
      for it in jsondecode(aws_iam_role_policy.this["ingest"].policy).Statement :
      it.Action != ["secretsmanager:GetSecretValue"] || it.Resource == ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-abcdef"]
    ])
    error_message = "Ingest reads the secrets that it was given and no others."
  }
}

run "only_the_worker_deletes_and_only_what_it_replaced" {
  command = plan

  assert {
    condition = { for role, it in aws_iam_role_policy.this : role => toset(flatten([
      for statement in jsondecode(it.policy).Statement : [for action in statement.Action : "${action} ${join(" ", statement.Resource)}"
      if can(regex("Delete|Purge|Remove", action))]
      ])) } == {
      ingest     = toset([])
      dispatcher = toset([])
      scheduler  = toset([])
      analyst    = toset([])
      worker = toset([
        "s3:DeleteObject arn:aws:s3:::lake-lake-123456789012/data/* arn:aws:s3:::lake-lake-123456789012/rollups/* arn:aws:s3:::lake-lake-123456789012/state/*"
      ])
    }
    error_message = "Of all roles only the worker's deletes: data, roll-ups and states."
  }
  assert {
    condition = alltrue(flatten([
      for it in jsondecode(aws_iam_role_policy.this["worker"].policy).Statement : [
        for resource in it.Resource : !contains(it.Action, "s3:PutObject") || !can(regex("/(raw|quarantine)/", resource))
      ]
    ]))
    error_message = "The worker cannot write deliveries."
  }
}

run "dispatcher_and_scheduler_do_their_one_thing" {
  command = plan

  assert {
    condition = toset(flatten([for it in jsondecode(aws_iam_role_policy.this["dispatcher"].policy).Statement : it.Action])) == toset([
      "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "kms:Decrypt", "lambda:InvokeFunction", "logs:CreateLogStream", "logs:PutLogEvents",
    ])
    error_message = "The dispatcher looks up buckets and invokes workers; it has no objects."
  }
  assert {
    condition     = toset(flatten([for it in jsondecode(aws_iam_role_policy.this["scheduler"].policy).Statement : it.Action])) == toset(["lambda:InvokeFunction", "kms:Decrypt"])
    error_message = "The scheduler invokes the dispatcher."
  }
  assert {
    condition = {
      for role, it in aws_iam_role_policy.this : role => flatten([for statement in jsondecode(it.policy).Statement : statement.Resource if contains(statement.Action, "lambda:InvokeFunction")])
      } == {
      analyst    = []
      dispatcher = ["arn:aws:lambda:eu-central-1:123456789012:function:lake-compact-worker"]
      ingest     = []
      scheduler  = ["arn:aws:lambda:eu-central-1:123456789012:function:lake-compact-dispatcher"]
      worker     = ["arn:aws:lambda:eu-central-1:123456789012:function:lake-compact-worker"]
    }
    error_message = "Who invokes whom."
  }
}

run "roles_trust_their_service_alone" {
  command = plan

  assert {
    condition = { for role, it in aws_iam_role.this : role => jsondecode(it.assume_role_policy).Statement[0].Principal } == {
      analyst    = { AWS = ["arn:aws:iam::123456789012:role/analysts"] }
      dispatcher = { Service = "lambda.amazonaws.com" }
      ingest     = { Service = "lambda.amazonaws.com" }
      scheduler  = { Service = "scheduler.amazonaws.com" }
      worker     = { Service = "lambda.amazonaws.com" }
    }
    error_message = "Each role has one principal."
  }
}

run "wildcards_are_the_ones_that_have_a_reason" {
  command = plan

  assert {
    condition     = alltrue(flatten([for it in aws_iam_role_policy.this : [for statement in jsondecode(it.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]]]))
    error_message = "No action is a wildcard."
  }
  assert {
    condition = toset(flatten([
      for it in aws_iam_role_policy.this : [for statement in jsondecode(it.policy).Statement : statement.Action if contains(flatten([statement.Resource]), "*")]
    ])) == toset(["lambda:ListEventSourceMappings"])
    error_message = "One action has no resource: AWS knows none for it."
  }
}

run "analysts_read_and_change_nothing" {
  command = plan

  assert {
    condition = toset(flatten([
      for it in jsondecode(aws_iam_role_policy.this["analyst"].policy).Statement : it.Resource if contains(it.Action, "s3:PutObject")
    ])) == toset(["arn:aws:s3:::lake-results-123456789012/*"])
    error_message = "Analysts write answers and nothing else."
  }
  assert {
    condition = !anytrue(flatten([
      for it in jsondecode(aws_iam_role_policy.this["analyst"].policy).Statement : [for action in it.Action : can(regex("^(dynamodb|kinesis|lambda|secretsmanager):|^glue:(Create|Update|Delete|Batch)", action))]
    ]))
    error_message = "Analysts have neither the ledger nor the stream, and change no table."
  }
}

run "quarantine_can_be_kept_from_analysts" {
  command = plan

  variables {
    analyst_reads_quarantine = false
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["analyst"].policy, "quarantine")
    error_message = "Analysts have no prefix of quarantine."
  }
}

run "without_analysts_there_is_no_role_for_them" {
  command = plan

  variables {
    analyst_arns = []
  }

  assert {
    condition     = toset(keys(aws_iam_role.this)) == toset(["ingest", "dispatcher", "worker", "scheduler"])
    error_message = "There are four roles."
  }
}

run "secrets_are_arns_everywhere" {
  command = plan

  assert {
    condition     = aws_lambda_function.ingest.environment[0].variables["IGUAZU_SECRET_CUSTOMER_KEY"] == var.secret_arns["customer_key"]
    error_message = "Ingest is told where the secret is."
  }
  assert {
    condition     = alltrue([for it in aws_lambda_function.compact : !anytrue([for name in keys(it.environment[0].variables) : startswith(name, "IGUAZU_SECRET_")])])
    error_message = "Compaction needs no secrets."
  }
}
