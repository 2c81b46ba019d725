//! `plumbline demo`: the whole service in one process, over a broker inside it, at an accelerated clock.
//!
//! Events go onto input topics, through intake into the log, through the engine onto the alerts topic, and are
//! read back from there. Only two things are not as in production: the broker, and intake's clock, which is that
//! of the story.

mod screen;
mod stage;
mod story;
mod verdict;

use plumbline_units::{Day, Seconds};

use crate::args::DemoArgs;
use crate::exit::{Answer, Outcome};
use crate::progress::Progress;
use screen::Screen;
use stage::Stage;
use story::Story;
use verdict::Heard;

pub(crate) fn run(args: &DemoArgs, progress: Progress) -> Outcome {
    let mut story = match &args.plan {
        Some(plan) => Story::of_files(plan, &args.events, progress)?,
        None => Story::trap(args.seed)?,
    };
    let mut screen = Screen::new(args.json);
    let runtime = super::runtime()?;
    let mut stage = Stage::set(&runtime, args.listen, &story)?;
    screen.opening(&story, stage.address());
    let mut heard = Heard::new(story.trap);
    play(&mut story, &mut stage, &mut screen, &mut heard)?;
    screen.closing(&heard);
    if !args.once {
        screen.staying(stage.address());
        runtime.block_on(super::asked_to_end());
    }
    stage.strike()?;
    Ok(if heard.as_it_must_be() { Answer::Yes } else { Answer::No })
}

/// Plays the story day by day until its end, or until the trap's alert has opened.
fn play(story: &mut Story, stage: &mut Stage, screen: &mut Screen, heard: &mut Heard) -> Outcome<()> {
    let zone = story.plan.zone;
    let mut today: Option<Day> = None;
    let mut last = story.begins;
    while let Some(message) = story.next_message()? {
        let day = zone.day_of(message.at);
        if today.is_some_and(|today| today < day) {
            stage.end_of_day(zone.start_of(day))?;
            look(story, stage, screen, heard)?;
            if heard.trap_is_caught() {
                return Ok(());
            }
        }
        today = Some(day);
        last = message.at;
        stage.send(&message)?;
    }
    // The last days' ticks close once the clock has passed what they wait for.
    for hours in [6, 12, 18, 24, 30, 36] {
        stage.end_of_day(last.plus(Seconds::hours(hours)))?;
        look(story, stage, screen, heard)?;
    }
    Ok(())
}

/// Shows what is new: the funnel against plan, and every alert on the topic.
fn look(story: &Story, stage: &mut Stage, screen: &mut Screen, heard: &mut Heard) -> Outcome<()> {
    screen.funnel(story, &stage.view());
    for record in stage.new_alerts()? {
        if let Some(alert) = heard.take(&record) {
            screen.alert(alert, &record, story.trap.is_some());
        }
    }
    Ok(())
}
