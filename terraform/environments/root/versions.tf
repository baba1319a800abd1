terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.45"
    }
  }

  # Which bucket holds the state is said at init: make plan takes STATE_BUCKET. One bucket, and a key for each environment.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
