//! The time as people here have it, for the screen and for the transcript.

use std::time::SystemTime;

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// The time of day.
pub fn time_of_day(time: SystemTime) -> String {
    local(time).strftime("%H:%M:%S").to_string()
}

/// The date, and the time of day.
pub fn date_and_time(time: SystemTime) -> String {
    local(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn local(time: SystemTime) -> Zoned {
    Timestamp::try_from(time).unwrap_or_default().to_zoned(TimeZone::system())
}
