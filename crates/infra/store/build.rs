//! The migrations are embedded into the library, so a change to one of them rebuilds it.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
