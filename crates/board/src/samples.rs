//! Lines of Prometheus's exposition formats, by family.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::metric::{FAMILIES, Family};

/// Lines of samples by the name of their family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(BTreeMap<&'static str, String>);

impl Samples {
    /// Adds a sample. What is not a number is left out.
    pub(crate) fn set(&mut self, family: &Family, labels: &[(&str, &str)], value: f64) {
        if value.is_nan() {
            return;
        }
        let lines = self.0.entry(family.name).or_default();
        lines.push_str(family.name);
        for (n, (label, text)) in labels.iter().enumerate() {
            lines.push_str(if n == 0 { "{" } else { "," });
            lines.push_str(label);
            lines.push_str("=\"");
            for c in text.chars() {
                match c {
                    '\\' => lines.push_str("\\\\"),
                    '"' => lines.push_str("\\\""),
                    '\n' => lines.push_str("\\n"),
                    c => lines.push(c),
                }
            }
            lines.push('"');
        }
        lines.push_str(if labels.is_empty() { " " } else { "} " });
        // Writing to a string does not fail.
        let _ = match value {
            f64::INFINITY => writeln!(lines, "+Inf"),
            f64::NEG_INFINITY => writeln!(lines, "-Inf"),
            value => writeln!(lines, "{value}"),
        };
    }

    fn of(&self, family: &Family) -> &str {
        self.0.get(family.name).map_or("", String::as_str)
    }
}

/// How a scrape wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// The text format 0.0.4, which everything reads.
    Text,
    /// OpenMetrics 1.0, which tells units.
    OpenMetrics,
}

impl Format {
    /// The one that an `Accept` header asks for. Prometheus names OpenMetrics first if it reads it.
    pub(crate) fn accepted(header: &str) -> Format {
        if header.contains("application/openmetrics-text") { Format::OpenMetrics } else { Format::Text }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What the recorder renders, then the families of all workspaces.
pub(crate) fn page(format: Format, recorded: &str, workspaces: &[&Samples]) -> String {
    let lines = workspaces.iter().map(|samples| samples.0.values().map(String::len).sum::<usize>());
    // Beside the samples, the heads of the families.
    let mut page = String::with_capacity(recorded.len() + lines.sum::<usize>() + FAMILIES.len() * 256);
    // Families of the recorder come as HELP, TYPE and their samples.
    let mut help = "";
    for line in recorded.lines().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("# HELP ") {
            help = text;
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|t| t.split_once(' ')) {
            let help = help.strip_prefix(name).unwrap_or_default().trim_start();
            head(&mut page, format, name, kind, help);
        } else {
            page.push_str(line);
            page.push('\n');
        }
    }
    for family in FAMILIES {
        if workspaces.iter().any(|samples| !samples.of(family).is_empty()) {
            head(&mut page, format, family.name, "gauge", family.help);
            workspaces.iter().for_each(|samples| page.push_str(samples.of(family)));
        }
    }
    if format == Format::OpenMetrics {
        page.push_str("# EOF\n");
    }
    page
}

fn head(page: &mut String, format: Format, name: &str, kind: &str, help: &str) {
    // OpenMetrics names a counter without the suffix of its samples.
    let family = match format {
        Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
        Format::Text => name,
    };
    let _ = writeln!(page, "# HELP {family} {help}\n# TYPE {family} {kind}");
    let unit = ["seconds", "bytes", "ratio"]
        .into_iter()
        .find(|unit| family.strip_suffix(unit).is_some_and(|before| before.ends_with('_')));
    if let (Format::OpenMetrics, Some(unit)) = (format, unit) {
        let _ = writeln!(page, "# UNIT {family} {unit}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{BYTES, CLOSED, PLAN_INFO};

    #[test]
    fn both_formats_hold_every_family_once_with_help_type_and_unit() {
        let (mut one, mut other) = (Samples::default(), Samples::default());
        one.set(&PLAN_INFO, &[("workspace", "a\"\\\n")], 1.0);
        one.set(&CLOSED, &[("workspace", "a")], 1.5e9);
        one.set(&BYTES, &[], f64::INFINITY);
        one.set(&BYTES, &[("workspace", "never")], f64::NAN);
        other.set(&CLOSED, &[("workspace", "b")], 0.0);
        let recorded =
            "# HELP x_total Things\n# TYPE x_total counter\nx_total{a=\"b\"} 3\n\n# TYPE y gauge\ny 1\n\n";
        let text = page(Format::Text, recorded, &[&one, &other]);
        assert_eq!(
            text,
            "# HELP x_total Things\n# TYPE x_total counter\nx_total{a=\"b\"} 3\n# HELP y \n# TYPE y gauge\ny 1\n\
             # HELP plumbline_plan_info 1 for the plan in force, with its currency and time zone\n\
             # TYPE plumbline_plan_info gauge\nplumbline_plan_info{workspace=\"a\\\"\\\\\\n\"} 1\n\
             # HELP plumbline_target_closed_timestamp_seconds End of the last day closed for the target\n\
             # TYPE plumbline_target_closed_timestamp_seconds gauge\n\
             plumbline_target_closed_timestamp_seconds{workspace=\"a\"} 1500000000\n\
             plumbline_target_closed_timestamp_seconds{workspace=\"b\"} 0\n\
             # HELP plumbline_funnel_bytes Estimated memory of the fold, by part\n\
             # TYPE plumbline_funnel_bytes gauge\nplumbline_funnel_bytes +Inf\n"
        );
        let open = page(Format::OpenMetrics, recorded, &[&one, &other]);
        assert!(open.starts_with("# HELP x Things\n# TYPE x counter\nx_total{a=\"b\"} 3\n"), "{open}");
        assert!(open.contains("# UNIT plumbline_funnel_bytes bytes\n"), "{open}");
        assert!(open.contains("\n# UNIT plumbline_target_closed_timestamp_seconds seconds\n"), "{open}");
        assert!(open.ends_with("+Inf\n# EOF\n"), "{open}");
    }

    #[test]
    fn openmetrics_is_told_only_to_who_reads_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        for other in ["", "*/*", "text/plain;version=0.0.4"] {
            assert_eq!(Format::accepted(other), Format::Text, "{other}");
        }
    }
}
