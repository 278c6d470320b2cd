use lapin::message::Delivery;
use prometheus::IntGauge;
use tokio::sync::{Semaphore, oneshot};

use super::*;

type Answer = oneshot::Receiver<Result<(), PublishError>>;

fn job(answer: oneshot::Sender<Result<(), PublishError>>) -> Job<()> {
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    Job::new((), answer, permit, IntGauge::new("unconfirmed", "a test").unwrap())
}

/// So many messages that wait for their confirms; the id of each is its number.
fn waiting<const N: usize>() -> (Unconfirmed, [Answer; N]) {
    let mut unconfirmed = Unconfirmed::default();
    let answers = std::array::from_fn(|number| {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { job: job(answer), message_id: Some(number.to_string()) };
        unconfirmed.jobs.insert(number as u64, waiting);
        answered
    });
    (unconfirmed, answers)
}

fn confirmed(number: u64) -> Confirmed {
    (number, Ok(Confirmation::Ack(None)))
}

/// The confirm of a message, with which the return of another comes.
fn with_return_of(returned: &str, number: u64) -> Confirmed {
    let mut delivery = Delivery::mock(0, "".into(), "billing_queue".into(), false, Vec::new());
    delivery.properties = delivery.properties.with_message_id(returned.into());
    let message = BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() };
    (number, Ok(Confirmation::Ack(Some(message))))
}

fn is_returned(answer: &mut Answer) -> bool {
    matches!(answer.try_recv().unwrap(), Err(PublishError::Returned(reason)) if reason == "NO_ROUTE (312)")
}

#[test]
fn a_confirm_without_a_return_is_an_answer() {
    let (mut unconfirmed, [mut answer]) = waiting();
    assert_eq!(unconfirmed.answer(vec![confirmed(0)]), Ok(1));
    assert_eq!(answer.try_recv().unwrap(), Ok(()));
}

#[test]
fn a_return_that_comes_with_the_confirm_of_another_message_refuses_its_own() {
    let (mut unconfirmed, [mut one, mut other]) = waiting();
    let lost = unconfirmed.answer(vec![with_return_of("1", 0), confirmed(1)]);
    assert_eq!(lost, Err("NO_ROUTE (312)".to_owned()));
    assert!(is_returned(&mut one) && is_returned(&mut other));
}

/// Of one acknowledgement of many messages, the library settles one after the other, in no order.
#[test]
fn after_a_return_no_confirm_is_believed_whenever_it_comes() {
    let (mut unconfirmed, [mut first, mut second, mut third]) = waiting();
    unconfirmed.answer(vec![with_return_of("0", 2)]).unwrap_err();
    unconfirmed.answer(vec![confirmed(0)]).unwrap_err();
    unconfirmed.answer(vec![confirmed(1)]).unwrap_err();
    assert!(is_returned(&mut first) && is_returned(&mut second) && is_returned(&mut third));
}
