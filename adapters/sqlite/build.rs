//! Says that the embedded migrations are part of the program: a new file there must build it again.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
