//! With authentication, on either stack.

use keeper_tests::scenarios::{access, limits, tokens};

use super::STACK;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_lets_in_whom_its_document_names() {
    access::every_operation_lets_in_whom_its_document_names(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_somebody_else_are_not_there() {
    access::orders_of_somebody_else_are_not_there(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_made_and_revoked_while_the_unit_runs() {
    access::a_key_is_made_and_revoked_while_the_unit_runs(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_may_be_away_and_its_keys_may_change() {
    tokens::an_issuer_may_be_away_and_its_keys_may_change(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_too_many_are_refused_and_refusals_are_audited() {
    limits::calls_that_are_too_many_are_refused_and_refusals_are_audited(STACK).await;
}
