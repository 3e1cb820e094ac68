//! Links the flite libraries, or says how to get them.

use std::path::Path;
use std::process::Command;

/// The voice, its language, its lexicon and the engine.
const LIBRARIES: [&str; 4] = ["flite_cmu_us_slt", "flite_usenglish", "flite_cmulex", "flite"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CC");
    for library in LIBRARIES {
        if !is_installed(library) {
            eprintln!("error: the speech library lib{library}.so is not installed.");
            eprintln!("On Debian and Ubuntu: apt-get install flite1-dev");
            std::process::exit(1);
        }
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

/// Whether the C compiler finds the library: it prints a bare name back when it does not.
fn is_installed(library: &str) -> bool {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let file = format!("lib{library}.so");
    let Ok(output) = Command::new(compiler).arg(format!("-print-file-name={file}")).output() else {
        return false;
    };
    let found = String::from_utf8_lossy(&output.stdout);
    Path::new(found.trim()).is_absolute() && Path::new(found.trim()).exists()
}
