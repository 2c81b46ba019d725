//! `plumbline explain`: one alert on one screen.

use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::Path;

use indicatif::ProgressBar;
use plumbline_engine::alert::{Alert, render_text};
use plumbline_pipeline::read_topic;

use crate::args::ExplainArgs;
use crate::config::Config;
use crate::exit::{Answer, Kind, OrFail, Outcome};
use crate::input::open;
use crate::settings;

/// An alert record and its bytes as they stand on the topic.
struct Found {
    alert: Alert,
    record: String,
}

pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    let mut found: Vec<Found> = Vec::new();
    let mut look = |record: &[u8]| {
        let Ok(alert) = serde_json::from_slice::<Alert>(record) else { return };
        if alert.alert_id.starts_with(&args.alert) {
            found.push(Found { alert, record: String::from_utf8_lossy(record).into_owned() });
        }
    };
    match (&args.alerts, &args.config) {
        (Some(file), _) => read_file(file, &mut look)?,
        (None, Some(config)) => read_alerts(config, &mut look)?,
        (None, None) => {
            return Err(Kind::Arguments.says("name a file (--alerts) or a configuration (--config)"));
        }
    }
    found.sort_by_key(|f| f.alert.sequence);
    let ids: std::collections::BTreeSet<&str> = found.iter().map(|f| f.alert.alert_id.as_str()).collect();
    if ids.len() > 1 {
        let ids: Vec<&str> = ids.into_iter().collect();
        return Err(Kind::Arguments.says(format!(
            "`{}` begins {} alerts: {}",
            args.alert,
            ids.len(),
            ids.join(", ")
        )));
    }
    let Some(last) = found.last() else {
        eprintln!("no alert begins with `{}`", args.alert);
        return Ok(Answer::No);
    };
    if args.json {
        println!("{}", last.record);
        return Ok(Answer::Yes);
    }
    print!("{}", render_text(&last.alert));
    if found.len() > 1 {
        println!();
        for Found { alert, .. } in &found {
            println!(
                "{:>3}  {}  {:<12} {}",
                alert.sequence, alert.detected_at, alert.transition, alert.title
            );
        }
    }
    Ok(Answer::Yes)
}

fn read_file(path: &Path, look: &mut dyn FnMut(&[u8])) -> Outcome<()> {
    let attempt = || format!("cannot read {}", path.display());
    let reader = open(path, &ProgressBar::hidden()).or_fail_with(Kind::Input, attempt)?;
    for line in reader.split(b'\n') {
        look(&line.or_fail_with(Kind::Input, attempt)?);
    }
    Ok(())
}

fn read_alerts(path: &Path, look: &mut dyn FnMut(&[u8])) -> Outcome<()> {
    let config = Config::load(path).or_fail(Kind::Configuration)?;
    let config = settings::pipeline(&config)?;
    read_topic(&config, &config.topics.alerts, |record| {
        look(record.value.as_deref().unwrap_or_default());
        ControlFlow::Continue(())
    })
    .map_err(settings::failure)
}
