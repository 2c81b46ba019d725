//! The stories.

use std::fmt;
use std::str::FromStr;

use crate::SpecError;

/// The story told from the onset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioKind {
    /// Nothing changes.
    Steady,
    /// Volume ×1.2, spend ×1.68, end-to-end conversion ×0.7, of which 85% in logs at mql→sql and the rest at
    /// opportunity→won: cost per won customer doubles while every marketing number looks fine.
    LeadQualityTrap,
    /// Volume and spend grow by half over 60 days; rates and lags stay.
    Ramp,
    /// Pronounced weekdays and a yearly swing of ±15% in volume and spend, all on plan.
    Season,
    /// Lags ×1.15; rates stay.
    SlowCycle,
    /// A source is not heard for five days, then delivers what it held back within two hours.
    SilentSource,
    /// The CRM sends no `lead.stage_reached` for five days, then all of them within two hours; the rest flows.
    StoppedType,
    /// A list of leads, twenty usual days' worth and never heard of again, is created within an hour.
    ImportBurst,
    /// The CRM calls the first segment `<name>-new` for good.
    RenamedValue,
}

impl ScenarioKind {
    /// All of them.
    pub const ALL: [ScenarioKind; 9] = [
        ScenarioKind::Steady,
        ScenarioKind::LeadQualityTrap,
        ScenarioKind::Ramp,
        ScenarioKind::Season,
        ScenarioKind::SlowCycle,
        ScenarioKind::SilentSource,
        ScenarioKind::StoppedType,
        ScenarioKind::ImportBurst,
        ScenarioKind::RenamedValue,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            ScenarioKind::Steady => "steady",
            ScenarioKind::LeadQualityTrap => "lead-quality-trap",
            ScenarioKind::Ramp => "ramp",
            ScenarioKind::Season => "season",
            ScenarioKind::SlowCycle => "slow-cycle",
            ScenarioKind::SilentSource => "silent-source",
            ScenarioKind::StoppedType => "stopped-type",
            ScenarioKind::ImportBurst => "import-burst",
            ScenarioKind::RenamedValue => "renamed-value",
        }
    }

    /// Whether only the data goes wrong: the business stays on plan.
    pub const fn is_data(self) -> bool {
        matches!(
            self,
            ScenarioKind::SilentSource
                | ScenarioKind::StoppedType
                | ScenarioKind::ImportBurst
                | ScenarioKind::RenamedValue
        )
    }

    /// Whether something is held back from the onset on and delivered later.
    pub(crate) const fn silences(self) -> bool {
        matches!(self, ScenarioKind::SilentSource | ScenarioKind::StoppedType)
    }

    /// Whether anything changes on a certain day.
    pub const fn has_onset(self) -> bool {
        !matches!(self, ScenarioKind::Steady | ScenarioKind::Season)
    }
}

impl fmt::Display for ScenarioKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ScenarioKind {
    type Err = SpecError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ScenarioKind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| SpecError::UnknownScenario(text.chars().take(40).collect()))
    }
}
