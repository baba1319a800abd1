# Reads what the environments say, for the tests: a test file cannot do so itself.

terraform {
  required_version = ">= 1.11"

  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

locals {
  root = "${path.module}/../../environments/root"
}

output "dev" {
  description = "The variables of dev."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/dev.tfvars"))
}

output "prod" {
  description = "The variables of prod."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/prod.tfvars"))
}

output "declared" {
  description = "The variables of the root."
  value       = flatten(regexall("(?m)^variable \"([a-z_]+)\"", file("${local.root}/variables.tf")))
}

output "mentions" {
  description = "What the root makes of the name of the environment."
  value       = [for line in split("\n", file("${local.root}/main.tf")) : replace(trimspace(line), "/ +/", " ") if strcontains(line, "var.environment")]
}
