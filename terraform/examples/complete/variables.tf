variable "packages" {
  type        = string
  description = "The folder that `make package` writes."
  default     = "../../../dist"
}

variable "contracts_layer_arn" {
  type        = string
  description = "The version of the layer that holds the contracts; `make contracts-layer` publishes one."
}

variable "customer_key_arn" {
  type        = string
  description = "The secret of the contract of orders."
}

variable "admin_arn" {
  type        = string
  description = "Who may delete from the lake by hand."
}

variable "analyst_arn" {
  type        = string
  description = "Who may take the analyst's role."
}

variable "access_log_bucket" {
  type        = string
  description = "The bucket of access logs."
}
