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
    let (server, place) = (Postgres::shared(), Postgres::shared().database());
    PgDatabase::new(&settings(&place), schema).unwrap().migrate().await.unwrap();
    let role = format!("{}_app", place.name);
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", place.password));
    for grant in grants(to, &role) {
        server.psql(&place.name, &grant);
    }
    PgDatabase::new(&PgSettings { user: role, migrate: false, ..settings(&place) }, schema).unwrap()
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
