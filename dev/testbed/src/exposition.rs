//! Renders a machine as the kubelet's two expositions: `/metrics/resource` and
//! `/metrics/cadvisor`.
//!
//! In scope: families, label sets, number format and timestamps as a kubelet
//! 1.36 writes them (pure). Out of scope: compression, transport, hostility.

use std::fmt::Write;

use crate::cgroup::{self, Cgroup, Kind, Sampling};
use crate::node::Machine;

/// The text of `/metrics/resource`.
pub(crate) fn resource(machine: &Machine, sampling: Sampling, now_ms: i64) -> String {
    let mut groups = cgroup::all(machine, sampling, now_ms);
    groups.sort_by(|a, b| {
        (a.container, a.namespace, &a.pod).cmp(&(b.container, b.namespace, &b.pod))
    });
    let mut text = Text::default();
    for (level, kind) in [
        ("container_", Kind::Container),
        ("node_", Kind::Root),
        ("pod_", Kind::Pod),
    ] {
        let groups = groups.iter().filter(|group| group.kind == kind);
        text.families(level, RESOURCES, groups, |group, _| short_labels(group));
    }
    let help = "[STABLE] 1 if container metrics could not be had";
    text.family("resource_scrape_error", help, "gauge");
    text.row("resource_scrape_error", "", 0.0, None);
    text.0
}

/// The text of `/metrics/cadvisor`.
pub(crate) fn cadvisor(machine: &Machine, sampling: Sampling, now_ms: i64) -> String {
    let groups = cgroup::all(machine, sampling, now_ms);
    let mut text = Text::default();
    text.families("", FAMILIES, groups.iter(), long_labels);
    machine_families(machine, &mut text);
    text.0
}

/// Form of the rows of a family.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    Counter,
    Gauge,
    /// A gauge about the specification of a container: without timestamps.
    Unstamped,
    /// A gauge without timestamps and labels.
    Bare,
}

/// A family of rows, one for a group.
struct Family {
    name: &'static str,
    rows: Rows,
    /// A label beside the usual ones.
    label: Option<(&'static str, &'static str)>,
    help: &'static str,
    /// The value of a group that has one.
    value: fn(&Cgroup) -> Option<f64>,
}

/// Rows of `KIND NAME [LABEL = VALUE] HELP`, and the value of a group.
macro_rules! families {
    (@rows counter) => { Rows::Counter };
    (@rows gauge) => { Rows::Gauge };
    (@rows unstamped) => { Rows::Unstamped };
    (@rows bare) => { Rows::Bare };
    (@label) => { None };
    (@label $label:literal $text:literal) => { Some(($label, $text)) };
    ($($rows:ident $name:ident $([$label:literal = $text:literal])? $help:literal $value:expr;)*) => {
        &[$(Family {
            name: stringify!($name),
            rows: families!(@rows $rows),
            label: families!(@label $($label $text)?),
            help: $help,
            value: $value,
        }),*]
    };
}

/// Periods of the CPU quota in a second.
const PERIODS_PER_SECOND: f64 = 10.0;
/// Share of the periods in which a limited container is held back.
const THROTTLED: f64 = 0.3;
/// Time for which it is held back in such a period, in seconds.
const HELD_BACK: f64 = 0.05;

/// The kernel accounts CPU time in nanoseconds.
fn cpu_seconds(group: &Cgroup) -> f64 {
    (group.cpu_seconds * 1e9).round() / 1e9
}

fn limited(group: &Cgroup, value: f64) -> Option<f64> {
    group.limit.map(|_| value)
}

/// Pressure exists at the root and at containers: a share of the time that the
/// CPU is busy.
fn pressure(group: &Cgroup, share: f64) -> Option<f64> {
    matches!(group.kind, Kind::Root | Kind::Container)
        .then(|| microseconds(group.cpu_seconds * share))
}

/// The kernel accounts pressure in microseconds.
fn microseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// The families of `/metrics/resource`, without the level that their names begin with.
const RESOURCES: &[Family] = families! {
    counter cpu_usage_seconds_total "[STABLE] Core-seconds used."
        |g| Some(cpu_seconds(g));
    gauge memory_working_set_bytes "[STABLE] Bytes of the working set."
        |g| Some(g.memory_bytes as f64);
    unstamped start_time_seconds "[STABLE] Unix time at which the container started."
        |g| (g.kind == Kind::Container).then_some(g.started);
    gauge swap_usage_bytes "[ALPHA] Bytes of swap; not on Windows."
        |_| Some(0.0);
};

/// In the order of the page: by name. Of those that no program of ours reads there are a
/// few of each form; captures of real pages have them all.
const FAMILIES: &[Family] = families! {
    counter container_cpu_cfs_periods_total "Periods in which the CPU quota was enforced."
        |g| limited(g, (g.age * PERIODS_PER_SECOND).floor());
    counter container_cpu_cfs_throttled_periods_total "Periods in which the CPU quota ran out."
        |g| limited(g, (g.age * PERIODS_PER_SECOND * THROTTLED).floor());
    counter container_cpu_cfs_throttled_seconds_total "Seconds for which the CPU quota held the container back."
        |g| limited(g, g.age * PERIODS_PER_SECOND * THROTTLED * HELD_BACK);
    counter container_cpu_usage_seconds_total ["cpu" = "total"] "Seconds of CPU time."
        |g| Some(cpu_seconds(g));
    gauge container_memory_working_set_bytes "Bytes of the working set."
        |g| Some(g.memory_bytes as f64);
    counter container_oom_events_total "Times that memory ran out."
        |g| Some(g.oom_kills as f64);
    // On the machine itself some task always has the CPU.
    counter container_pressure_cpu_stalled_seconds_total "Seconds in which no task got the CPU."
        |g| (g.kind == Kind::Container).then(|| microseconds(g.cpu_seconds * 0.02));
    counter container_pressure_cpu_waiting_seconds_total "Seconds in which some task waited for the CPU."
        |g| pressure(g, 0.08);
    counter container_pressure_io_stalled_seconds_total "Seconds in which no task got its I/O."
        |g| pressure(g, 0.004);
    counter container_pressure_io_waiting_seconds_total "Seconds in which some task waited for its I/O."
        |g| pressure(g, 0.01);
    counter container_pressure_memory_stalled_seconds_total "Seconds in which no task got memory."
        |g| pressure(g, 0.001);
    counter container_pressure_memory_waiting_seconds_total "Seconds in which some task waited for memory."
        |g| pressure(g, 0.003);
    bare container_scrape_error "1 if container metrics could not be had."
        |g| (g.kind == Kind::Root).then_some(0.0);
    unstamped container_spec_cpu_quota "CPU quota, microseconds in a period."
        |g| g.limit.map(|limit| limit.millicores as f64 * 100.0);
    unstamped container_start_time_seconds "Unix time at which the container started."
        |g| Some(g.started.floor());
};

fn machine_families(machine: &Machine, text: &mut Text) {
    let node = &machine.node;
    let labels = format!(
        "boot_id=\"{}\",machine_id=\"00000000000000000000000000000001\",\
         system_uuid=\"00000000000000000000000000000001\"",
        node.boot_id
    );
    let families = [
        ("cpu_cores", &*labels, "Logical cores.", node.cores),
        (
            "memory_bytes",
            &*labels,
            "Bytes of memory.",
            node.memory_bytes as f64,
        ),
        (
            "scrape_error",
            "",
            "1 if machine metrics could not be had.",
            0.0,
        ),
    ];
    for (name, labels, help, value) in families {
        let name = format!("machine_{name}");
        text.family(&name, help, "gauge");
        text.row(&name, labels, value, None);
    }
}

/// The labels of `/metrics/resource`, without braces; none for the node.
fn short_labels(group: &Cgroup) -> String {
    let Cgroup {
        container,
        namespace,
        pod,
        ..
    } = group;
    match group.kind {
        Kind::Container => {
            format!("container=\"{container}\",namespace=\"{namespace}\",pod=\"{pod}\"")
        }
        Kind::Pod => format!("namespace=\"{namespace}\",pod=\"{pod}\""),
        Kind::Root | Kind::Parent | Kind::Sandbox => String::new(),
    }
}

/// The labels of `/metrics/cadvisor`, without braces, sorted by name.
fn long_labels(group: &Cgroup, more: Option<(&str, &str)>) -> String {
    let mut labels = vec![
        ("container", group.container),
        ("id", &group.id),
        ("image", group.image),
        ("name", &group.name),
        ("namespace", group.namespace),
        ("pod", &group.pod),
    ];
    labels.extend(more);
    labels.sort_unstable();
    let labels = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{value}\""));
    labels.collect::<Vec<_>>().join(",")
}

/// A page under construction.
#[derive(Default)]
struct Text(String);

impl Text {
    /// Families that have rows, each with the row of each group that has a value.
    fn families<'g>(
        &mut self,
        prefix: &str,
        families: &[Family],
        groups: impl Iterator<Item = &'g Cgroup> + Clone,
        labels: impl Fn(&Cgroup, Option<(&str, &str)>) -> String,
    ) {
        for family in families {
            let name = format!("{prefix}{}", family.name);
            let rows = groups.clone();
            let mut rows = rows
                .filter_map(|group| Some((group, (family.value)(group)?)))
                .peekable();
            if rows.peek().is_some() {
                let is_counter = family.rows == Rows::Counter;
                self.family(
                    &name,
                    family.help,
                    if is_counter { "counter" } else { "gauge" },
                );
            }
            for (group, value) in rows {
                let labels = match family.rows {
                    Rows::Bare => String::new(),
                    _ => labels(group, family.label),
                };
                let is_stamped = matches!(family.rows, Rows::Counter | Rows::Gauge);
                self.row(&name, &labels, value, is_stamped.then_some(group.at_ms));
            }
        }
    }

    fn family(&mut self, name: &str, help: &str, kind: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn row(&mut self, name: &str, labels: &str, value: f64, stamp: Option<i64>) {
        self.0.push_str(name);
        if !labels.is_empty() {
            let _ = write!(self.0, "{{{labels}}}");
        }
        self.0.push(' ');
        self.0.push_str(&go_float(value));
        if let Some(at_ms) = stamp {
            let _ = write!(self.0, " {at_ms}");
        }
        self.0.push('\n');
    }
}

/// A number as Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it, which
/// is what the kubelet uses: the shortest digits that read back the same, with
/// an exponent outside 10^-4 .. 10^6.
fn go_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent < -4 => format!("{digits}e-{:02}", -exponent),
        Ok(exponent) if exponent >= 6 => format!("{digits}e+{exponent:02}"),
        _ => format!("{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;
    use std::time::Duration;

    const NOW: i64 = 1_800_000_030_500;

    fn machine() -> (Machine, Sampling) {
        let machine = Machine::new(Node::new("node-a").pods(4).failed(1), 1);
        let sampling = Sampling::new(NOW - 30_500, Duration::from_secs(10));
        (machine, sampling)
    }

    #[test]
    fn numbers_are_formatted_like_go() {
        // Each pair is a number and its text in a capture of a real kubelet.
        for (value, text) in [
            (0.0, "0"),
            (708_608.0, "708608"),
            (1_114_112.0, "1.114112e+06"),
            (38.498_312_439, "38.498312439"),
            (0.012_946_496, "0.012946496"),
            (25_276_063_744.0, "2.5276063744e+10"),
            (1_795_330_116.400_819, "1.795330116400819e+09"),
            (0.000_012_5, "1.25e-05"),
        ] {
            assert_eq!(go_float(value), text);
        }
    }

    #[test]
    fn node_rows_equal_the_root_cgroup() {
        let (machine, sampling) = machine();
        let resource = resource(&machine, sampling, NOW);
        let cadvisor = cadvisor(&machine, sampling, NOW);
        let find = |text: &str, start: &str| -> String {
            let line = text.lines().find(|line| line.starts_with(start));
            let line = line.unwrap_or_else(|| panic!("no {start} in {text}"));
            line[start.len()..].to_owned()
        };
        let rest = r#"id="/",image="",name="",namespace="",pod=""} "#;
        assert_eq!(
            find(&resource, "node_cpu_usage_seconds_total "),
            find(
                &cadvisor,
                &format!(r#"container_cpu_usage_seconds_total{{container="",cpu="total",{rest}"#)
            )
        );
        assert_eq!(
            find(&resource, "node_memory_working_set_bytes "),
            find(
                &cadvisor,
                &format!(r#"container_memory_working_set_bytes{{container="",{rest}"#)
            )
        );
        assert!(resource.ends_with("\nresource_scrape_error 0\n"));
    }

    #[test]
    fn families_are_sorted_and_unique() {
        let (machine, sampling) = machine();
        for text in [
            resource(&machine, sampling, NOW),
            cadvisor(&machine, sampling, NOW),
        ] {
            let names: Vec<&str> = text
                .lines()
                .filter_map(|line| line.strip_prefix("# TYPE "))
                .filter_map(|rest| rest.split(' ').next())
                .collect();
            assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        }
    }

    #[test]
    fn labels_are_sorted_in_every_row() {
        let (machine, sampling) = machine();
        for line in cadvisor(&machine, sampling, NOW).lines() {
            let Some((_, rest)) = line.split_once('{') else {
                continue;
            };
            let names: Vec<&str> = rest
                .split("\",")
                .filter_map(|pair| pair.split('=').next())
                .collect();
            assert!(names.is_sorted_by(|a, b| a < b), "{line}");
        }
    }

    #[test]
    fn pressure_is_of_root_and_containers() {
        let (machine, sampling) = machine();
        let text = cadvisor(&machine, sampling, NOW);
        let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        let root = r#"{container="",id="/","#;
        let of = |what: &str, labels: &str| {
            count(&format!("container_pressure_{what}_seconds_total{labels}"))
        };
        assert_eq!(of("cpu_waiting", root), 1);
        assert_eq!(of("cpu_stalled", root), 0);
        assert_eq!(of("memory_stalled", root), 1);
        assert_eq!(of("io_waiting", r#"{container="","#), 1, "the root only");
        assert_eq!(of("cpu_stalled", r#"{container="cart","#), 1);
    }
}
