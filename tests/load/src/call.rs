/// The calls that the report has a line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    ListMovies,
    ReadMovie,
    SearchMovies,
    AddMovie,
    DeleteMovie,
    PlaceOrder,
    ReadOrder,
    /// From the moment at which an order was accepted to the one at which it was seen in the ledger.
    OrderRecorded,
}

impl Call {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ListMovies => "list movies",
            Self::ReadMovie => "read movie",
            Self::SearchMovies => "search movies",
            Self::AddMovie => "add movie",
            Self::DeleteMovie => "delete movie",
            Self::PlaceOrder => "place order",
            Self::ReadOrder => "read order",
            Self::OrderRecorded => "until recorded",
        }
    }
}
