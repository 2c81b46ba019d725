//! "Did you mean": the known word nearest to a mistyped one.

/// Longer words are not compared: nobody mistypes them by a letter, and the cost grows with the square.
const MAX_CHARS: usize = 64;
/// More known words than this are not listed.
const MAX_LISTED: usize = 12;

/// `did you mean …?` where a known word is near, else the list of known words.
pub(crate) fn mend_unknown<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(word, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let listed: Vec<String> = known.clone().take(MAX_LISTED).map(|k| format!("`{k}`")).collect();
    if listed.is_empty() {
        return "remove it".to_owned();
    }
    let more = if known.count() > MAX_LISTED { ", …" } else { "" };
    format!("use one of {}{more}", listed.join(", "))
}

/// The nearest known word within a third of the word's length (at least one edit); the first of equals.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(MAX_CHARS + 1).collect();
    if word.len() > MAX_CHARS {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let letters: Vec<char> = candidate.to_lowercase().chars().take(MAX_CHARS + 1).collect();
        if letters.len().abs_diff(word.len()) > allowed || letters.len() > MAX_CHARS {
            continue;
        }
        let distance = edits(&word, &letters);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string
/// alignment, after Damerau 1964).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && b[j - 1] == *x {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_known_word_is_proposed_and_strangers_get_the_list() {
        let known = ["warn", "critical", "owners", "where"];
        for (typed, proposed) in [
            ("wran", "did you mean `warn`?"),
            ("Critcal", "did you mean `critical`?"),
            ("owner", "did you mean `owners`?"),
            ("budget", "use one of `warn`, `critical`, `owners`, `where`"),
        ] {
            assert_eq!(mend_unknown(typed, known.into_iter()), proposed, "{typed}");
        }
        assert_eq!(mend_unknown("x", [].into_iter()), "remove it");
    }

    #[test]
    fn edits_count_a_swap_of_neighbours_once() {
        let count = |a: &str, b: &str| edits(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, n) in [("", "", 0), ("", "ab", 2), ("abcd", "abdc", 1), ("kitten", "sitting", 3)] {
            assert_eq!(count(a, b), n, "{a} {b}");
            assert_eq!(count(b, a), n, "{b} {a}");
        }
    }
}
