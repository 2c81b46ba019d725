//! What a person sees: the funnel against plan, each alert, the end of the story.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;

use plumbline_drift::judge::{TargetStatus, Unit, Verdict, WatchReason};
use plumbline_engine::alert::{Alert, render_text};
use plumbline_plan::Severity;
use plumbline_units::{Day, Timestamp};

use super::stage::View;
use super::story::Story;
use super::verdict::Heard;

/// How long such a trap went unseen in the company this program was first built for.
const STORY_DAYS: i32 = 90;
/// Where the screen cannot be redrawn, the funnel is printed this often.
const PRINT_EVERY: i32 = 14;

pub(super) struct Screen {
    json: bool,
    redraws: bool,
    /// Lines of the funnel that stand at the bottom and will be drawn over.
    drawn: usize,
    printed: Option<Day>,
}

impl Screen {
    pub(super) fn new(json: bool) -> Screen {
        Screen { json, redraws: !json && io::stdout().is_terminal(), drawn: 0, printed: None }
    }

    pub(super) fn opening(&self, story: &Story, address: SocketAddr) {
        if self.json {
            return;
        }
        println!("Playing {} days under plan {} through real topics.", story.days, story.plan.name);
        if let Some(trap) = story.trap {
            println!(
                "From {} on, one channel brings more leads at a higher price, and sales cannot close them.",
                trap.onset
            );
        }
        println!("Status board meanwhile: http://{address}/ (and /metrics for Prometheus)\n");
    }

    /// The funnel against plan as of the engine's last look.
    pub(super) fn funnel(&mut self, story: &Story, view: &View) {
        let (false, Some(now)) = (self.json, view.now) else { return };
        let day = story.plan.zone.day_of(now);
        if self.redraws {
            self.erase();
            let table = table(story, day, view);
            print!("{table}");
            self.drawn = table.lines().count();
            let _ = io::stdout().flush();
        } else if !view.statuses.is_empty() && self.printed.is_none_or(|last| day.since(last) >= PRINT_EVERY)
        {
            println!("{}", table(story, day, view));
            self.printed = Some(day);
        }
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            // Up over the lines drawn, then clear to the end of the screen.
            print!("\x1b[{}A\x1b[J", self.drawn);
            self.drawn = 0;
        }
    }

    /// One alert on one screen; lesser ones in one line.
    pub(super) fn alert(&mut self, alert: &Alert, record: &[u8], in_story: bool) {
        if self.json {
            println!("{}", String::from_utf8_lossy(record));
            return;
        }
        self.erase();
        if !in_story || alert.pattern.is_some() {
            let rule = "─".repeat(78);
            println!("{rule}\n{}{rule}\n", render_text(alert));
        } else {
            println!("{}  {} ({})\n", alert.detected_at, alert.title, alert.transition);
        }
    }

    /// How it ended.
    pub(super) fn closing(&self, heard: &Heard) {
        if self.json {
            return;
        }
        if let Some(trap) = heard.trap() {
            for page in &heard.false_pages {
                println!("A false page before the trap: {} {}", page.detected_at, page.title);
            }
            match heard.caught() {
                Some((alert, _)) => {
                    if let Some(first) = heard.first().filter(|first| first.alert_id != alert.alert_id) {
                        println!("First page on day {}: {}.", day_of(first, trap.begins), first.title);
                    }
                    println!("{}", outcome(alert, trap.onset, trap.begins));
                }
                None => {
                    println!("The trap opened on {} and was not caught before the story's end.", trap.onset)
                }
            }
        } else {
            println!("Played to the end: {} alerts opened.", heard.opened());
        }
    }

    /// Where the demo can be looked at.
    pub(super) fn staying(&self, address: SocketAddr) {
        eprintln!("The status board stays at http://{address}/ until Ctrl-C.");
    }
}

/// The day of the alert, and what it saved against the ninety days of the founding story.
fn outcome(alert: &Alert, onset: Day, begins: Timestamp) -> String {
    let days = day_of(alert, begins);
    let sooner = (STORY_DAYS - days).max(0);
    let mut text = format!(
        "The trap opened on {onset}. The alert came on day {days}; the founding story took {STORY_DAYS}: {sooner} \
         days sooner."
    );
    let cost = alert.cost.as_ref();
    if let Some(week) = cost.and_then(|cost| cost.per_week.as_ref()) {
        let weeks = f64::from(sooner) / 7.0;
        let currency = cost.map_or("", |cost| cost.currency.as_str());
        let spend = week.excess_spend.as_ref().and_then(|text| text.parse::<f64>().ok());
        if let Some(spend) = spend {
            let _ = write!(
                text,
                "\nSaved: {} {currency} of spend ({} {currency} a week) and {:.0} customers.",
                grouped(spend * weeks),
                grouped(spend),
                week.customers_short * weeks
            );
        }
    }
    text
}

/// Whole days from the trap's first instant to the tick that opened the alert.
fn day_of(alert: &Alert, begins: Timestamp) -> i32 {
    (alert.detected_at.millis_since(begins) / 86_400_000) as i32
}

fn table(story: &Story, day: Day, view: &View) -> String {
    let mut text = match story.trap {
        Some(trap) if day >= trap.onset => format!("{day}  day {} of the trap\n", day.since(trap.onset) + 1),
        _ => format!("{day}\n"),
    };
    for status in &view.statuses {
        let scope = if status.scope_label.is_empty() { "everything" } else { &status.scope_label };
        let plan = status.plan.map_or(String::new(), |plan| number(plan.value, plan.unit));
        let _ = writeln!(
            text,
            "  {:<14} {:<14} plan {:>7}   {:<31} {}",
            status.name,
            scope,
            plan,
            heading(status),
            verdict(&status.verdict)
        );
    }
    text
}

/// Where the target is heading, or what was measured.
fn heading(status: &TargetStatus) -> String {
    let Some(unit) = status.plan.map(|plan| plan.unit) else { return String::new() };
    match (status.observed, status.projected) {
        (Some(observed), _) => format!("last week {}", number(observed, unit)),
        (None, Some(p)) => {
            format!("heads for {} ({}–{})", number(p.value, unit), number(p.low, unit), number(p.high, unit))
        }
        (None, None) => String::new(),
    }
}

fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.1}%", value * 100.0),
        Unit::Money | Unit::MoneyPerDay => grouped(value),
        Unit::PerDay => format!("{value:.0}/day"),
        Unit::Duration => format!("{:.1} d", value / 86_400.0),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Drifting(Severity::Critical) => "DRIFTING, critical".to_owned(),
        Verdict::Drifting(Severity::Warning) => "DRIFTING".to_owned(),
        Verdict::Watch(WatchReason::Evidence) => "watch: evidence grows".to_owned(),
        Verdict::Watch(WatchReason::Compensated { table }) => format!("watch: {table} is compensated"),
        Verdict::Watch(WatchReason::Uncertain) => "watch: uncertain".to_owned(),
        Verdict::NotEnoughEvidence { .. } => verdict.missing().unwrap_or_default(),
        Verdict::OnPlan => "on plan".to_owned(),
        Verdict::DataUnhealthy(why) => format!("data: {why}"),
        Verdict::NoPlan => verdict.word().replace('_', " "),
    }
}

/// Whole units with thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value <= -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in
            [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (-1_234_567.8, "-1,234,568"), (-0.2, "0")]
        {
            assert_eq!(grouped(value), text);
        }
    }
}
