use super::*;

#[test]
fn each_refusal_has_the_remedy_that_is_its_own() {
    let login = Login { role: "app".into(), database: "inventory".into() };
    let public = "\"$user\", public";
    for (code, said, search_path, remedy) in [
        ("42501", "permission denied for schema public", public, "GRANT CREATE ON SCHEMA public TO \"app\""),
        ("42501", "permission denied for schema shop", "shop", "GRANT CREATE ON SCHEMA shop TO \"app\""),
        ("42501", "permission denied for schema My Shop", "\"My Shop\"", "ON SCHEMA \"My Shop\" TO \"app\""),
        (
            "42501",
            "permission denied for tablespace fast",
            public,
            "GRANT CREATE ON TABLESPACE fast TO \"app\"",
        ),
        (
            "42501",
            "permission denied for language plpgsql",
            public,
            "GRANT USAGE ON LANGUAGE plpgsql TO \"app\"",
        ),
        ("42501", "permission denied for function is_time", public, "GRANT EXECUTE ON FUNCTION is_time TO"),
        (
            "42501",
            "permission denied for sequence movies_id_seq",
            public,
            "ALTER SEQUENCE movies_id_seq OWNER TO",
        ),
        ("42501", "permission denied for table movies", public, "ALTER TABLE movies OWNER TO \"app\""),
        ("42501", "must be owner of relation movies", public, "ALTER TABLE movies OWNER TO \"app\""),
        ("42501", "must be owner of function is_time", public, "ALTER FUNCTION is_time OWNER TO \"app\""),
        (
            "3F000",
            "no schema has been selected to create in",
            public,
            "GRANT USAGE, CREATE ON SCHEMA public TO \"app\"; or ALTER ROLE",
        ),
        (
            "3F000",
            "kein Schema",
            "shop, public",
            "CREATE SCHEMA shop unless it is there, and GRANT USAGE, CREATE",
        ),
        ("3F000", "no schema", "\"\"", "ALTER ROLE \"app\" SET search_path"),
        (
            "42704",
            "operator class \"gin_trgm_ops\" does not exist for access method \"gin\"",
            public,
            "ALTER EXTENSION pg_trgm SET SCHEMA",
        ),
        (
            "42P07",
            "relation \"movies\" already exists",
            public,
            "restore this one with its table _sqlx_migrations",
        ),
    ] {
        let told = login.remedy(Some(code), said, search_path).unwrap();
        assert!(told.contains(remedy), "{said}: {told}");
        assert!(search_path == public || !told.contains("SCHEMA public"), "{said}: {told}");
    }
    assert_eq!(login.remedy(Some("42501"), "permission denied for parameter work_mem", public), None);
    assert_eq!(login.remedy(Some("42501"), "permission denied to set role \"x\"", public), None);
    assert_eq!(login.remedy(Some("23505"), "duplicate key", public), None);
    assert_eq!(login.remedy(None, "broken pipe", public), None);
}

#[test]
fn a_refusal_in_another_language_names_each_remedy() {
    let login = Login { role: "app".into(), database: "inventory".into() };
    let told = login.remedy(Some("42501"), "keine Berechtigung für Datenbank inventory", "public").unwrap();
    for remedy in [
        "GRANT CONNECT ON DATABASE \"inventory\"",
        "GRANT CREATE ON SCHEMA public",
        "GRANT CREATE ON DATABASE",
        "ALTER DATABASE \"inventory\" OWNER TO \"app\"",
        "CREATE EXTENSION pg_trgm",
    ] {
        assert!(told.contains(remedy), "{told}");
    }
}
