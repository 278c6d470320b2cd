//! With authentication, on either stack.

use keeper_tests::scenarios::{access, limits, secrets, tokens};

use super::STACK;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_lets_in_whom_its_document_names() {
    access::every_operation_lets_in_whom_its_document_names(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_may_be_for_known_callers_only() {
    access::reading_may_be_for_known_callers_only(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_any_output() {
    secrets::no_secret_is_in_any_output(STACK).await;
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
async fn an_issuer_may_be_away_at_the_start() {
    tokens::an_issuer_may_be_away_at_the_start(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_the_issuer_did_not_give_are_refused() {
    tokens::tokens_that_the_issuer_did_not_give_are_refused(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_under_load_and_nobody_is_refused() {
    tokens::keys_rotate_under_load_and_nobody_is_refused(STACK).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_too_many_are_refused_and_refusals_are_audited() {
    limits::calls_that_are_too_many_are_refused_and_refusals_are_audited(STACK).await;
}
