use std::collections::BTreeSet;

/// The page on which an operator reads which alerts a fault raises.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kustomize/runbooks/README.md");
const HEADING: &str = "| fault | `critical` | `warning` |\n|---|---|---|\n";

/// An alert, as somebody is called by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alert {
    pub(super) name: String,
    /// `critical` wakes, `warning` waits.
    pub(super) severity: String,
}

/// The faults that the page lists.
pub(super) fn faults() -> Vec<String> {
    rows().into_iter().map(|[fault, ..]| fault).collect()
}

/// The alerts that the page lists for a fault.
pub(super) fn expected(fault: &str) -> BTreeSet<Alert> {
    let row = rows().into_iter().find(|row| row[0] == fault);
    let [_, critical, warning] = row.unwrap_or_else(|| panic!("the page has no fault {fault:?}"));
    let alerts = |severity: &str, cell: &str| -> Vec<_> {
        let names = cell.split('`').skip(1).step_by(2);
        names.map(|name| Alert { name: name.to_owned(), severity: severity.to_owned() }).collect()
    };
    [alerts("critical", &critical), alerts("warning", &warning)].concat().into_iter().collect()
}

fn rows() -> Vec<[String; 3]> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let table = page.split_once(HEADING).expect("the page has the table").1;
    let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(|row| cells(row).try_into().expect("a row has three cells")).collect()
}
