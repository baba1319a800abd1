# What AWS would answer, as far as the tests look at it; known at plan time, so that nothing has to be applied.

mock_data "aws_caller_identity" {
  override_during = plan
  defaults        = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  override_during = plan
  defaults        = { partition = "aws" }
}

mock_data "aws_region" {
  override_during = plan
  defaults        = { region = "eu-central-1" }
}

mock_resource "aws_kms_key" {
  override_during = plan
  defaults        = { arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000", key_id = "00000000-0000-0000-0000-000000000000" }
}

mock_resource "aws_s3_bucket" {
  override_during = plan
}

mock_resource "aws_lambda_function" {
  override_during = plan
}

mock_resource "aws_sns_topic" {
  override_during = plan
}

mock_resource "aws_lambda_event_source_mapping" {
  override_during = plan
}

mock_resource "aws_iam_role" {
  override_during = plan
}
