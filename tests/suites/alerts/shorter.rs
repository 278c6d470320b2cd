use std::time::Duration;

/// In rules as in a table of the test: a minute lasts a second. Beyond five minutes time is shortened by more: a ticket
/// ends when six hours are over, which are twenty seconds.
pub(super) fn shorter(span: Duration) -> Duration {
    let five_minutes = 300.0;
    let seconds = span.as_secs_f64();
    let beyond = (seconds / five_minutes).max(1.0).cbrt();
    Duration::from_secs_f64(seconds.min(five_minutes) / 60.0 * beyond)
}

/// The rules with their windows, delays and intervals made shorter. Thresholds, and the names of what is recorded, stay.
pub(super) fn with_shorter_windows(rules: &str) -> String {
    let mut rules = rules.to_owned();
    for before in ["[", "offset ", "for: ", "interval: "] {
        rules = replaced_after(&rules, before, |word| Some(written(shorter(span(word)?))));
    }
    // A rate times the seconds of its window: how many events there were.
    replaced_after(&rules, ") * ", |word| {
        Some(shorter(Duration::from_secs(word.parse().ok()?)).as_secs_f64().to_string())
    })
}

/// Replaces the word that follows a text, wherever there is something else to write.
fn replaced_after(text: &str, before: &str, new: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        whole + before + &new(word).unwrap_or_else(|| word.to_owned()) + rest
    })
}

/// A span as Prometheus writes it, in one unit.
fn span(word: &str) -> Option<Duration> {
    let (number, unit) = word.split_at(word.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()? * seconds))
}

fn written(span: Duration) -> String {
    format!("{}ms", span.as_millis())
}

#[test]
fn windows_are_shorter_and_thresholds_are_not() {
    let rules = "interval: 30s\n\
        record: slo:sli_error:ratio_rate1h\n\
        expr: sum(rate(a{le=~\"5|5[.]0\"}[1h]))\n\
        alert: A\n\
        expr: slo:sli_error:ratio_rate5m > (14.4 * 0.001) and (sum(rate(a[5m])) or vector(0)) * 300 >= 10\n\
        expr: max(b offset 10m) > 1000\n\
        for: 2m\n\
        sloth_window: 5m\n";
    let shorter = "interval: 500ms\n\
        record: slo:sli_error:ratio_rate1h\n\
        expr: sum(rate(a{le=~\"5|5[.]0\"}[11447ms]))\n\
        alert: A\n\
        expr: slo:sli_error:ratio_rate5m > (14.4 * 0.001) and (sum(rate(a[5000ms])) or vector(0)) * 5 >= 10\n\
        expr: max(b offset 6299ms) > 1000\n\
        for: 2000ms\n\
        sloth_window: 5m\n";
    assert_eq!(with_shorter_windows(rules), shorter);
}
