use std::fmt;

/// Something that a caller may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// Add, change and remove single movies.
    MoviesWrite,
    /// Remove all movies at once.
    MoviesClear,
    /// Read one's own orders.
    OrdersRead,
    /// Place orders in one's own name.
    OrdersWrite,
    /// Do with anybody's orders what another scope allows with one's own.
    OrdersAny,
    /// Look after the system: dead letters.
    Operations,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::MoviesWrite,
        Self::MoviesClear,
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::OrdersAny,
        Self::Operations,
    ];

    /// The scope's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MoviesWrite => "movies:write",
            Self::MoviesClear => "movies:clear",
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::OrdersAny => "orders:any",
            Self::Operations => "operations",
        }
    }

    /// The scope of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Says whether the scope is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | bit(scope)))
    }
}

fn bit(scope: Scope) -> u8 {
    1 << scope as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_found_by_its_name_and_by_no_other() {
        for scope in Scope::ALL {
            assert_eq!(Scope::named(scope.as_str()), Some(scope));
        }
        for name in ["", "orders", "ORDERS:READ", "orders:read ", "*"] {
            assert_eq!(Scope::named(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let all: Scopes = Scope::ALL.into_iter().collect();
        assert_eq!(all.iter().collect::<Vec<_>>(), Scope::ALL);
        for scope in Scope::ALL {
            let one: Scopes = [scope].into_iter().collect();
            assert_eq!(one.iter().collect::<Vec<_>>(), [scope]);
        }
        assert_eq!(Scopes::default().iter().count(), 0);
    }
}
