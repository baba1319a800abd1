variable "packages" {
  type        = string
  description = "The folder that `make package` writes."
  default     = "../../../dist"
}
