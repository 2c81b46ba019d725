//! Charts as SVG without text, which stretch with the page; their labels are text beside them and keep their size.

use std::fmt::Write;

use plumbline_units::Day;

use crate::page::escaped;

/// Width and height of the drawing's own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 200.0;
/// Points drawn per line; more are thinned.
const MOST_POINTS: usize = 366;

/// A drawing over days.
pub struct Chart {
    first: Day,
    last: Day,
    low: f64,
    high: f64,
    body: String,
    y_labels: String,
    x_labels: String,
}

impl Chart {
    /// An empty drawing of the days `first` to `last` and the values `low` to `high`.
    pub fn new((first, last): (Day, Day), (low, high): (f64, f64)) -> Chart {
        let high = if high > low { high } else { low + 1.0 };
        let mut chart = Chart {
            first,
            last: last.max(first.plus(1)),
            low,
            high,
            body: String::new(),
            y_labels: String::new(),
            x_labels: String::new(),
        };
        chart.months();
        chart
    }

    /// Place of the end of a day.
    fn x(&self, day: Day) -> f64 {
        let days = f64::from(self.last.since(self.first));
        (f64::from(day.since(self.first)) / days).clamp(0.0, 1.0) * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        (1.0 - ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)) * HEIGHT
    }

    /// Month starts, at most six of them.
    fn months(&mut self) {
        let mut starts = Vec::new();
        let mut day = self.first.month_start();
        while day <= self.last {
            if day >= self.first {
                starts.push(day);
            }
            day = day.plus(32).month_start();
        }
        let stride = starts.len().div_ceil(6).max(1);
        for day in starts.into_iter().step_by(stride) {
            let x = self.x(day);
            let (year, month, _) = day.ymd();
            let _ = write!(self.body, "<path class=\"grid\" d=\"M{x:.1} 0V{HEIGHT}\"/>");
            // A label at the right edge would be cut.
            if x < WIDTH * 0.93 {
                let left = x / WIDTH * 100.0;
                let _ = write!(self.x_labels, "<span style=\"left:{left:.1}%\">{year}-{month:02}</span>");
            }
        }
    }

    /// A span of days in which something stood.
    pub fn episode(&mut self, from: Day, to: Day) {
        let (x, end) = (self.x(from), self.x(to));
        let width = (end - x).max(3.0);
        let _ = write!(
            self.body,
            "<rect class=\"episode\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
        );
    }

    /// The values the plan tolerates; without an edge, to the end of the drawing.
    pub fn band(&mut self, lower: Option<f64>, upper: Option<f64>) {
        let (top, bottom) = (self.y(upper.unwrap_or(self.high)), self.y(lower.unwrap_or(self.low)));
        let _ = write!(
            self.body,
            "<rect class=\"band\" x=\"0\" y=\"{top:.1}\" width=\"{WIDTH}\" height=\"{:.1}\"/>",
            bottom - top
        );
    }

    /// A line at one value, with its label.
    pub fn level(&mut self, class: &str, value: f64, label: &str) {
        let y = self.y(value);
        let _ = write!(self.body, "<path class=\"{class}\" d=\"M0 {y:.1}H{WIDTH}\"/>");
        self.label(value, label);
    }

    /// A label at a value.
    pub fn label(&mut self, value: f64, label: &str) {
        let top = self.y(value) / HEIGHT * 100.0;
        let _ = write!(self.y_labels, "<span style=\"top:{top:.1}%\">{}</span>", escaped(label));
    }

    /// A day of which something is known, with its label.
    pub fn mark(&mut self, day: Day, label: &str) {
        let x = self.x(day);
        let left = x / WIDTH * 100.0;
        let _ = write!(self.body, "<path class=\"truth\" d=\"M{x:.1} 0V{HEIGHT}\"/>");
        let side = if left > 75.0 { " class=\"truth-label left\"" } else { " class=\"truth-label\"" };
        let _ = write!(self.x_labels, "<span{side} style=\"left:{left:.1}%\">{}</span>", escaped(label));
    }

    /// The area between two values by day.
    pub fn area(&mut self, points: &[(Day, f64, f64)]) {
        let points = thinned(points);
        if points.len() < 2 {
            return;
        }
        let mut path = String::from("M");
        for (day, low, _) in &points {
            let _ = write!(path, "{:.1} {:.1} ", self.x(*day), self.y(*low));
        }
        for (day, _, high) in points.iter().rev() {
            let _ = write!(path, "L{:.1} {:.1} ", self.x(*day), self.y(*high));
        }
        let _ = write!(self.body, "<path class=\"area\" d=\"{}Z\"/>", path.trim_end());
    }

    /// A line of values by day.
    pub fn line(&mut self, class: &str, points: &[(Day, f64)]) {
        let points = thinned(points);
        let place = |(day, value): &(Day, f64)| format!("{:.1} {:.1}", self.x(*day), self.y(*value));
        let path: Vec<String> = points.iter().map(place).collect();
        if !path.is_empty() {
            let _ = write!(self.body, "<path class=\"{class}\" d=\"M{}\"/>", path.join(" "));
        }
    }

    /// The figure; `says` is what a person who cannot see it is told.
    pub fn figure(self, caption: &str, says: &str) -> String {
        format!(
            "<figure><figcaption>{}</figcaption><div class=\"chart\"><div class=\"y\" aria-hidden=\"true\">{}</div>\
             <div class=\"plot\"><svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             preserveAspectRatio=\"none\">{}</svg><div class=\"x\" aria-hidden=\"true\">{}</div></div></div></figure>\n",
            escaped(caption),
            self.y_labels,
            escaped(says),
            self.body,
            self.x_labels,
        )
    }
}

/// At most [`MOST_POINTS`], evenly taken, the last one always.
fn thinned<T: Copy>(points: &[T]) -> Vec<T> {
    let stride = points.len().div_ceil(MOST_POINTS).max(1);
    let mut kept: Vec<T> = points.iter().copied().step_by(stride).collect();
    if stride > 1 && points.len() % stride != 1 {
        kept.extend(points.last());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_thinned_and_keep_their_end() {
        for len in [0, 1, 366, 367, 1_200, 1_465] {
            let points: Vec<usize> = (0..len).collect();
            let kept = thinned(&points);
            assert!(kept.len() <= MOST_POINTS + 1, "{len}: {}", kept.len());
            assert_eq!((kept.first(), kept.last()), (points.first(), points.last()), "{len}");
        }
    }

    #[test]
    fn days_and_values_lie_in_the_drawing() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let chart = Chart::new((day("2026-01-01"), day("2026-01-11")), (0.0, 2.0));
        assert_eq!((chart.x(day("2026-01-06")), chart.y(1.0)), (500.0, 100.0));
        assert_eq!((chart.x(day("2027-01-01")), chart.y(9.0)), (1000.0, 0.0));
    }
}
