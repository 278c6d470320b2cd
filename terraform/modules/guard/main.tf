# Holds nothing. It depends on what it guards, so destroying or replacing one of those, in part or with all the rest, would destroy
# it too; Terraform refuses that while it plans, before anything is touched. What is no longer in the configuration is refused as well.
#
# prevent_destroy takes no variable, and also holds where the guard itself is no longer wanted: terraform/unprotect lets Terraform
# forget it first.
resource "terraform_data" "this" {
  for_each = var.things

  # Unknown, and therefore another one, when the thing is to be replaced.
  triggers_replace = each.value

  lifecycle {
    prevent_destroy = true
  }
}
