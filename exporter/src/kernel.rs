//! The kernel that the exporter runs on, from `/proc`: its boot ID and its count of OOM
//! kills.
//!
//! Neither file depends on namespaces: a pod without privileges reads the node's values.

use std::fs;

/// The UUID of one boot of one machine: made by the kernel at boot, and reported by the
/// kubelet as `status.nodeInfo.bootID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(u128);

impl BootId {
    /// Parses a UUID; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().replace('-', "");
        let is_uuid = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = is_uuid.then(|| u128::from_str_radix(&digits, 16).ok())?;
        id.map(Self)
    }
}

/// The exporter's own kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Its boot ID.
    pub boot_id: BootId,
    /// Processes killed for lack of memory since boot; `None` while that cannot be read.
    pub oom_kills: Option<u64>,
}

/// Reads the boot ID of the running kernel.
pub fn boot_id() -> Option<BootId> {
    BootId::parse(&fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?)
}

/// Reads the number of processes that the running kernel has killed for lack of memory
/// since boot: `oom_kill` of `/proc/vmstat`, from Linux 4.13 on.
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
