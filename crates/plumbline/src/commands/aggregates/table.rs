//! The rows as a table for people.

use std::io::{self, Write};

use plumbline_units::Micros;

use super::Rows;

/// Writes the rows with aligned columns: entries by stage, first stage to last, wins, spend, cost per win.
pub(super) fn write(rows: &Rows<'_>, out: &mut impl Write) -> io::Result<()> {
    let first_to_last = rows.pairs.iter().position(|pair| {
        usize::from(pair.0.0) == 0 && usize::from(pair.1.0) + 1 == rows.plan.motion().stages.len()
    });
    let mut lines: Vec<Vec<String>> = vec![header(rows, first_to_last)];
    for ((scope, start), row) in &rows.rows {
        let mut line = vec![rows.period(*start)];
        line.extend(scope.iter().map(ToString::to_string));
        line.extend(row.entries.iter().map(ToString::to_string));
        line.extend(first_to_last.map(|pair| row.conversions[pair].to_string()));
        line.extend([row.won.to_string(), money(row.won_amount), money(row.spend)]);
        lines.push(line);
    }
    let columns = lines[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let left = 1 + rows.each.len();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(
                |(at, (text, width))| {
                    if at < left { format!("{text:<width$}") } else { format!("{text:>width$}") }
                },
            )
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn header(rows: &Rows<'_>, first_to_last: Option<usize>) -> Vec<String> {
    let mut header = vec!["period".to_owned()];
    header.extend(rows.dimension_names());
    header.extend(rows.stage_names());
    header.extend(first_to_last.map(|pair| rows.pair_names()[pair].clone()));
    let currency = rows.plan.currency;
    header.extend(["won deals".to_owned(), format!("won {currency}"), format!("spend {currency}")]);
    header
}

fn money(micros: i64) -> String {
    Micros(micros).to_string()
}
