# The least that one has to say: a lake with the built-in contract, which takes any JSON object with an id, a type and a
# time. `make package` writes the packages.

provider "aws" {
  region = "us-east-1"
}

module "lake" {
  source = "../../"

  name            = "iguazu-simple"
  ingest_package  = "${var.packages}/arm64/ingest.zip"
  compact_package = "${var.packages}/arm64/compact.zip"
  tables_file     = "${path.module}/tables.json"
}
