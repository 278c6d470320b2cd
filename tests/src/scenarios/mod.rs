//! What must happen, seen from outside: the same for both stacks. [`end_to_end!`](crate::end_to_end) makes the tests.

pub mod access;
pub mod bad_input;
pub mod compression;
pub mod conditions;
pub mod dead_letters;
pub mod documentation;
pub mod lifecycle;
pub mod limits;
pub mod load;
pub mod movies;
pub mod operations;
pub mod orders;
pub mod problems;
pub mod protocol;
pub mod secrets;
pub mod tokens;
pub mod traces;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::harness::{Answer, Kind, Stack, random_text};

/// The stack that the scenarios of this test process share: those that mind only their own data.
pub async fn shared_stack(kind: Kind) -> &'static Stack {
    static SHARED: OnceCell<Stack> = OnceCell::const_new();
    let stack = SHARED.get_or_init(|| Stack::started(kind)).await;
    assert_eq!(stack.kind(), kind);
    stack
}

/// A stack for one scenario.
pub async fn own_stack(kind: Kind) -> Stack {
    Stack::started(kind).await
}

/// A word that no other test uses.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", random_text(12))
}

/// The ids, titles, … of an array's objects.
#[track_caller]
pub(crate) fn column(answer: &Answer, field: &str) -> Vec<Value> {
    let body = answer.json();
    body.as_array().expect("the body is an array").iter().map(|row| row[field].clone()).collect()
}

/// The path and query that `Link: <…>; rel="next"` names.
pub(crate) fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.header("Link")?;
    let uri = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"").expect("the link is the next page's");
    Some(uri.find("/api/").map_or(uri, |start| &uri[start..]).to_owned())
}

/// Text as it may stand in a query: every byte percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"))
}

/// The value of a metric's series: the sum over all series of this name that have all these labels.
pub fn metric(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Vec<_> = labels.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect();
    let series = text.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| {
            rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
        })
    });
    series.map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Makes a test of each scenario, on one kind of stack.
#[macro_export]
macro_rules! end_to_end {
    ($kind:ident) => {
        /// On one stack, all at the same time.
        mod together {
            $crate::scenarios!($kind, shared_stack:
                movies {
                    a_movie_is_added_read_changed_and_deleted,
                    fields_that_are_absent_stay_as_they_are,
                    a_title_is_searched_literally_and_whatever_its_case,
                    pages_follow_one_another_without_gaps,
                    text_is_kept_as_it_was_written,
                    movies_added_at_the_same_time_are_all_there,
                }
                orders {
                    an_order_is_read_back_as_recorded,
                    fields_may_be_text_or_numbers,
                    a_key_is_one_order_however_often_it_is_sent,
                    a_key_that_names_another_order_is_refused,
                    other_content_under_the_same_key_goes_to_the_dead_letters,
                    what_an_operator_discards_is_kept,
                    a_users_orders_are_listed_in_pages,
                    an_order_that_is_not_recorded_is_not_found,
                    a_wait_ends_when_its_time_is_over,
                }
                protocol {
                    a_request_id_is_taken_if_sane_and_made_otherwise,
                    unknown_routes_are_not_found,
                    wrong_methods_are_told_the_right_ones,
                    a_body_must_be_json_and_say_so,
                    a_body_is_text_as_it_is,
                    a_body_is_at_most_64_kib,
                    a_form_cannot_choose_another_method,
                }
                problems { who_asks_for_problems_is_told_of_them }
                compression {
                    long_answers_are_compressed_for_those_who_ask,
                    long_answers_at_once_are_all_compressed,
                    a_compressed_movie_has_a_tag_of_its_own,
                    short_answers_stay_as_they_are,
                    what_browsers_and_crawlers_ask_for_is_there,
                }
                conditions {
                    of_two_editors_the_second_is_told,
                    of_many_editors_one_is_right_each_time,
                    who_has_the_movie_is_not_sent_it_again,
                    a_condition_that_is_none_is_refused,
                }
                documentation {
                    both_pages_are_served_with_all_they_need,
                    the_document_names_every_route,
                }
                operations {
                    metrics_have_the_names_that_dashboards_rest_on,
                    health_is_told_on_the_management_port_only,
                    what_units_ask_of_each_other_is_not_for_clients,
                    every_request_is_one_line_of_json,
                }
                traces { a_trace_is_on_every_line_of_its_requests_and_orders }
            );
        }

        /// Each on a stack of its own.
        mod alone {
            $crate::scenarios!($kind, own_stack:
                movies { all_movies_are_deleted_and_a_page_has_100 }
                dead_letters {
                    an_operator_looks_replays_and_discards,
                    a_key_that_is_used_again_and_again_makes_one_dead_letter,
                    what_is_no_order_of_an_operator_is_refused,
                }
                bad_input {
                    bad_movies_are_refused_and_change_nothing,
                    bad_changes_are_refused_and_change_nothing,
                    bad_ids_are_refused,
                    bad_queries_are_refused,
                    bad_orders_are_refused_and_nothing_is_recorded,
                    bad_idempotency_keys_are_refused,
                    broken_json_is_refused,
                }
                load {
                    customers_come_and_every_order_is_accounted_for,
                    without_a_shop_there_is_no_load,
                }
                lifecycle {
                    everything_is_still_there_after_a_restart,
                    what_was_answered_survives_a_kill,
                    sigterm_finishes_what_is_in_flight_and_exits_with_0,
                    who_keeps_a_connection_is_told_to_leave_before_it_is_closed,
                }
                operations {
                    versions_settings_and_documents_are_printed,
                    settings_that_are_wrong_name_the_key_and_its_source,
                    healthcheck_says_how_the_unit_is,
                    doctor_finds_nothing_wrong_with_a_stack_that_runs,
                }
            );
        }
    };
}

/// Makes a test of each named scenario, on a stack that the named function gives.
#[macro_export]
macro_rules! scenarios {
    ($kind:ident, $stack:ident: $($module:ident { $($name:ident),* $(,)? })*) => {$(
        mod $module {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let stack = $crate::scenarios::$stack($crate::harness::Kind::$kind).await;
                $crate::scenarios::$module::$name(&stack).await;
            }
        )*}
    )*};
}
