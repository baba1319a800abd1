# What the mapping gave up on. Its object on S3 keeps the whole invocation; the object's arrival invokes ingest, which
# commits it under its original ids. By default nothing is ever given up, so that the bucket stays empty.

resource "aws_s3_bucket_lifecycle_configuration" "failures" {
  bucket = aws_s3_bucket.this["failures"].id

  rule {
    id     = "given-up-long-ago"
    status = "Enabled"

    filter {}

    expiration {
      days = var.failure_days
    }

    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_version_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_lambda_permission" "failures" {
  statement_id   = "failures"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.ingest.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = local.bucket_arns.failures
  source_account = local.account
}

resource "aws_s3_bucket_notification" "failures" {
  bucket = aws_s3_bucket.this["failures"].id

  lambda_function {
    lambda_function_arn = aws_lambda_function.ingest.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "aws/lambda/"
  }

  depends_on = [aws_lambda_permission.failures]
}
