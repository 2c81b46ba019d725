//! Where a function of one number is greatest.

/// The part of an interval that a golden section keeps.
const SECTION: f64 = 0.381_966_011_250_105_1;

/// Steps after which the best place so far is taken; a dozen suffice where the function is smooth.
const STEPS: usize = 60;

/// The first step away from where the search starts.
const FIRST: f64 = 0.2;

/// The place of the greatest value between `low` and `high`, within ± `near`, and that value; of a function with one
/// maximum there, probably near 0. From 0 it doubles its steps uphill until they lead down again, then goes by
/// parabolas through the best three places, and by golden section where they lead nowhere (Brent 1973).
pub(crate) fn maximum(mut low: f64, mut high: f64, near: f64, of: &mut dyn FnMut(f64) -> f64) -> (f64, f64) {
    let mut look = |place: f64| (place, of(place));
    let (mut at, mut step) = (look(0.0_f64.clamp(low, high)), FIRST);
    let mut behind = look((at.0 + step).min(high));
    if behind.1 > at.1 {
        (behind, at) = (at, behind);
    } else {
        step = -FIRST;
    }
    let mut ahead = look((at.0 + step).clamp(low, high));
    while ahead.1 > at.1 && low < ahead.0 && ahead.0 < high {
        step *= 2.0;
        (behind, at) = (at, ahead);
        ahead = look((at.0 + step).clamp(low, high));
    }
    let ends = if ahead.1 > at.1 { [at.0, ahead.0] } else { [behind.0, ahead.0] };
    (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    // The best place, the second best, and the second best before; each with its value.
    let mut all = [behind, at, ahead];
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [mut best, mut second, mut third] = all;
    let mut before = high - low;
    for _ in 0..STEPS {
        let middle = 0.5 * (low + high);
        if (best.0 - middle).abs() <= 2.0 * near - 0.5 * (high - low) {
            break;
        }
        let parabola = (before.abs() > near)
            .then(|| {
                let r = (best.0 - second.0) * (best.1 - third.1);
                let q = (best.0 - third.0) * (best.1 - second.1);
                let p = (best.0 - third.0) * q - (best.0 - second.0) * r;
                -p / (2.0 * (q - r))
            })
            .filter(|to| to.abs() < 0.5 * before.abs() && low < best.0 + to && best.0 + to < high);
        match parabola {
            Some(to) => {
                (before, step) = (step, to);
                let place = best.0 + to;
                if place - low < 2.0 * near || high - place < 2.0 * near {
                    step = if best.0 < middle { near } else { -near };
                }
            }
            None => {
                before = if best.0 < middle { high - best.0 } else { low - best.0 };
                step = SECTION * before;
            }
        }
        let place = best.0 + if step.abs() >= near { step } else { near.copysign(step) };
        let found = look(place);
        if found.1 >= best.1 {
            if place >= best.0 {
                low = best.0
            } else {
                high = best.0
            }
            (third, second, best) = (second, best, found);
        } else {
            if place < best.0 {
                low = place
            } else {
                high = place
            }
            if found.1 >= second.1 || second.0 == best.0 {
                (third, second) = (second, found);
            } else if found.1 >= third.1 || third.0 == best.0 || third.0 == second.0 {
                third = found;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_found_wherever_it_lies_in_few_looks() {
        for place in [-3.3, -1.0, -0.01, 0.0, 0.2, 2.0, 3.39] {
            let forms: [&dyn Fn(f64) -> f64; 3] =
                [&|x| -(x - place) * (x - place), &|x| -libm::cosh(2.0 * (x - place)), &|x| {
                    -(x - place).abs()
                }];
            for (form, most) in forms.iter().zip([12, 20, 40]) {
                let mut looks = 0;
                let (found, value) = maximum(-3.4, 3.4, 1e-4, &mut |x| {
                    looks += 1;
                    form(x)
                });
                assert!((found - place).abs() <= 3e-4, "{place}: {found}");
                assert_eq!(value, form(found));
                assert!(looks <= most, "{place}: {looks}");
            }
        }
    }

    #[test]
    fn a_maximum_at_the_edge_is_found_there() {
        let (found, _) = maximum(-3.4, 3.4, 1e-4, &mut |x| x);
        assert!((found - 3.4).abs() < 1e-3, "{found}");
    }
}
