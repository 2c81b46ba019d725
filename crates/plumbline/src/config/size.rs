//! Spans of time and sizes as people write them.

use plumbline_units::Seconds;

/// `90s`, `5m`, `36h`, `400d` or `2w`; decimals are taken; at least zero and at most 100 years.
pub(crate) fn parse_span(text: &str) -> Result<Seconds, String> {
    let wrong = || format!("`{text}` is not a span such as 90s, 5m, 36h, 400d or 2w");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "w" => 7.0 * 86_400.0,
        _ => return Err(wrong()),
    };
    let seconds = number * unit;
    if !(0.0..=100.0 * 366.0 * 86_400.0).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Seconds(seconds.round() as i64))
}

/// `65536`, `64KiB`, `1MiB` or `2GiB`.
pub(crate) fn parse_bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("`{text}` is not a size such as 65536, 64KiB or 1MiB");
    let (number, unit) = split_unit(text).ok_or_else(wrong)?;
    let unit = match unit {
        "" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * unit;
    if !(0.0..=1e15).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as usize)
}

fn split_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    Some((text[..at].parse().ok()?, text[at..].trim()))
}
