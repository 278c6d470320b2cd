/// What a customer comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visit {
    /// Looks at a page of the catalogue, now and then at the next one, and at a movie.
    Browse,
    /// Looks for movies by a part of their title.
    Search,
    /// Adds a movie.
    Add,
    /// Orders.
    Order,
    /// Looks at an earlier order.
    ReadBack,
}

impl Visit {
    pub(crate) const ALL: [Self; 5] = [Self::Browse, Self::Search, Self::Add, Self::Order, Self::ReadBack];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Search => "search",
            Self::Add => "add",
            Self::Order => "order",
            Self::ReadBack => "read-back",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|visit| visit.name() == name)
    }
}
