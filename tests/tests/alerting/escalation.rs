//! What its owners know and do not mend is told to leadership: once their words have run out, and not before.

use anyhow::{Context, ensure};
use plumbline_tests::world::eventually;
use plumbline_units::Day;
use serde_json::Value;

use crate::company::Company;
use crate::parts::{Receiver, get};
use crate::with;

/// The hand-off's drift.
const DRIFT: [(&str, &str); 2] = [("name", "mql-to-sql"), ("scope", "segment=smb")];
/// Both sides of it.
const OWNERS: [&str; 2] = ["marketing", "sales"];
/// How long a word without an end holds under the plan.
const REVIEW_DAYS: i32 = 7;

/// The drift's way to leadership.
pub(crate) struct Escalation<'a> {
    company: &'a Company,
    receiver: &'a Receiver,
    /// The alert, and the day on whose morning both its owners knew.
    known: Option<(String, Day)>,
}

impl<'a> Escalation<'a> {
    pub(crate) fn new(company: &'a Company, receiver: &'a Receiver) -> Escalation<'a> {
        Escalation { company, receiver, known: None }
    }

    /// On the first morning on which the drift is open, and explains what else is, its owners hear of it and say that
    /// they know; while that holds, they are not asked again, and leadership hears nothing.
    pub(crate) fn morning(&mut self, day: Day) -> anyhow::Result<()> {
        let whole = [("name", "lead-to-won"), ("scope", "segment=smb"), ("explained_by", "")];
        match &self.known {
            None if self.company.told("plumbline_episode_info", &DRIFT)?.is_empty() => {}
            None if !self.company.told("plumbline_episode_info", &whole)?.is_empty() => {}
            None => {
                let alert = self.owners_hear()?;
                self.quiet(0)?;
                for (knowing, function) in (1..).zip(OWNERS) {
                    self.company.acknowledges(function, &alert)?;
                    eventually("the word is known", 30, || Ok(self.knowing()? == knowing))?;
                }
                self.known = Some((alert, day));
            }
            Some((_, since)) if day == since.plus(REVIEW_DAYS - 1) => self.quiet(OWNERS.len())?,
            Some(_) => {}
        }
        Ok(())
    }

    /// How many of the owners know.
    fn knowing(&self) -> anyhow::Result<usize> {
        let words = self.company.told("plumbline_episode_acknowledged", &DRIFT)?;
        ensure!(words.len() == OWNERS.len(), "one for each owner: {words:?}");
        Ok(words.into_iter().filter(|known| *known == 1.0).count())
    }

    /// The alert as each of its owners hears of it.
    fn owners_hear(&self) -> anyhow::Result<String> {
        let mut ids = Vec::new();
        for owner in OWNERS {
            let told = || self.receiver.told(&format!("/awake/{owner}"));
            eventually("each owner hears of the drift", 60, || Ok(!with(&told(), &DRIFT).is_empty()))?;
            let board = with(&told(), &DRIFT)[0]["annotations"]["board"].clone();
            let id =
                board.as_str().and_then(|link| link.rsplit_once("/e/")).context("a link to the episode")?;
            ids.push(id.1.to_owned());
        }
        ensure!(ids[0] == ids[1], "one alert: {ids:?}");
        Ok(ids.remove(0))
    }

    /// Nobody was asked again, so many owners know, and leadership has heard nothing.
    fn quiet(&self, knowing: usize) -> anyhow::Result<()> {
        ensure!(self.company.told("plumbline_episode_asked_again", &DRIFT)? == [0.0]);
        ensure!(self.knowing()? == knowing);
        let told = self.leadership("awake");
        ensure!(told.is_empty(), "leadership hears of it before the words have run out: {told:?}");
        Ok(())
    }

    fn leadership(&self, name: &str) -> Vec<Value> {
        self.receiver.told(&format!("/{name}/leadership"))
    }

    /// The words have run out: the owners are asked again, and leadership hears of it by day.
    pub(crate) fn check(&self) {
        let (alert, _) = self.known.as_ref().expect("the drift was open on some morning");
        assert_eq!(self.knowing().unwrap(), 0, "a word without an end holds until the review");
        assert_eq!(self.company.told("plumbline_episode_asked_again", &DRIFT).unwrap(), [1.0]);
        eventually("leadership hears of it", 60, || Ok(!self.leadership("awake").is_empty())).unwrap();
        for told in self.leadership("awake") {
            let labels =
                [("alertname", "PlanDriftUnrecovered"), ("owner", "leadership"), ("workspace", "default")];
            for (label, value) in labels.into_iter().chain(DRIFT) {
                assert_eq!(told["labels"][label], value, "{label} of {told}");
            }
            let annotation = |name: &str| told["annotations"][name].as_str().unwrap();
            assert_eq!(annotation("summary"), "mql-to-sql in segment=smb is known and does not recover");
            let description = annotation("description");
            assert!(description.starts_with("Open since "), "{description}");
            assert!(description.ends_with(" it went on past their word: 1."), "{description}");
            assert_eq!(annotation("board"), format!("https://plumbline.example.com/e/{alert}"));
            assert_eq!(annotation("runbook_url"), "https://plumbline.example.com/docs/oncall.md#unrecovered");
        }
        assert_eq!(self.leadership("asleep"), Vec::<Value>::new(), "not at night");
        let page = get(self.company.address, &format!("/e/{alert}")).unwrap();
        assert!(page.contains("owners asked again once"), "{page}");
    }
}
