//! The kernel that the exporter runs on, from `/proc`: which boot of which machine it is,
//! and how many processes it has killed for lack of memory.
//!
//! Neither file depends on namespaces: a pod without any right reads what the node reads.

use std::fs;

/// One boot of one machine: the UUID that the kernel makes at boot, and that the kubelet
/// reports as `status.nodeInfo.bootID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(u128);

impl BootId {
    /// Reads a UUID; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().replace('-', "");
        let is_uuid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_uuid.then(|| u128::from_str_radix(&digits, 16).ok())?;
        id.map(Self)
    }
}

/// What the kernel says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Its boot.
    pub boot_id: BootId,
    /// Processes killed for lack of memory since then; `None` while that cannot be read.
    pub oom_kills: Option<u64>,
}

/// The running kernel's boot.
pub fn boot_id() -> Option<BootId> {
    BootId::parse(&fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?)
}

/// Processes that the running kernel has killed for lack of memory since boot: `oom_kill`
/// of `/proc/vmstat`, from Linux 4.13 on.
pub fn oom_kills() -> Option<u64> {
    parse_oom_kills(&fs::read_to_string("/proc/vmstat").ok()?)
}

fn parse_oom_kills(vmstat: &str) -> Option<u64> {
    let count = vmstat
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_ids_are_uuids() {
        let id = BootId::parse("71cc0b5c-d443-4d9d-b584-4fea3803ed91\n");
        assert!(id.is_some());
        assert_eq!(id, BootId::parse("71CC0B5C-D443-4D9D-B584-4FEA3803ED91"));
        for text in [
            "",
            "71cc0b5c-d443-4d9d-b584",
            "+1cc0b5cd4434d9db5844fea3803ed91",
            "boot",
        ] {
            assert_eq!(BootId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn oom_kills_are_read_from_vmstat() {
        let vmstat = "nr_free_pages 5\noom_kill_x 9\noom_kill 17\npgfault 3\n";
        assert_eq!(parse_oom_kills(vmstat), Some(17));
        assert_eq!(parse_oom_kills("pgfault 3\n"), None);
        assert_eq!(parse_oom_kills("oom_kill many\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn running_kernel_is_read() {
        assert!(boot_id().is_some() && boot_id() == boot_id());
        assert!(oom_kills().is_some());
    }
}
