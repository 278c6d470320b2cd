//! What an operator can do about what the server, or a pooler before it, refused.

use sqlx::Error;

use crate::error::{code, said};

/// Who was refused, and where.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) role: String,
    pub(crate) database: String,
}

impl Login {
    /// What was said, with what to do about it where that is known. Only the text tells the cases of one code apart; a server that
    /// speaks another language than English is told the advice that is right most often.
    pub(crate) fn with_remedy(&self, error: &Error) -> String {
        let said = said(error);
        match self.remedy(code(error).as_deref(), &said) {
            Some(remedy) => format!("{said}: {remedy}"),
            None => said,
        }
    }

    fn remedy(&self, code: Option<&str>, said: &str) -> Option<String> {
        let Self { role, database } = self;
        match code {
            // insufficient_privilege
            Some("42501") => Some(self.grant(said)),
            // invalid_schema_name: a role without USAGE on the schemas of its search path has no schema at all.
            Some("3F000") => Some(format!(
                "connect to the database \"{database}\" as its owner and GRANT USAGE, CREATE ON SCHEMA public TO \"{role}\""
            )),
            _ => None,
        }
    }

    fn grant(&self, said: &str) -> String {
        let Self { role, database } = self;
        if said.contains("permission denied for database") {
            return format!("GRANT CONNECT ON DATABASE \"{database}\" TO \"{role}\"");
        }
        if said.contains("permission denied to create extension") {
            return format!(
                "GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\", or connect to the database as its owner and \
                 CREATE EXTENSION pg_trgm"
            );
        }
        let denied = |what: &str| said.split_once(what).map(|(_, object)| object);
        if let Some(object) = denied("must be owner of ") {
            return self.own(object);
        }
        if let Some(table) = denied("permission denied for table ") {
            return self.own(&format!("table {table}"));
        }
        // Since PostgreSQL 15 only its owner creates tables in a database.
        format!(
            "make the role the owner (ALTER DATABASE \"{database}\" OWNER TO \"{role}\"), or connect to the database as its \
             owner and GRANT CREATE ON SCHEMA public TO \"{role}\""
        )
    }

    /// Says how the role comes to own, say, `table movies`.
    fn own(&self, object: &str) -> String {
        let (kind, name) = object.split_once(' ').unwrap_or(("table", object));
        let kind = if kind == "relation" { "TABLE".to_owned() } else { kind.to_uppercase() };
        let role = &self.role;
        format!(
            "migrate as the role that made it, or connect as that one and ALTER {kind} {name} OWNER TO \"{role}\""
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_remedy_that_is_its_own() {
        let login = Login { role: "app".into(), database: "inventory".into() };
        for (code, said, remedy) in [
            ("42501", "permission denied for schema public", "GRANT CREATE ON SCHEMA public TO \"app\""),
            ("42501", "keine Berechtigung", "ALTER DATABASE \"inventory\" OWNER TO \"app\""),
            ("42501", "must be owner of relation movies", "ALTER TABLE movies OWNER TO \"app\""),
            ("42501", "must be owner of function is_time", "ALTER FUNCTION is_time OWNER TO \"app\""),
            (
                "3F000",
                "no schema has been selected to create in",
                "GRANT USAGE, CREATE ON SCHEMA public TO \"app\"",
            ),
        ] {
            let told = login.remedy(Some(code), said).unwrap();
            assert!(told.contains(remedy), "{said}: {told}");
        }
        assert_eq!(login.remedy(Some("23505"), "duplicate key"), None);
        assert_eq!(login.remedy(None, "broken pipe"), None);
    }
}
