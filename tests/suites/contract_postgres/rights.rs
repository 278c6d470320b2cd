//! Roles that may do no more than a unit needs.

use super::*;

/// The commands that bins/RUNNING.md has for a role, for a role of this test.
fn grants(to: &str, role: &str) -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../bins/RUNNING.md");
    let page = std::fs::read_to_string(page).unwrap();
    let ours = page.lines().map(str::trim).filter(|line| line.starts_with("GRANT ") && line.contains(to));
    let grants: Vec<_> = ours.map(|line| line.replace(to, role)).collect();
    assert!(grants.len() >= 2, "{page}");
    grants
}

/// A migrated database, used by a role that does not own it.
async fn granted(schema: Schema, to: &str) -> PgDatabase {
    granted_at(&Postgres::shared().database(), schema, to).await
}

async fn granted_at(place: &harness::Database, schema: Schema, to: &str) -> PgDatabase {
    let server = Postgres::shared();
    PgDatabase::new(&settings(place), schema).unwrap().migrate().await.unwrap();
    let role = format!("{}_app", place.name);
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", place.password));
    for grant in grants(to, &role) {
        server.psql(&place.name, &grant);
    }
    PgDatabase::new(&PgSettings { user: role, migrate: false, ..settings(place) }, schema).unwrap()
}

#[tokio::test]
async fn roles_with_few_rights_do_all_that_a_unit_does() {
    let database = granted(Schema::Inventory, "inventory_app").await;
    DatabaseProbe::new(database.clone()).check().await.unwrap();
    let movies = PgMovies::new(database);
    let id = movies.insert(movie("Solaris"), at(1)).await.unwrap().id;
    assert!(movies.find(id).await.unwrap().is_some());
    let change = MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap();
    assert!(movies.update(id, change, at(2)).await.unwrap().is_some());
    assert_eq!(movies.search(MovieQuery::default(), page(None, 10)).await.unwrap().items.len(), 1);
    assert!(movies.delete(id).await.unwrap());
    assert_eq!(movies.delete_all().await.unwrap(), 0);

    let database = granted(Schema::Billing, "billing_app").await;
    DatabaseProbe::new(database.clone()).check().await.unwrap();
    let ledger = PgOrders::new(database);
    let order = order("20");
    assert_eq!(ledger.insert(vec![order.clone()], at(1)).await.unwrap().len(), 1);
    assert_eq!(ledger.insert(vec![order.clone()], at(1)).await.unwrap().len(), 0);
    assert!(ledger.find(order.id).await.unwrap().is_some());
    for _ in 0..2 {
        let first = ledger.contradicted(vec![order.clone()], at(1)).await.unwrap();
        assert_eq!(first, std::slice::from_ref(&order));
    }
    let listed = ledger.list(order.draft.user, page(None, 10)).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

/// The migrations say that all is there; what they made may be gone, or not for this role.
#[tokio::test]
async fn a_unit_without_its_table_or_its_rights_is_not_ready() {
    for (schema, table, rights) in [
        (Schema::Inventory, "movies", &["SELECT", "INSERT", "UPDATE", "DELETE"] as &[&str]),
        (Schema::Billing, "orders", &["SELECT", "INSERT"]),
        (Schema::Billing, "conflicts", &["SELECT", "INSERT", "UPDATE"]),
    ] {
        let to = format!("{}_app", if schema == Schema::Inventory { "inventory" } else { "billing" });
        let place = Postgres::shared().database();
        let database = granted_at(&place, schema, &to).await;
        let probe = DatabaseProbe::new(database.clone());
        let role = format!("{}_app", place.name);
        let sql = |sql: &str| Postgres::shared().psql(&place.name, sql);
        let told = async || probe.check().await.err().map_or_else(String::new, |error| error.chain());
        assert_eq!(told().await, "");
        // The same probe tells as soon as a right is taken away, and that it is given again.
        for right in rights {
            sql(&format!("REVOKE {right} ON {table} FROM {role}"));
            let lacks = told().await;
            assert!(lacks.contains(&format!("the role \"{role}\" lacks {right} ON {table}")), "{lacks}");
            sql(&format!("GRANT {right} ON {table} TO {role}"));
            assert_eq!(told().await, "");
        }
        for right in ["SELECT ON _sqlx_migrations", "USAGE ON SCHEMA public"] {
            sql(&format!("REVOKE {right} FROM PUBLIC, {role}"));
            // A unit that starts needs both; one that has seen the migrations does not read them again.
            let lacks = DatabaseProbe::new(database.clone()).check().await.unwrap_err().chain();
            assert!(lacks.contains(&format!("the role \"{role}\" lacks {right}")), "{lacks}");
            sql(&format!("GRANT {right} TO {role}"));
            assert_eq!(told().await, "");
        }
        if schema == Schema::Inventory {
            sql(&format!("REVOKE USAGE ON SEQUENCE movies_id_seq FROM {role}"));
            assert!(told().await.contains("lacks USAGE ON SEQUENCE"));
            sql(&format!("GRANT USAGE ON SEQUENCE movies_id_seq TO {role}"));
        }
        sql(&format!("DROP TABLE {table}"));
        let gone = told().await;
        assert!(gone.contains(&format!("the table {table} is not in the database")), "{gone}");
    }
}

/// A table that was copied without what makes it one, as tools for moving databases do.
#[tokio::test]
async fn a_unit_whose_table_is_not_what_it_was_is_not_ready() {
    for (schema, breaks) in [
        (
            Schema::Inventory,
            &[
                ("ALTER TABLE movies DROP COLUMN folding CASCADE", "movies has no column folding"),
                ("ALTER TABLE movies ALTER id DROP IDENTITY", "movies.id is no identity"),
                ("ALTER TABLE movies DROP CONSTRAINT movies_pkey", "movies has no unique index of id alone"),
                (
                    "ALTER TABLE movies ALTER id DROP IDENTITY; CREATE SEQUENCE ids;
                     ALTER TABLE movies ALTER id SET DEFAULT nextval('ids')",
                    "movies.id is filled by a sequence that does not belong to it",
                ),
                (
                    "CREATE TABLE copied AS TABLE movies; DROP TABLE movies; ALTER TABLE copied RENAME TO movies",
                    "movies has no unique index of id alone, movies.id is no identity",
                ),
            ] as &[(&str, &str)],
        ),
        (
            Schema::Billing,
            &[
                ("ALTER TABLE orders DROP COLUMN recorded_at", "orders has no column recorded_at"),
                ("ALTER TABLE orders ALTER seq DROP IDENTITY", "orders.seq is no identity"),
                (
                    "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
                    "orders has no unique index of order_id alone",
                ),
                (
                    "ALTER TABLE conflicts DROP CONSTRAINT conflicts_pkey",
                    "conflicts has no unique index of order_id",
                ),
                ("ALTER TABLE conflicts DROP COLUMN times", "conflicts has no column times"),
                (
                    "ALTER TABLE orders ALTER total_minor TYPE numeric",
                    "orders.total_minor is of the type numeric",
                ),
                (
                    "ALTER TABLE orders ADD branch text NOT NULL",
                    "orders.branch is NOT NULL and nothing fills it",
                ),
                ("ALTER TABLE orders SET UNLOGGED", "orders is UNLOGGED"),
            ],
        ),
    ] {
        for (change, fault) in breaks {
            let place = Postgres::shared().database();
            let database = PgDatabase::new(&settings(&place), schema).unwrap();
            database.migrate().await.unwrap();
            let probe = DatabaseProbe::new(database.clone());
            probe.check().await.unwrap();
            Postgres::shared().psql(&place.name, change);
            // One that has seen that all was well, and one of a unit that starts.
            for probe in [&probe, &DatabaseProbe::new(database)] {
                let told = probe.check().await.err().map_or_else(String::new, |error| error.chain());
                assert!(told.contains(fault), "{change}: {told}");
            }
        }
    }
}

/// What an owner may add to a table or choose of it.
#[tokio::test]
async fn a_table_that_has_more_than_it_must_is_ready() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Billing).unwrap();
    database.migrate().await.unwrap();
    for change in [
        "ALTER TABLE orders ADD branch text NOT NULL DEFAULT 'main', ADD note text",
        "ALTER TABLE orders ALTER user_id TYPE varchar(64)",
        "ALTER TABLE orders ALTER seq DROP IDENTITY; CREATE SEQUENCE seqs START 100; GRANT USAGE ON seqs TO PUBLIC;
         ALTER TABLE orders ALTER seq SET DEFAULT nextval('seqs')",
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey; CREATE UNIQUE INDEX ids ON orders (order_id) INCLUDE (seq)",
    ] {
        Postgres::shared().psql(&place.name, change);
        let ready = DatabaseProbe::new(database.clone()).check().await;
        assert!(ready.is_ok(), "{change}: {ready:?}");
    }
    let order = order("20");
    let ledger = PgOrders::new(database);
    assert_eq!(ledger.insert(vec![order.clone()], at(1)).await.unwrap().len(), 1);
    assert!(ledger.find(order.id).await.unwrap().is_some());
}
