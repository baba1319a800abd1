# What is the lake's own: who may delete, and what becomes of old versions.

locals {
  lake_folders = {
    # Ingest puts, and nobody deletes: raw must outlive the stream, and readers and proofs go back to it.
    deliveries = ["raw", "quarantine"]
    # The compactor puts and sweeps.
    swept = ["data", "rollups", "state"]
    # The compactor puts and replaces; these are small and few.
    published = ["tables", "deliveries"]
  }
  lake_objects = {
    for group, folders in local.lake_folders : group => [for folder in folders : "${local.bucket_arns.lake}/${folder}/*"]
  }

  not_admin = length(var.admin_arns) == 0 ? {} : { ArnNotLike = { "aws:PrincipalArn" = var.admin_arns } }

  # Denied by the bucket itself, so that a policy that is too wide elsewhere in the account opens nothing. They are left
  # out where force_destroy is set, since the bucket could not be emptied otherwise.
  lake_keeps = [
    {
      Sid       = "OnlyTheCompactorDeletes"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:DeleteObject"
      Resource  = "${local.bucket_arns.lake}/*"
      Condition = { ArnNotLike = { "aws:PrincipalArn" = concat([local.role_arns.worker], var.admin_arns) } }
    },
    merge(
      {
        # What was deleted or replaced by mistake can be fetched back, also from a compactor gone wrong.
        Sid       = "VersionsStay"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:DeleteObjectVersion"
        Resource  = "${local.bucket_arns.lake}/*"
      },
      length(local.not_admin) == 0 ? {} : { Condition = local.not_admin },
    ),
    {
      # Ingest always puts on the condition that the key is free. Whoever has its role cannot put without it, and so
      # cannot write over a file that was committed. Parts of an upload know no such condition, its completion does.
      Sid       = "DeliveriesAreNotReplaced"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = local.lake_objects.deliveries
      Condition = merge(
        { Null = { "s3:if-none-match" = "true" }, Bool = { "s3:ObjectCreationOperation" = "true" } },
        local.not_admin,
      )
    },
  ]
}

resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket = aws_s3_bucket.this["lake"].id

  # Nothing expires: the code does not know a retention of raw files, and a table is swept by the compactor, which knows
  # what is read.
  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }

    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.raw_transition == null ? {} : { for folder in local.lake_folders.deliveries : folder => var.raw_transition }

    content {
      id     = "${rule.key}-to-cheaper-storage"
      status = "Enabled"

      filter {
        prefix = "${rule.key}/"
      }

      # Classes that answer at once: ingest and the proofs read raw files, and cannot wait for a thaw.
      transition {
        days          = rule.value.days
        storage_class = rule.value.storage_class
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
