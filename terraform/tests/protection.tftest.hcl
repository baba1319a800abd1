# Encryption, TLS, no public access, nothing deleted by accident.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  name            = "lake"
  ingest_package  = "tests/fixtures/packages/arm64/ingest.zip"
  compact_package = "tests/fixtures/packages/arm64/compact.zip"
  tables_file     = "examples/simple/tables.json"
}

run "everything_is_encrypted_by_the_key" {
  command = plan

  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation
    error_message = "The key is rotated."
  }
  assert {
    condition     = aws_kinesis_stream.this.encryption_type == "KMS" && aws_kinesis_stream.this.kms_key_id == aws_kms_key.this[0].arn
    error_message = "The stream is encrypted."
  }
  assert {
    condition     = toset(keys(aws_s3_bucket_server_side_encryption_configuration.this)) == toset(["lake", "failures", "results"])
    error_message = "Each bucket is encrypted."
  }
  assert {
    condition = alltrue([
      for it in aws_s3_bucket_server_side_encryption_configuration.this :
      one(it.rule).bucket_key_enabled &&
      one(it.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
      one(it.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == aws_kms_key.this[0].arn
    ])
    error_message = "Buckets are encrypted by the key, with keys of their own below it."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.server_side_encryption[0].enabled && aws_dynamodb_table.ledger.server_side_encryption[0].kms_key_arn == aws_kms_key.this[0].arn
    error_message = "The ledger is encrypted."
  }
  assert {
    condition = (
      aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].encryption_option == "SSE_KMS" &&
      aws_athena_workgroup.this.configuration[0].result_configuration[0].encryption_configuration[0].kms_key_arn == aws_kms_key.this[0].arn
    )
    error_message = "Athena's answers are encrypted."
  }
  assert {
    condition     = aws_sns_topic.alarms.kms_master_key_id == aws_kms_key.this[0].arn
    error_message = "Alarms are encrypted."
  }
  assert {
    condition     = length(aws_cloudwatch_log_group.this) == 3 && alltrue([for it in aws_cloudwatch_log_group.this : it.kms_key_id == aws_kms_key.this[0].arn])
    error_message = "Logs are encrypted."
  }
  assert {
    condition     = alltrue([for it in concat([aws_lambda_function.ingest], values(aws_lambda_function.compact)) : it.kms_key_arn == aws_kms_key.this[0].arn])
    error_message = "The variables of functions are encrypted."
  }
  assert {
    condition     = alltrue([for it in aws_scheduler_schedule.this : it.kms_key_arn == aws_kms_key.this[0].arn])
    error_message = "Schedules are encrypted."
  }
}

run "a_key_of_ones_own_is_used_everywhere_and_none_is_made" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/mine"
  }

  assert {
    condition     = length(aws_kms_key.this) == 0 && length(aws_kms_alias.this) == 0 && aws_kinesis_stream.this.kms_key_id == var.kms_key_arn && aws_sns_topic.alarms.kms_master_key_id == var.kms_key_arn
    error_message = "The given key is used."
  }
}

run "everything_is_refused_without_tls" {
  command = plan

  assert {
    condition     = toset(keys(aws_s3_bucket_policy.this)) == toset(["lake", "failures", "results"])
    error_message = "Each bucket has a policy."
  }
  assert {
    condition = alltrue([
      for bucket, it in aws_s3_bucket_policy.this : anytrue([
        for statement in jsondecode(it.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*" &&
        try(statement.Condition.Bool["aws:SecureTransport"], null) == "false" &&
        statement.Resource == [local.bucket_arns[bucket], "${local.bucket_arns[bucket]}/*"]
      ])
    ])
    error_message = "Buckets deny whatever does not come over TLS."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_dynamodb_resource_policy.ledger.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "dynamodb:*" && try(statement.Condition.Bool["aws:SecureTransport"], null) == "false"
    ])
    error_message = "The ledger denies whatever does not come over TLS."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement :
      statement.Effect == "Deny" && statement.Action == "sns:Publish" && try(statement.Condition.Bool["aws:SecureTransport"], null) == "false"
    ])
    error_message = "The topic denies whatever does not come over TLS."
  }
}

run "nothing_is_public" {
  command = plan

  assert {
    condition = toset(keys(aws_s3_bucket_public_access_block.this)) == toset(keys(aws_s3_bucket.this)) && alltrue([
      for it in aws_s3_bucket_public_access_block.this :
      it.block_public_acls && it.block_public_policy && it.ignore_public_acls && it.restrict_public_buckets
    ])
    error_message = "Each bucket blocks public access in all four ways."
  }
  assert {
    condition     = alltrue([for it in aws_s3_bucket_ownership_controls.this : it.rule[0].object_ownership == "BucketOwnerEnforced"]) && length(aws_s3_bucket_ownership_controls.this) == 3
    error_message = "There are no ACLs."
  }
  assert {
    condition = alltrue([
      for policy in concat([for it in aws_s3_bucket_policy.this : it.policy], [aws_dynamodb_resource_policy.ledger.policy]) :
      alltrue([for statement in jsondecode(policy).Statement : statement.Effect == "Deny"])
    ])
    error_message = "The policies of buckets and of the ledger allow nothing to anybody."
  }
}

run "nothing_is_deleted_by_accident" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.ledger.deletion_protection_enabled && aws_dynamodb_table.ledger.point_in_time_recovery[0].enabled && length(aws_dynamodb_table.ledger.ttl) == 0
    error_message = "The ledger is protected, can be restored, and no row expires."
  }
  assert {
    condition     = aws_dynamodb_table.ledger.hash_key == "chain" && aws_dynamodb_table.ledger.range_key == "n" && aws_dynamodb_table.ledger.billing_mode == "PAY_PER_REQUEST" && toset([for it in aws_dynamodb_table.ledger.attribute : "${it.name}:${it.type}"]) == toset(["chain:S", "n:S"])
    error_message = "The ledger has the keys that the code writes."
  }
  assert {
    condition     = alltrue([for it in aws_s3_bucket.this : !it.force_destroy]) && !aws_athena_workgroup.this.force_destroy
    error_message = "A bucket that holds something cannot be destroyed."
  }
  assert {
    condition     = length(aws_s3_bucket_versioning.this) == 3 && alltrue([for it in aws_s3_bucket_versioning.this : it.versioning_configuration[0].status == "Enabled"])
    error_message = "What was deleted or replaced can be fetched back."
  }
  assert {
    # An expiration of the lake may take markers of deletion away, and nothing else.
    condition = alltrue(flatten([
      for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : [for it in rule.expiration : it.days == null || it.days == 0]
    ]))
    error_message = "Nothing of the lake expires."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:DeleteObject" &&
      try(statement.Condition.ArnNotLike["aws:PrincipalArn"], []) == ["arn:aws:iam::123456789012:role/lake-compact-worker"]
    ])
    error_message = "The bucket denies deletions to all but the worker."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:DeleteObjectVersion" && !can(statement.Condition)
    ])
    error_message = "The bucket denies it to everybody to delete versions."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:PutObject" && try(statement.Condition.Null["s3:if-none-match"], null) == "true" &&
      statement.Resource == ["arn:aws:s3:::lake-lake-123456789012/raw/*", "arn:aws:s3:::lake-lake-123456789012/quarantine/*"]
    ])
    error_message = "The bucket lets nobody write over a committed file."
  }
  assert {
    condition = anytrue([
      for statement in jsondecode(aws_dynamodb_resource_policy.ledger.policy).Statement :
      statement.Effect == "Deny" && statement.Action == ["dynamodb:DeleteItem", "dynamodb:PartiQLDelete"] && !can(statement.Condition)
    ])
    error_message = "The ledger denies it to everybody to delete rows."
  }
}

run "administrators_may_delete_where_they_are_named" {
  command = plan

  variables {
    admin_arns = ["arn:aws:iam::123456789012:role/admin"]
  }

  assert {
    condition = alltrue([
      for statement in concat(jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement, jsondecode(aws_dynamodb_resource_policy.ledger.policy).Statement) :
      contains(statement.Condition.ArnNotLike["aws:PrincipalArn"], "arn:aws:iam::123456789012:role/admin") if statement.Sid != "TlsOnly"
    ])
    error_message = "All denials but that of TLS leave out administrators."
  }
}

run "what_is_thrown_away_can_be_emptied" {
  command = plan

  variables {
    deletion_protection = false
    force_destroy       = true
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.this["lake"].policy).Statement : statement.Sid] == ["TlsOnly"] && aws_s3_bucket.this["lake"].force_destroy
    error_message = "A bucket that is destroyed with what is in it does not deny deletions."
  }
}
