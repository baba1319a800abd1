terraform {
  # Checks of one variable against another came with 1.9, and mocks that are known at plan time with 1.11.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.45"
    }
  }
}
