//! The plan of every workspace.

const PLAN: &str = r#"
plan = "p"
revision = 1
effective_from = 2026-01-01
timezone = "UTC"
currency = "EUR"
[funnel]
stages = ["lead", "won"]
dimensions = ["segment"]
[dimension.segment]
values = ["smb", "mid"]
[[transition]]
from = "lead"
to = "won"
conversion = 0.4
lag = { median = "1d", p90 = "4d" }
owners = [{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]
"#;

/// Several targets on one stage, so that one tick has much to say.
pub(super) fn plan() -> String {
    let owners = r#"[{ function = "marketing", team = "growth" }, { function = "sales", team = "ae" }]"#;
    let target = |(name, value): (&str, &str)| {
        format!(
            "[[target]]\nname = \"{name}\"\nmetric = \"volume\"\nowners = {owners}\nstage = \"lead\"\n\
             value = \"{value}/day\"\nwarn = \"±25%\"\n"
        )
    };
    let targets = [("many", "30"), ("more", "20"), ("leads", "12"), ("few", "5")];
    PLAN.to_owned() + &targets.map(target).concat()
}
