# One key for all that is kept: the stream, the buckets, the ledger, logs, alarms and the variables of functions.

locals {
  own_key     = var.kms_key_arn == null
  kms_key_arn = local.own_key ? aws_kms_key.this[0].arn : var.kms_key_arn

  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        # Without it nobody could ever change the key again. Who may use the key is said by the policies of roles.
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        # In the policy of a key, "*" is this key.
        Resource = "*"
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.${local.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"]
        Resource  = "*"
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = [for name in local.functions : "${local.arn.logs}:log-group:/aws/lambda/${name}"]
          }
        }
      },
      {
        # Alarms and budgets write to a topic that is encrypted by this key. Whose alarms these are is asked by the topic's
        # own policy; here no condition stands, because alarms that cannot use the key are lost without a word.
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      },
    ]
  }
}

resource "aws_kms_key" "this" {
  count = local.own_key ? 1 : 0

  description             = "The lake of ${var.name}: stream, objects, ledger, logs and alarms"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode(local.key_policy)

  tags = local.tags
}

resource "aws_kms_alias" "this" {
  count = local.own_key ? 1 : 0

  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this[0].key_id
}
