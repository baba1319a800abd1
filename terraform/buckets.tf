# What the three buckets have in common: encrypted by the key, no access but over TLS, nothing public, versions kept.
#
#   lake      raw, quarantine, tables: everything that is promised
#   failures  batches that the mapping gave up on, until they were committed after all
#   results   what Athena answered

locals {
  buckets = {
    lake     = coalesce(var.bucket_name, "${var.name}-lake-${local.account}")
    failures = "${var.name}-failures-${local.account}"
    results  = "${var.name}-results-${local.account}"
  }
  bucket_arns = { for bucket, name in local.buckets : bucket => "arn:${local.partition}:s3:::${name}" }

  tls_only = {
    for bucket, arn in local.bucket_arns : bucket => {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      # Whatever it is, and whoever asks.
      Action    = "s3:*"
      Resource  = [arn, "${arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }
  }
  bucket_policies = {
    lake     = concat([local.tls_only.lake], [for statement in local.lake_keeps : statement if !var.force_destroy])
    failures = [local.tls_only.failures]
    results  = [local.tls_only.results]
  }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Access logs go to the bucket that the variable access_log_bucket names, if it does
  #checkov:skip=CKV_AWS_144:The lake stays in one region; a copy elsewhere is a decision about cost and law that is not ours
  #checkov:skip=CKV2_AWS_62:Nobody waits for events of the lake or of results; the failures bucket has a notification of its own
  #checkov:skip=CKV2_AWS_61:Life cycles are in lake.tf, failures.tf and athena.tf, one for each bucket
  for_each = local.buckets

  bucket        = each.value
  force_destroy = var.force_destroy

  tags = local.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.this[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # There are no ACLs at all.
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    # One request to KMS for many objects.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = aws_s3_bucket.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.bucket_policies[each.key] })

  # While one is being put, the other may be refused.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = var.access_log_bucket == null ? {} : local.buckets

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = var.access_log_bucket
  target_prefix = "${each.value}/"
}
