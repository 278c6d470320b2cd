variable "things" {
  description = "ARNs of what may not be destroyed or replaced, by a short name."
  type        = map(string)

  validation {
    condition     = length(var.things) > 0
    error_message = "things must name something: a guard of nothing stops nobody."
  }
}
