# The examples can be planned.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  packages = "tests/fixtures/packages"
}

run "simple" {
  command = plan

  module {
    source = "./examples/simple"
  }

  assert {
    condition     = output.stream_name == "iguazu-simple" && output.workgroup != null
    error_message = "The least is enough."
  }
}

run "complete" {
  command = plan

  module {
    source = "./examples/complete"
  }

  variables {
    contracts_layer_arn = "arn:aws:lambda:eu-central-1:123456789012:layer:contracts:7"
    customer_key_arn    = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:customer-key-abcdef"
    admin_arn           = "arn:aws:iam::123456789012:role/admin"
    analyst_arn         = "arn:aws:iam::123456789012:role/analysts"
    access_log_bucket   = "access-logs"
  }

  assert {
    condition     = output.stream_name == "iguazu-complete" && output.bucket != null
    error_message = "Much can be said."
  }
}
