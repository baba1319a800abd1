# The ledger: the one place where something is decided. Rows are for ever, so nothing here expires or may be deleted.

resource "aws_dynamodb_table" "ledger" {
  name         = local.ledger
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "chain"
  range_key    = "n"

  attribute {
    name = "chain"
    type = "S"
  }

  attribute {
    name = "n"
    type = "S"
  }

  deletion_protection_enabled = var.deletion_protection

  point_in_time_recovery {
    enabled                 = true
    recovery_period_in_days = 35
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = local.kms_key_arn
  }

  tags = local.tags
}

locals {
  ledger_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        # Whatever it is, and whoever asks.
        Action    = "dynamodb:*"
        Resource  = local.ledger_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      merge(
        {
          # A row that is gone could be written again by whoever slept, and records would be lost or come twice.
          Sid       = "RowsAreForEver"
          Effect    = "Deny"
          Principal = "*"
          Action    = ["dynamodb:DeleteItem", "dynamodb:PartiQLDelete"]
          Resource  = local.ledger_arn
        },
        length(local.not_admin) == 0 ? {} : { Condition = local.not_admin },
      ),
    ]
  }
}

resource "aws_dynamodb_resource_policy" "ledger" {
  resource_arn = aws_dynamodb_table.ledger.arn
  policy       = jsonencode(local.ledger_policy)
}
