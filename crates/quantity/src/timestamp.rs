//! A timestamp with its text forms. No clock is read here.

use std::fmt;
use std::time::SystemTime;

/// Whole seconds since the Unix epoch, displayed in UTC as in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// Makes the timestamp `seconds` after the Unix epoch.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Returns the seconds from `earlier` to this timestamp; negative if it is later.
    pub fn since(self, earlier: Self) -> f64 {
        // Exact: a window spans far less than 2^53 seconds.
        (self.0 - earlier.0) as f64
    }
}

/// Parses a time to seconds since the Unix epoch, with a fraction: Unix seconds (`1795331588.5`), or RFC 3339 with an offset
/// (`2026-11-22T07:13:08Z`, `2026-11-22T08:13:08.5+01:00`).
///
/// `None` for anything else, and beyond the year 9999.
pub fn parse_time(text: &str) -> Option<f64> {
    let seconds = match text.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => parse_rfc_3339(text)?,
    };
    (seconds.abs() <= MAX_SECONDS).then_some(seconds)
}

/// The last second of the year 9999, far from any overflow.
const MAX_SECONDS: f64 = 253_402_300_799.0;

fn parse_rfc_3339(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once(['T', 't'])?;
    let (time, offset) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    let digits = [4, 2, 2];
    let mut date = (date.splitn(3, '-').zip(digits)).map(|(part, digits)| number(part, digits));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour_minute, second) = time.rsplit_once(':')?;
    let minutes = clock(hour_minute)?;
    let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
    // A leap second is the first of the next minute.
    let whole = number(whole, 2).filter(|second| *second <= 60)?;
    let digits = fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: f64 = digits.then(|| format!("0.{fraction}").parse().ok())??;
    let ahead = match offset.split_at(1) {
        ("Z" | "z", "") => 0,
        ("+", behind) => clock(behind)?,
        ("-", behind) => -clock(behind)?,
        _ => return None,
    };
    let days = days_since_epoch(year, month, day);
    // 31 April would become 1 May.
    if civil(days) != (year, month, day) {
        return None;
    }
    let seconds = days * SECONDS_PER_DAY + (minutes - ahead) * 60 + whole;
    Some(seconds as f64 + fraction)
}

/// Minutes since midnight for `07:13`.
fn clock(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let hour = number(hour, 2).filter(|hour| *hour < 24)?;
    let minute = number(minute, 2).filter(|minute| *minute < 60)?;
    Some(hour * 60 + minute)
}

/// Parses a number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl From<SystemTime> for Timestamp {
    /// Truncates `time` to a second. A clock before 1970 counts as 1970.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        Self(since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(SECONDS_PER_DAY));
        let second = self.0.rem_euclid(SECONDS_PER_DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// Year, month and day of the proleptic Gregorian calendar for a count of days
/// since 1970-01-01. The calendar repeats every 400 years (146,097 days), and a
/// year that begins in March has its leap day last.
fn civil(days: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is month 0; 153 days make five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

/// The inverse of [`civil`], for any month from 1 to 12.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

/// RFC 3339 text.
#[cfg(feature = "serde")]
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_in_utc() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_795_331_588, "2026-11-22T07:13:08Z"),
        ] {
            assert_eq!(Timestamp(unix).to_string(), text);
        }
    }

    #[test]
    fn unix_seconds_and_rfc_3339_are_read() {
        for (text, seconds) in [
            ("0", 0.0),
            ("-1", -1.0),
            ("1795330653.39", 1_795_330_653.39),
            ("1.79533065339e9", 1_795_330_653.39),
            ("2026-11-22T06:57:33.390Z", 1_795_330_653.39),
            ("2026-11-22T07:57:33+01:00", 1_795_330_653.0),
            ("2026-11-22t01:27:33-05:30", 1_795_330_653.0),
            ("1970-01-01T00:00:00Z", 0.0),
            ("1969-12-31T23:59:59Z", -1.0),
            ("2000-02-29T12:00:00Z", 951_825_600.0),
            ("2016-12-31T23:59:60Z", 1_483_228_800.0),
        ] {
            let read = parse_time(text).expect(text);
            assert!((read - seconds).abs() < 1e-6, "{text}: {read}");
        }
        for text in [
            "",
            "now",
            "NaN",
            "inf",
            "1e300",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22",
            "2026-11-22T07:13:08",
            "2026-11-22 07:13:08Z",
            "2026-11-22T7:13:08Z",
            "2026-11-22T07:13:8Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T07:60:00Z",
            "2026-11-22T07:13:61Z",
            "2026-11-22T07:13:08.Zx",
            "2026-11-22T07:13:08.-5Z",
            "2026-11-22T07:13:08+1",
            "2026-11-22T07:13:08\u{2212}01:00",
            "+2026-11-22T07:13:08Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn written_time_reads_back() {
        // Every 1,000,003rd second of four centuries meets each day of the calendar.
        for unix in (-2_208_988_800..10_413_792_000).step_by(1_000_003) {
            let text = Timestamp(unix).to_string();
            assert_eq!(parse_time(&text), Some(unix as f64), "{text}");
        }
    }
}
