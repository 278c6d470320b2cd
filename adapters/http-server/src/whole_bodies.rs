//! Hands bodies on in one piece.

use rocket::fairing::AdHoc;

/// The largest piece in which a body is handed on, in bytes.
const LARGEST_PIECE: usize = 64 * 1024;

/// Rocket hands a body on in pieces of 4 KiB, each of which waits for the one before. A byte more than the body spares the
/// buffer in which it would look for the end.
pub(crate) fn fairing() -> AdHoc {
    AdHoc::on_response("whole bodies", |_, response| {
        if let Some(size) = response.body().preset_size() {
            response.set_max_chunk_size((size + 1).min(LARGEST_PIECE));
        }
        Box::pin(std::future::ready(()))
    })
}
