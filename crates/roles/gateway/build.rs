//! The portals are embedded from `web/dist`. A checkout where they were not built yet gets an empty folder,
//! so that the binary builds without them and says so on its page.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let built = Path::new("../../../web/dist");
    std::fs::create_dir_all(built)?;
    println!("cargo:rerun-if-changed={}", built.display());
    Ok(())
}
