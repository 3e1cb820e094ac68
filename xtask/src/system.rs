//! What comes from the system's packages.

use crate::program;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// A Debian package, by what shows that it is there.
pub struct Package {
    name: &'static str,
    shown_by: Sign,
    why: &'static str,
}

enum Sign {
    Program(&'static str),
    File(&'static str),
}

/// What compiling needs.
pub const TO_BUILD: &[Package] = &[
    Package { name: "g++", shown_by: Sign::Program("g++"), why: "C and C++ libraries" },
    Package { name: "make", shown_by: Sign::Program("make"), why: "libopus" },
    Package { name: "cmake", shown_by: Sign::Program("cmake"), why: "libopus" },
    Package { name: "pkg-config", shown_by: Sign::Program("pkg-config"), why: "finding OpenSSL" },
    Package {
        name: "libssl-dev",
        shown_by: Sign::File("/usr/include/openssl/ssl.h"),
        why: "DTLS with RSA certificates",
    },
    Package {
        name: "flite1-dev",
        shown_by: Sign::File("/usr/include/flite/flite.h"),
        why: "the embedded voice",
    },
];

/// What the tests need beyond that.
pub const TO_TEST: &[Package] = &[
    Package { name: "sip-tester", shown_by: Sign::Program("sipp"), why: "SIP load and scenarios" },
    Package { name: "baresip", shown_by: Sign::Program("baresip"), why: "a phone" },
    Package {
        name: "kamailio",
        shown_by: Sign::Program("kamailio"),
        why: "a SIP proxy for the NG door",
    },
    Package {
        name: "kamailio-websocket-modules",
        shown_by: Sign::File("/usr/lib/x86_64-linux-gnu/kamailio/modules/websocket.so"),
        why: "browsers at that proxy",
    },
    Package {
        name: "redis-server",
        shown_by: Sign::Program("redis-server"),
        why: "calls that outlive a restart",
    },
    Package { name: "chromium", shown_by: Sign::Program("chromium"), why: "a browser" },
    Package { name: "iproute2", shown_by: Sign::Program("ip"), why: "a network that is lost" },
];

/// What the measurement of RTP needs: the peer, and a network namespace to run it in.
pub const TO_BENCH_RTP: &[Package] = &[
    Package {
        name: "rtpengine-daemon",
        shown_by: Sign::Program("rtpengine"),
        why: "the media proxy to compare with",
    },
    Package { name: "iproute2", shown_by: Sign::Program("ip"), why: "a network namespace" },
    Package { name: "util-linux", shown_by: Sign::Program("chrt"), why: "scheduling" },
];

/// What the Python environment of the tools needs.
pub const FOR_PYTHON: &[Package] = &[
    Package { name: "python3", shown_by: Sign::Program("python3"), why: "tools from PyPI" },
    Package {
        name: "python3-venv",
        shown_by: Sign::File("/usr/share/python-wheels"),
        why: "tools from PyPI",
    },
];

impl Package {
    fn is_missing(&self) -> bool {
        match self.shown_by {
            Sign::Program(name) => program::find(name).is_none(),
            Sign::File(path) => !Path::new(path).exists(),
        }
    }
}

/// Installs the packages that are missing, or names them where that is not possible.
pub fn provide<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Result<()> {
    let missing: Vec<_> = packages.into_iter().filter(|package| package.is_missing()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    let Some(become_root) = way_to_root() else {
        let list: Vec<_> = missing.iter().map(|p| format!("{} (for {})", p.name, p.why)).collect();
        bail!(
            "missing: {}.\nInstall them first; on Debian: apt-get install {}",
            list.join(", "),
            names.join(" ")
        );
    };
    install(&become_root, &names)
        .with_context(|| format!("install these packages by hand: {}", names.join(" ")))
}

/// What to put before `apt-get` so that it may install: nothing for root, else `sudo`. None where
/// there is no `apt-get` or no way to become root.
fn way_to_root() -> Option<Vec<&'static str>> {
    program::find("apt-get")?;
    if program::output("id", &["-u"])? == "0" {
        return Some(Vec::new());
    }
    program::find("sudo").map(|_| vec!["sudo"])
}

fn install(become_root: &[&str], names: &[&str]) -> Result<()> {
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(names);
    if program::run(&mut apt_get(become_root, &arguments)).is_ok() {
        return Ok(());
    }
    // A fresh machine has no list of packages, an old one a list of files that are gone.
    program::run(&mut apt_get(become_root, &["update"]))?;
    program::run(&mut apt_get(become_root, &arguments))
}

fn apt_get(become_root: &[&str], arguments: &[&str]) -> Command {
    let mut words = become_root.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    let mut command = Command::new(words.next().expect("the list is not empty"));
    command.args(words).args(arguments);
    command
}
