use super::load::Figures;

/// The middle one of several figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The table, in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<String>,
    notes: Vec<String>,
    failures: u64,
}

impl Report {
    /// Adds a row; `base` is the rate that the ratio is to, `aim` the ratio that it should have.
    pub(crate) fn row(&mut self, name: &str, figures: &Figures, base: Option<f64>, aim: Option<f64>) {
        let millis = |micros: Option<u64>| {
            #[expect(clippy::cast_precision_loss, reason = "microseconds of one request")]
            micros.map_or_else(String::new, |micros| format!("{:.2}", micros as f64 / 1000.0))
        };
        let ratio = base.map(|base| figures.rate / base);
        let verdict = match (ratio, aim) {
            (Some(ratio), Some(aim)) => format!("{aim:.2} {}", if ratio >= aim { "✓" } else { "✗" }),
            _ => String::new(),
        };
        let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let line = format!(
            "| {name:<34} | {:>9.0} | {:>8} | {:>8} | {ratio:>5} | {verdict:<6} |",
            figures.rate,
            millis(figures.p50),
            millis(figures.p99)
        );
        eprintln!("{line}");
        self.lines.push(line);
        self.failures += figures.failures;
        if figures.failures > 0 {
            self.note(&format!("{name}: {} requests failed", figures.failures));
        }
    }

    /// Adds a line that says what follows.
    pub(crate) fn heading(&mut self, text: &str) {
        self.lines
            .push(format!("| {:<34} | {:>9} | {:>8} | {:>8} | {:>5} | {:<6} |", text, "", "", "", "", ""));
    }

    /// Adds the peak of a unit's memory.
    pub(crate) fn memory(&mut self, unit: &str, kib: Option<u64>) {
        let mib = kib.map_or_else(|| "?".to_owned(), |kib| format!("{}", kib.div_ceil(1024)));
        self.note(&format!("{unit}: at most {mib} MiB resident (aim: under 40)"));
    }

    /// Adds a remark under the table.
    pub(crate) fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }

    /// How many requests failed.
    pub(crate) fn failures(&self) -> u64 {
        self.failures
    }

    /// Prints it all.
    pub(crate) fn print(&self) {
        println!("| {:<34} | {:>9} | {:>8} | {:>8} | ratio | aim    |", "", "per s", "p50 ms", "p99 ms");
        println!("|{}|----------:|---------:|---------:|------:|--------|", "-".repeat(36));
        self.lines.iter().for_each(|line| println!("{line}"));
        println!();
        self.notes.iter().for_each(|note| println!("* {note}"));
    }
}
