//! Keeps a form from choosing the method of its request.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::form::Form;
use rocket::http::Method;
use rocket::{Data, Request};

/// How much of a form Rocket looks at for a method.
const LONGEST_FORM_METHOD: usize = "_method=delete".len();

/// Rocket lets a form's `_method` field replace the method of a POST. No route here takes forms, and none may be reached
/// through one: a page elsewhere could make a browser delete the catalogue. So the method is put back.
pub(crate) struct FormMethod;

#[rocket::async_trait]
impl Fairing for FormMethod {
    fn info(&self) -> Info {
        Info { name: "method of forms", kind: Kind::Request }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        if request.content_type().is_some_and(|body| body.is_form())
            && form_method(data.peek(LONGEST_FORM_METHOD).await) == Some(request.method())
        {
            request.set_method(Method::Post);
        }
    }
}

/// The method that a form asks for, as Rocket reads it.
fn form_method(body: &[u8]) -> Option<Method> {
    let first = Form::values(std::str::from_utf8(body).ok()?).next()?;
    if first.name == "_method" { first.value.parse().ok() } else { None }
}
