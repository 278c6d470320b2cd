//! Values that cannot be wrong: every type here is checked when it is made, so that no other part of the
//! system has to check it again. Pure: no I/O, no serialisation, no clock.
#![warn(missing_docs)]

mod caller;
mod dead_letter;
mod folding;
mod idempotency;
mod invalid;
mod money;
mod movie;
mod movie_version;
mod order;
mod page;
mod rate;
mod scope;
mod text;
mod timestamp;
mod user;

pub use caller::{Caller, Means, Principal};
pub use dead_letter::{
    Coverage, DeadLetter, DeadLetterId, DeadLetterList, DeadLetterReason, DeadLetterSelection,
    DeadLettersTaken, Refusal,
};
pub use folding::{FOLDING, fold};
pub use idempotency::IdempotencyKey;
pub use invalid::Invalid;
pub use money::Money;
pub use movie::{Movie, MovieChange, MovieId, MovieQuery, NewMovie};
pub use movie_version::{Edit, MovieVersion};
pub use order::{ItemCount, Order, OrderDraft, OrderId, RecordedOrder, Recording};
pub use page::{Page, PageLimit, Slice};
pub use rate::{Rate, RatePolicy, Rates};
pub use scope::{Scope, Scopes};
pub use text::{Description, Title, TitlePart};
pub use timestamp::Timestamp;
pub use user::UserId;
