use proptest::prelude::*;

use super::*;

fn share_sum(parts: &[Part]) -> f64 {
    parts.iter().map(|p| p.share).sum()
}

#[test]
fn the_parts_of_the_known_example() {
    let factors = [
        Factor { part: "cost per lead".to_string(), ratio: 1.4, ends: None, sign: 1.0 },
        Factor { part: "mql>sql".to_string(), ratio: 0.745, ends: None, sign: -1.0 },
        Factor { part: "lead>mql".to_string(), ratio: 1.0, ends: None, sign: -1.0 },
    ];
    let parts = product_parts("cac", &factors);
    let said: Vec<(&str, String)> =
        parts.iter().map(|p| (p.part.as_str(), format!("{:.2}", p.share))).collect();
    assert_eq!(said, [("cost per lead", "0.53".to_string()), ("mql>sql", "0.47".to_string())]);
}

proptest! {
    #[test]
    fn shares_of_a_product_add_up_to_one(logs in prop::collection::vec((-2.0f64..2.0, any::<bool>()), 1..12)) {
        let factors: Vec<Factor> = logs
            .iter()
            .map(|&(log, up)| Factor {
                part: String::new(),
                ratio: libm::exp(log),
                ends: None,
                sign: if up { 1.0 } else { -1.0 },
            })
            .collect();
        let gap: f64 = factors.iter().map(Factor::log).sum();
        let parts = product_parts("cac", &factors);
        if gap.abs() > 1e-3 {
            prop_assert!((share_sum(&parts) - 1.0).abs() < 1e-6);
        }
    }
}
