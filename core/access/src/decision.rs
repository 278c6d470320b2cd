use keeper_domain::{Caller, Principal, Scope, UserId};

use crate::{Need, Operation};

/// Who may read the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Everybody.
    Public,
    /// Everybody who is known.
    Known,
}

/// Why a call is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The caller must say who they are.
    Unknown,
    /// The caller is known and lacks a scope.
    Lacks(Scope),
}

/// Decides whether the caller may make the call at all. For orders it decides nothing about whose they are:
/// [`decide_for`] does.
///
/// # Errors
/// The caller may not.
pub fn decide(operation: Operation, caller: &Caller, reads: Reads) -> Result<(), Denied> {
    let principal = match (caller, operation.need(), reads) {
        (Caller::Unchecked, ..) | (Caller::Anonymous, Need::PublicRead, Reads::Public) => return Ok(()),
        (Caller::Anonymous, ..) => return Err(Denied::Unknown),
        (Caller::Known(principal), ..) => principal,
    };
    match operation.need().scope() {
        Some(scope) => has(principal, scope),
        None => Ok(()),
    }
}

/// Decides whether the caller may do with this user's orders what [`decide`] allowed.
///
/// # Errors
/// The user is somebody else, and the caller lacks [`Scope::OrdersAny`].
pub fn decide_for(user: &UserId, caller: &Caller) -> Result<(), Denied> {
    match caller {
        Caller::Unchecked => Ok(()),
        Caller::Anonymous => Err(Denied::Unknown),
        Caller::Known(principal) if principal.is(user) => Ok(()),
        Caller::Known(principal) => has(principal, Scope::OrdersAny),
    }
}

fn has(principal: &Principal, scope: Scope) -> Result<(), Denied> {
    if principal.scopes.contains(scope) { Ok(()) } else { Err(Denied::Lacks(scope)) }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{Means, Rates};

    use super::*;

    fn known(scopes: impl IntoIterator<Item = Scope>) -> Caller {
        Caller::Known(Principal {
            subject: "anna".into(),
            credential: "k1".into(),
            scopes: scopes.into_iter().collect(),
            means: Means::ApiKey,
            rates: Rates::default(),
        })
    }

    /// What each call needs, written down a second time: who changes the table has to say so twice.
    const NEEDS: [(Operation, Option<Scope>); 14] = [
        (Operation::AddMovie, Some(Scope::MoviesWrite)),
        (Operation::ListMovies, None),
        (Operation::ReadMovie, None),
        (Operation::ChangeMovie, Some(Scope::MoviesWrite)),
        (Operation::DeleteMovie, Some(Scope::MoviesWrite)),
        (Operation::DeleteAllMovies, Some(Scope::MoviesClear)),
        (Operation::PlaceOrder, Some(Scope::OrdersWrite)),
        (Operation::ReadOrder, Some(Scope::OrdersRead)),
        (Operation::ListOrders, Some(Scope::OrdersRead)),
        (Operation::ListDeadLetters, Some(Scope::Operations)),
        (Operation::ReadDeadLetter, Some(Scope::Operations)),
        (Operation::ReplayDeadLetters, Some(Scope::Operations)),
        (Operation::ReplayDeadLetter, Some(Scope::Operations)),
        (Operation::DiscardDeadLetter, Some(Scope::Operations)),
    ];

    #[test]
    fn the_whole_matrix_of_calls_and_callers() {
        assert_eq!(NEEDS.map(|(operation, _)| operation), Operation::ALL);
        for (operation, need) in NEEDS {
            for reads in [Reads::Public, Reads::Known] {
                let decided = |caller: &Caller| decide(operation, caller, reads);
                assert_eq!(decided(&Caller::Unchecked), Ok(()), "{operation:?}");
                let open = need.is_none() && reads == Reads::Public;
                let anonymous = if open { Ok(()) } else { Err(Denied::Unknown) };
                assert_eq!(decided(&Caller::Anonymous), anonymous, "{operation:?} {reads:?}");
                let lacking = need.map_or(Ok(()), |scope| Err(Denied::Lacks(scope)));
                assert_eq!(decided(&known([])), lacking, "{operation:?}");
                assert_eq!(decided(&known(Scope::ALL)), Ok(()), "{operation:?}");
                for scope in Scope::ALL {
                    let one = if need.is_none_or(|need| need == scope) { Ok(()) } else { lacking };
                    assert_eq!(decided(&known([scope])), one, "{operation:?} {scope}");
                }
            }
        }
    }

    #[test]
    fn somebody_elses_orders_need_one_scope_more() {
        let (own, other) = (UserId::new("anna").unwrap(), UserId::new("boris").unwrap());
        assert_eq!(decide_for(&other, &Caller::Unchecked), Ok(()));
        assert_eq!(decide_for(&own, &Caller::Anonymous), Err(Denied::Unknown));
        assert_eq!(decide_for(&own, &known([])), Ok(()));
        for scope in Scope::ALL {
            let lacking = Err(Denied::Lacks(Scope::OrdersAny));
            let expected = if scope == Scope::OrdersAny { Ok(()) } else { lacking };
            assert_eq!(decide_for(&other, &known([scope])), expected, "{scope}");
        }
    }
}
