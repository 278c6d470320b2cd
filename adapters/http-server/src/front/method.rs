use rocket::http::Method;

/// The method of this name. Case matters (RFC 9110, 9.1), which Rocket's reader does not know.
pub(super) fn method(name: &str) -> Option<Method> {
    name.parse().ok().filter(|method: &Method| method.as_str() == name)
}
