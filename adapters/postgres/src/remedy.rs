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
    /// What was said, with what to do about it where that is known. Only the text tells the cases of one code apart; in a language
    /// that is not known here, all of them are named. `search_path` is
    /// that of the session; empty where there is none yet.
    pub(crate) fn with_remedy(&self, error: &Error, search_path: &str) -> String {
        let said = said(error);
        match self.remedy(code(error).as_deref(), &said, search_path) {
            Some(remedy) => format!("{said}: {remedy}"),
            None => said,
        }
    }

    fn remedy(&self, code: Option<&str>, said: &str, search_path: &str) -> Option<String> {
        let Self { role, database } = self;
        match code? {
            // insufficient_privilege
            "42501" => self.grant(said),
            // invalid_schema_name: none of the search path is there, or none may be used.
            "3F000" => Some(self.schema(search_path)),
            // undefined_object
            "42704" if said.contains("gin_trgm_ops") => Some(format!(
                "the extension pg_trgm is in a schema outside the search path of \"{role}\" ({search_path}): ALTER EXTENSION \
                 pg_trgm SET SCHEMA to one of its schemas, or add the extension's to the search path"
            )),
            // duplicate_table, duplicate_function
            "42P07" | "42723" => Some(format!(
                "\"{database}\" has it already, although the migration that makes it is not among the applied ones: give the \
                 unit a database of its own, or restore this one with its table _sqlx_migrations"
            )),
            _ => None,
        }
    }

    /// For what may not be done. Where the text says what, and nothing is known about it, there is no advice.
    fn grant(&self, said: &str) -> Option<String> {
        let role = &self.role;
        let denied = |what: &str| said.split_once(what).map(|(_, object)| object.trim());
        if let Some(object) = denied("must be owner of ") {
            return Some(self.own(object));
        }
        let Some(object) = denied("permission denied for ") else {
            return match denied("permission denied to ") {
                Some(action) => action.starts_with("create extension").then(|| self.extension()),
                None => Some(self.all()),
            };
        };
        let (kind, name) = object.split_once(' ').unwrap_or((object, ""));
        match kind {
            "database" => Some(self.connect()),
            "schema" => Some(self.create_in(name)),
            "table" | "relation" | "sequence" => Some(self.own(object)),
            "tablespace" => Some(format!("GRANT CREATE ON TABLESPACE {} TO \"{role}\"", identifier(name))),
            "function" => Some(format!("GRANT EXECUTE ON FUNCTION {} TO \"{role}\"", identifier(name))),
            "language" | "type" => {
                Some(format!("GRANT USAGE ON {} {} TO \"{role}\"", kind.to_uppercase(), identifier(name)))
            }
            _ => None,
        }
    }

    fn connect(&self) -> String {
        let Self { role, database } = self;
        format!("GRANT CONNECT ON DATABASE \"{database}\" TO \"{role}\"")
    }

    fn extension(&self) -> String {
        let Self { role, database } = self;
        format!(
            "GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\", or connect to the database as its owner and CREATE \
             EXTENSION pg_trgm"
        )
    }

    /// Since PostgreSQL 15 only its owner creates tables in the schema `public` of a database.
    fn create_in(&self, schema: &str) -> String {
        let Self { role, database } = self;
        let (name, owner) =
            (identifier(schema), format!("ALTER DATABASE \"{database}\" OWNER TO \"{role}\""));
        if schema == "public" {
            format!(
                "make the role the owner ({owner}), or connect to the database as its owner and GRANT CREATE ON SCHEMA \
                 {name} TO \"{role}\""
            )
        } else {
            format!(
                "connect to the database \"{database}\" as the owner of that schema and GRANT CREATE ON SCHEMA {name} TO \
                 \"{role}\""
            )
        }
    }

    fn schema(&self, search_path: &str) -> String {
        let Self { role, database } = self;
        let named = |name: &&str| !["", "\"\"", "\"$user\"", "pg_temp"].contains(name);
        let grant = search_path.split(',').map(str::trim).find(named).map(|schema| {
            let name = if schema.starts_with('"') { schema.to_owned() } else { identifier(schema) };
            format!(
                "connect to the database \"{database}\" as its owner, CREATE SCHEMA {name} unless it is there, and GRANT USAGE, \
                 CREATE ON SCHEMA {name} TO \"{role}\"; or "
            )
        });
        format!(
            "the search path of \"{role}\" ({search_path}) leads to no schema that it may use: {}ALTER ROLE \"{role}\" SET \
             search_path to one that it may",
            grant.unwrap_or_default()
        )
    }

    /// Says how the role comes to own, say, `table movies`.
    fn own(&self, object: &str) -> String {
        let (kind, name) = object.split_once(' ').unwrap_or(("table", object));
        let kind = if kind == "relation" { "TABLE".to_owned() } else { kind.to_uppercase() };
        let (role, name) = (&self.role, identifier(name));
        format!(
            "migrate as the role that made it, or connect as that one and ALTER {kind} {name} OWNER TO \"{role}\""
        )
    }

    /// For what was said in a language that is not known here.
    fn all(&self) -> String {
        let (connect, create, extension) = (self.connect(), self.create_in("public"), self.extension());
        format!(
            "for a database, {connect}; for a schema, {create}; for an extension, {extension}; for a table, migrate as its owner"
        )
    }
}

/// A name as SQL takes it.
fn identifier(name: &str) -> String {
    let plain =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let bare = name.trim_matches('"');
    if bare.chars().all(plain) && !bare.starts_with(|first: char| first.is_ascii_digit()) {
        bare.to_owned()
    } else {
        format!("\"{bare}\"")
    }
}

#[cfg(test)]
#[path = "remedy_tests.rs"]
mod tests;
