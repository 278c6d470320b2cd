data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  # Of core/domain; a test compares them.
  scopes = {
    "movies:write" = "Add, change and remove single movies."
    "movies:clear" = "Remove all movies at once."
    "orders:read"  = "Read one's own orders."
    "orders:write" = "Place orders in one's own name."
    "orders:any"   = "Do with anybody's orders what another scope allows with one's own."
    "operations"   = "Look after the system: dead letters."
  }

  region    = data.aws_region.current.id
  issuer    = "https://cognito-idp.${local.region}.amazonaws.com/${aws_cognito_user_pool.this.id}"
  token_url = "https://${aws_cognito_user_pool_domain.this.domain}.auth.${local.region}.amazoncognito.com/oauth2/token"
}

# Signs the tokens. It has no users, and nobody becomes one by themselves.
resource "aws_cognito_user_pool" "this" {
  name                = var.name
  deletion_protection = var.deletion_protection ? "ACTIVE" : "INACTIVE"

  admin_create_user_config {
    allow_admin_create_user_only = true
  }
}

# Where machines get their tokens. The name is the region's: no two accounts have the same.
resource "aws_cognito_user_pool_domain" "this" {
  domain       = "${var.name}-${data.aws_caller_identity.current.account_id}"
  user_pool_id = aws_cognito_user_pool.this.id
}

# Its identifier is before every scope of a token (identifier/orders:read). Tokens for machines have no `aud`: by the identifier the
# gateway knows that they are meant for it (auth.jwt.audience_in = "scopes").
resource "aws_cognito_resource_server" "this" {
  user_pool_id = aws_cognito_user_pool.this.id
  identifier   = var.name
  name         = var.name

  dynamic "scope" {
    for_each = local.scopes
    content {
      scope_name        = scope.key
      scope_description = scope.value
    }
  }
}

# A token says of whom it is by the client's id: that is the user whose orders are its own.
resource "aws_cognito_user_pool_client" "machine" {
  name         = "machine"
  user_pool_id = aws_cognito_user_pool.this.id

  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]
  allowed_oauth_scopes                 = [for scope in var.machine_scopes : "${aws_cognito_resource_server.this.identifier}/${scope}"]

  # Nobody signs in with it; Cognito wants one of them, and this one is worth nothing without the others.
  explicit_auth_flows           = ["ALLOW_REFRESH_TOKEN_AUTH"]
  enable_token_revocation       = true
  prevent_user_existence_errors = "ENABLED"

  access_token_validity = var.token_minutes
  token_validity_units {
    access_token = "minutes"
  }
}
