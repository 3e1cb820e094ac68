/// Bytes of the unit in which `/proc` tells of memory.
const KIB: u64 = 1_024;

/// The process's resident memory in bytes; `None` where the system does not tell.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    parse_resident(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(KIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        assert_eq!(
            parse_resident("Name:\tx\nVmRSS:\t   12345 kB\nThreads:\t3\n"),
            Some(12_641_280)
        );
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }
}
