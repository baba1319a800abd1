# The stream. It keeps records for a week at least, so that a fault over a long weekend loses nothing.

resource "aws_kinesis_stream" "this" {
  name             = local.stream
  retention_period = var.stream_retention_hours
  shard_count      = var.stream_mode == "PROVISIONED" ? var.stream_shard_count : null
  encryption_type  = "KMS"
  kms_key_id       = local.kms_key_arn

  # Larger records could not share an invocation with their neighbours.
  max_record_size_in_kib = 1024

  stream_mode_details {
    stream_mode = var.stream_mode
  }

  tags = local.tags
}
