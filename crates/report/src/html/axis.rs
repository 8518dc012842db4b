//! The ticks of an axis and their labels.

use quantity::{BYTES_PER_GIB, Timestamp};

use analysis::recommend::Resource;
use quantity::interval;

/// Round distances between ticks, in seconds: up to two weeks.
const TIME_STEPS: [i64; 18] = [
    1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600,
    604_800, 1_209_600,
];

const SECONDS_PER_DAY: i64 = 86_400;
const SECONDS_PER_WEEK: i64 = 604_800;

/// 1970-01-05 was the first Monday: weeks are counted from there.
const FIRST_MONDAY: i64 = 4 * SECONDS_PER_DAY;

/// The space between two labels, in characters.
const BLANK: f64 = 0.8;

/// A tick on a time axis.
#[derive(Debug)]
pub(super) struct Time {
    pub(super) at: Timestamp,
    pub(super) label: String,
    /// Set if only a wide drawing has room for it.
    pub(super) is_spare: bool,
}

/// Returns ticks from `start` to `end`, labelled in UTC: as many as have room on `wide` characters,
/// with those marked that have none on `narrow`.
pub(super) fn times(start: Timestamp, end: Timestamp, narrow: f64, wide: f64) -> Vec<Time> {
    let span = end.unix() - start.unix();
    let (step, coarse) = (time_step(span, wide), time_step(span, narrow));
    let offset = if step >= SECONDS_PER_WEEK {
        FIRST_MONDAY
    } else {
        0
    };
    let first = (start.unix() - offset + step - 1).div_euclid(step) * step + offset;
    (first..=end.unix())
        .step_by(step as usize)
        .map(|unix| Time {
            at: Timestamp::from_unix(unix),
            label: time_label(unix, step),
            is_spare: (unix - offset) % coarse != 0,
        })
        .collect()
}

/// Returns the seconds from one label to the next, so that `room` characters hold all of `span`.
fn time_step(span: i64, room: f64) -> i64 {
    let fits = |step: &i64| room * *step as f64 >= span as f64 * (label_length(*step) + BLANK);
    let longest = TIME_STEPS[TIME_STEPS.len() - 1];
    TIME_STEPS.into_iter().find(fits).unwrap_or_else(|| {
        // Years: whole multiples of the longest.
        let times = span as f64 * (label_length(longest) + BLANK) / (longest as f64 * room);
        longest * times.ceil() as i64
    })
}

/// Returns the length of the longest label of ticks at this distance, in characters.
fn label_length(step: i64) -> f64 {
    match step {
        step if step % 60 != 0 => 8.0,
        step if step < 10_800 => 5.0,
        _ => 6.0,
    }
}

/// Formats a time ahead in a few characters: `+30m`, `+1.1d`.
pub(super) fn ahead(seconds: u64) -> String {
    const MOST_CHARACTERS: usize = 6;
    let exact = format!("+{}", interval(seconds));
    if exact.len() <= MOST_CHARACTERS {
        return exact;
    }
    let (unit, length) = match seconds {
        3600.. if seconds < 86_400 => ("h", 3600.0),
        86_400.. => ("d", 86_400.0),
        _ => ("m", 60.0),
    };
    format!("+{:.1}{unit}", seconds as f64 / length)
}

/// Formats `07:13`, with seconds where ticks are that close; midnight is a date.
fn time_label(unix: i64, step: i64) -> String {
    let text = Timestamp::from_unix(unix).to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    if unix.rem_euclid(SECONDS_PER_DAY) == 0 {
        date_label(date)
    } else if step % 60 == 0 {
        clock.chars().take(5).collect()
    } else {
        clock.trim_end_matches('Z').to_owned()
    }
}

/// Formats `2026-11-22` as `22 Nov`.
fn date_label(date: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = date.rsplit('-');
    let day = parts.next().unwrap_or_default().trim_start_matches('0');
    let month = parts.next().and_then(|month| month.parse::<usize>().ok());
    let month = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{day} {}", month.unwrap_or(&""))
}

/// Formats a time for a sentence: `22 Nov 2026, 07:13 UTC`, with seconds unless they are 0.
pub(super) fn date_and_time(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    let year = date.split('-').next().unwrap_or_default();
    let clock = clock.trim_end_matches('Z');
    let clock = clock.strip_suffix(":00").unwrap_or(clock);
    format!("{} {year}, {clock} UTC", date_label(date))
}

/// Returns ticks from 0 up to `top`, in the unit of the resource, with their labels; four or five
/// where `top` is above 0.
pub(super) fn amounts(resource: Resource, top: f64) -> Vec<(f64, String)> {
    let unit = match resource {
        Resource::Cpu => 1.0,
        Resource::Memory => BYTES_PER_GIB,
    };
    let top = top / unit;
    // The power of ten below a fourth of the axis, then 1, 2, 2.5 or 5 of it.
    let rough = top / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    if !(step.is_normal() && step > 0.0) {
        return vec![(0.0, "0".to_owned())];
    }
    // 2.5 has a digit more than its magnitude.
    let digits = (1.0 - magnitude.log10().floor()).clamp(0.0, 9.0) as usize;
    (0..)
        .map(|k| f64::from(k) * step)
        .take_while(|amount| *amount <= top)
        .map(|amount| (amount * unit, trimmed(amount, digits)))
        .collect()
}

/// Formats without trailing zeros: `2.5`, `3`.
fn trimmed(amount: f64, digits: usize) -> String {
    let text = format!("{amount:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::window::MAX_SPAN_SECONDS;
    use proptest::prelude::*;

    fn labels(start: i64, span: i64) -> Vec<String> {
        let (start, end) = (
            Timestamp::from_unix(start),
            Timestamp::from_unix(start + span),
        );
        let shown = |time: Time| match time.is_spare {
            true => format!("({})", time.label),
            false => time.label,
        };
        let times = times(start, end, 24.0, 38.0);
        times.into_iter().map(shown).collect()
    }

    #[test]
    fn time_ticks_are_round() {
        // 2026-11-22T07:13:00Z, a Sunday.
        let end = 1_795_331_580;
        for (span, expected) in [
            (40, &["07:12:30", "07:12:45", "07:13:00"][..]),
            (7200, &["05:30", "06:00", "06:30", "07:00"]),
            (86_400, &["12:00", "(18:00)", "22 Nov", "(06:00)"]),
            (604_800, &["17 Nov", "19 Nov", "21 Nov"]),
            (2_592_000, &["26 Oct", "(2 Nov)", "9 Nov", "(16 Nov)"]),
        ] {
            assert_eq!(labels(end - span, span), expected, "{span}");
        }
    }

    #[test]
    fn time_ahead_is_short() {
        for (seconds, text) in [
            (1800, "+30m"),
            (5400, "+1h30m"),
            (19_999, "+5.6h"),
            (93_784, "+1.1d"),
            (3_653 * 86_400, "+3653d"),
        ] {
            assert_eq!(ahead(seconds), text);
        }
    }

    #[test]
    fn amount_ticks_are_round() {
        let labels = |resource, top| -> Vec<String> {
            amounts(resource, top).into_iter().map(|(_, l)| l).collect()
        };
        for (top, expected) in [
            (4.2, &["0", "2", "4"][..]),
            (4.0, &["0", "1", "2", "3", "4"]),
            (9.5, &["0", "2.5", "5", "7.5"]),
            (0.012, &["0", "0.005", "0.01"]),
            (130.0, &["0", "50", "100"]),
            (0.0, &["0"]),
        ] {
            assert_eq!(labels(Resource::Cpu, top), expected, "{top}");
        }
        let gib = 8.0 * BYTES_PER_GIB;
        assert_eq!(labels(Resource::Memory, gib), ["0", "2", "4", "6", "8"]);
    }

    #[test]
    fn times_read_as_dates() {
        for (unix, text) in [
            (1_795_331_580, "22 Nov 2026, 07:13 UTC"),
            (1_795_331_583, "22 Nov 2026, 07:13:03 UTC"),
            (0, "1 Jan 1970, 00:00 UTC"),
        ] {
            assert_eq!(date_and_time(Timestamp::from_unix(unix)), text);
        }
    }

    proptest! {
        #[test]
        fn tick_labels_never_overlap(
            start in -1_000_000..4_000_000_000i64,
            span in 0..MAX_SPAN_SECONDS as i64,
            room in 12.0..60.0f64,
            top in 0.0..1e15f64,
        ) {
            let (start, end) = (Timestamp::from_unix(start), Timestamp::from_unix(start + span));
            let times = times(start, end, room, 2.0 * room);
            let clear = |times: &[&Time], room: f64| {
                times.windows(2).all(|pair| {
                    let apart = pair[1].at.since(pair[0].at) / span as f64 * room;
                    let length = pair[0].label.len() + pair[1].label.len();
                    apart >= length as f64 / 2.0 + BLANK
                })
            };
            let (all, kept): (Vec<_>, Vec<_>) =
                (times.iter().collect(), times.iter().filter(|t| !t.is_spare).collect());
            prop_assert!(clear(&all, 2.0 * room), "{:?}", times);
            prop_assert!(clear(&kept, room), "{:?}", times);
            for resource in Resource::ALL {
                let ticks = amounts(resource, top);
                prop_assert!((1..=5).contains(&ticks.len()), "{:?}", ticks);
                prop_assert!(ticks.iter().all(|(amount, _)| *amount <= top));
            }
        }
    }
}
