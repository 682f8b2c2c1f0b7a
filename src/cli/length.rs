//! A length of time as it is typed.

use std::time::Duration;

use jiff::SignedDuration;

/// A length of time: `90s`, `5m`, `24h`, `7d`, or `0`.
pub(super) fn length(text: &str) -> Result<Duration, &'static str> {
    const HOW: &str = "write a number and `s`, `m`, `h` or `d`, e.g. `90s`, `5m`, `24h`, `7d`";
    let (number, unit) = text.split_at(text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len()));
    let number: u32 = number.parse().map_err(|_| HOW)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "" if number == 0 => 0,
        _ => return Err(HOW),
    };
    Ok(Duration::from_secs(u64::from(number) * unit))
}

/// The same for arithmetic with points in time.
pub(super) fn age(text: &str) -> Result<SignedDuration, &'static str> {
    // Of a number of 32 bits no unit leaves the range.
    length(text).map(|length| SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_a_number_and_a_unit() {
        let read = |text: &str| length(text).map(|length| length.as_secs());
        assert_eq!(["0", "90s", "5m", "1h", "0m"].map(read), [Ok(0), Ok(90), Ok(300), Ok(3_600), Ok(0)]);
        assert_eq!((age("90m"), age("7d")), (Ok(SignedDuration::from_mins(90)), Ok(SignedDuration::from_hours(168))));
        for wrong in ["", "5", "m", "-1s", "1.5m", "5 m", "5min", "24H", "1w", "1ü", "99999999999s"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }
}
