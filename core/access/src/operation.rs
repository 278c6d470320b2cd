use keeper_domain::Scope;

/// A call that somebody may be allowed to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Add a movie.
    AddMovie,
    /// List movies.
    ListMovies,
    /// Read a movie.
    ReadMovie,
    /// Change a movie.
    ChangeMovie,
    /// Remove a movie.
    DeleteMovie,
    /// Remove all movies.
    DeleteAllMovies,
    /// Place an order.
    PlaceOrder,
    /// Read an order.
    ReadOrder,
    /// List a user's orders.
    ListOrders,
    /// List the messages that could not be processed.
    ListDeadLetters,
    /// Read one of them.
    ReadDeadLetter,
    /// Put all of them back, or those of a reason.
    ReplayDeadLetters,
    /// Put one of them back.
    ReplayDeadLetter,
    /// Throw one of them away.
    DiscardDeadLetter,
}

/// What a call needs of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing, while reading is public; anybody who is known otherwise.
    PublicRead,
    /// A scope.
    Scope(Scope),
    /// A scope, and for the orders of somebody else [`Scope::OrdersAny`] as well.
    OwnOrder(Scope),
}

impl Operation {
    /// Every call.
    pub const ALL: [Self; 14] = [
        Self::AddMovie,
        Self::ListMovies,
        Self::ReadMovie,
        Self::ChangeMovie,
        Self::DeleteMovie,
        Self::DeleteAllMovies,
        Self::PlaceOrder,
        Self::ReadOrder,
        Self::ListOrders,
        Self::ListDeadLetters,
        Self::ReadDeadLetter,
        Self::ReplayDeadLetters,
        Self::ReplayDeadLetter,
        Self::DiscardDeadLetter,
    ];

    /// The call's name, as the document of the API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddMovie => "addMovie",
            Self::ListMovies => "listMovies",
            Self::ReadMovie => "readMovie",
            Self::ChangeMovie => "changeMovie",
            Self::DeleteMovie => "deleteMovie",
            Self::DeleteAllMovies => "deleteAllMovies",
            Self::PlaceOrder => "placeOrder",
            Self::ReadOrder => "readOrder",
            Self::ListOrders => "listOrders",
            Self::ListDeadLetters => "listDeadLetters",
            Self::ReadDeadLetter => "readDeadLetter",
            Self::ReplayDeadLetters => "replayDeadLetters",
            Self::ReplayDeadLetter => "replayDeadLetter",
            Self::DiscardDeadLetter => "discardDeadLetter",
        }
    }

    /// The call of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }

    /// The table: what the call needs.
    pub fn need(self) -> Need {
        match self {
            Self::ListMovies | Self::ReadMovie => Need::PublicRead,
            Self::AddMovie | Self::ChangeMovie | Self::DeleteMovie => Need::Scope(Scope::MoviesWrite),
            Self::DeleteAllMovies => Need::Scope(Scope::MoviesClear),
            Self::PlaceOrder => Need::OwnOrder(Scope::OrdersWrite),
            Self::ReadOrder | Self::ListOrders => Need::OwnOrder(Scope::OrdersRead),
            Self::ListDeadLetters
            | Self::ReadDeadLetter
            | Self::ReplayDeadLetters
            | Self::ReplayDeadLetter
            | Self::DiscardDeadLetter => Need::Scope(Scope::Operations),
        }
    }
}

impl Need {
    /// The scope, if there is one.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::PublicRead => None,
            Self::Scope(scope) | Self::OwnOrder(scope) => Some(scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_a_name_of_its_own() {
        for operation in Operation::ALL {
            assert_eq!(Operation::named(operation.as_str()), Some(operation));
        }
        assert_eq!(Operation::named("readMovies"), None);
    }
}
