use std::str::FromStr;

use crate::visit::Visit;

/// How often each kind of visit is made, beside the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mix {
    parts: Vec<(Visit, u32)>,
    whole: u32,
}

impl Mix {
    /// The kind of the next visit.
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> Visit {
        let mut left = random.u32(..self.whole);
        for (visit, part) in &self.parts {
            match left.checked_sub(*part) {
                None => return *visit,
                Some(rest) => left = rest,
            }
        }
        // The parts make the whole.
        Visit::Browse
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(Visit, u32)> = Vec::new();
        for entry in text.split(',') {
            let (name, part) = entry.trim().split_once('=').ok_or("it looks like browse=50,order=15")?;
            let visit = Visit::named(name).ok_or_else(|| {
                let names: Vec<_> = Visit::ALL.iter().map(|visit| visit.name()).collect();
                format!("there is no visit {name:?}; there are {}", names.join(", "))
            })?;
            if parts.iter().any(|(there, _)| *there == visit) {
                return Err(format!("{name} is there twice"));
            }
            let part = part.parse().ok().filter(|part| *part <= 1_000_000);
            parts.push((visit, part.ok_or_else(|| format!("the part of {name} is a number up to 1000000"))?));
        }
        let whole = parts.iter().map(|(_, part)| part).sum();
        if whole == 0 {
            return Err("one part at least is above 0".to_owned());
        }
        Ok(Self { parts, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_are_drawn_by_their_parts() {
        let mix: Mix = "browse=6, order=3,add=1,search=0".parse().unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let drawn: Vec<Visit> = (0..10_000).map(|_| mix.draw(&mut random)).collect();
        for (visit, expected) in
            [(Visit::Browse, 6_000), (Visit::Order, 3_000), (Visit::Add, 1_000), (Visit::Search, 0)]
        {
            let count = drawn.iter().filter(|drawn| **drawn == visit).count();
            assert!(count.abs_diff(expected) <= 200, "{visit:?}: {count}");
        }
    }

    #[test]
    fn what_is_no_mix_is_refused() {
        for (text, why) in [
            ("", "looks like"),
            ("browse", "looks like"),
            ("browse=x", "number"),
            ("browse=-1", "number"),
            ("browse=1,browse=2", "twice"),
            ("browse=0", "above 0"),
            ("Browse=1", "there are browse, search"),
        ] {
            let refused = text.parse::<Mix>().unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
