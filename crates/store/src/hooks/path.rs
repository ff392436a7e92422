//! Own paths: what they look like, which of them fits a request, and how it is found without looking at all of them.
//!
//! The *shape* of a path is the path with its parameters unnamed (`orders/:`); it is what the database finds hooks by. The
//! *mask* of a path says which of its segments are parameters. A workspace has few masks however many hooks it has, and
//! each of them makes one shape of the segments of a request: the one that a hook with that mask would have.

use crate::{Error, Result};

/// Longest own path.
pub const PATH_BYTES_MAX: usize = 512;
/// Segments of an own path.
pub const PATH_SEGMENTS_MAX: usize = 32;
/// Masks of the own paths of a workspace.
pub const PATH_MASKS_MAX: usize = 128;

/// Names and values of the parameters of a path.
pub type Parameters = Vec<(String, String)>;

/// How a path fits: for each segment whether it is a parameter (so that of two fits the smaller one wins), and the parameters.
pub type Fit = (Vec<bool>, Parameters);

/// Which segments of a path are parameters. Of two masks with as many segments the smaller one wins: its first literal
/// segment stands where the other has a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mask(pub(crate) i64);

impl Mask {
    /// The mask of a path without slashes at its ends, with at most [`PATH_SEGMENTS_MAX`] segments.
    pub(crate) fn of(path: &str) -> Self {
        // A one in front, so that the number of segments can be told.
        Self(path.split('/').fold(1, |mask, segment| mask << 1 | i64::from(segment.starts_with(':'))))
    }

    /// How many segments such paths have.
    #[must_use]
    pub fn segments(self) -> usize {
        self.0.checked_ilog2().unwrap_or(0) as usize
    }

    /// The shape of the paths with this mask that fit decoded segments; none if there can be none.
    #[must_use]
    pub fn shape(self, segments: &[&str]) -> Option<String> {
        if segments.len() != self.segments() {
            return None;
        }
        let mut shape = String::with_capacity(segments.iter().map(|segment| segment.len() + 1).sum());
        for (at, segment) in segments.iter().enumerate() {
            if at > 0 {
                shape.push('/');
            }
            if self.0 >> (segments.len() - 1 - at) & 1 == 1 {
                shape.push(':');
            } else if segment.is_empty() || segment.starts_with(':') || segment.contains(['/', '\0']) {
                // No stored path has a literal segment like that; a sender may well send one, encoded.
                return None;
            } else {
                shape.push_str(segment);
            }
        }
        Some(shape)
    }
}

/// An own path as it is stored, and its shape.
pub(crate) fn path_and_shape(path: &str) -> Result<(String, String)> {
    let path = path.trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    if path.is_empty() || path.len() > PATH_BYTES_MAX || segments.len() > PATH_SEGMENTS_MAX || path.contains('\0') {
        return Err(Error::Invalid(format!(
            "a path has 1 to {PATH_BYTES_MAX} bytes in at most {PATH_SEGMENTS_MAX} segments and no NUL character"
        )));
    }
    if segments.iter().any(|segment| segment.is_empty() || *segment == ":") {
        return Err(Error::Invalid(format!("the path `{path}` has an empty segment")));
    }
    let shape: Vec<&str> = segments.iter().map(|segment| if segment.starts_with(':') { ":" } else { segment }).collect();
    let shape = shape.join("/");
    Ok((path.to_owned(), shape))
}

/// How an own path fits decoded segments.
#[must_use]
pub fn fit(path: &str, segments: &[&str]) -> Option<Fit> {
    let mut wanted = path.split('/');
    let mut specificity = Vec::with_capacity(segments.len());
    let mut parameters = Vec::new();
    for segment in segments {
        let wanted = wanted.next()?;
        match wanted.strip_prefix(':') {
            Some(name) => parameters.push((name.to_owned(), (*segment).to_owned())),
            None if wanted == *segment => {}
            None => return None,
        }
        specificity.push(wanted.starts_with(':'));
    }
    wanted.next().is_none().then_some((specificity, parameters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_have_a_shape_and_hostile_ones_are_refused() {
        assert_eq!(path_and_shape("/orders/:id/").unwrap(), ("orders/:id".into(), "orders/:".into()));
        assert_eq!(path_and_shape("münze/\u{1F600}").unwrap().1, "münze/\u{1F600}");
        for path in ["", "/", "a//b", "a/:", "a\0b", &"a/".repeat(33), &"a".repeat(513)] {
            assert!(path_and_shape(path).is_err(), "{path}");
        }
    }

    #[test]
    fn literal_segments_win_over_parameters() {
        let mut fits: Vec<_> = [":a/:b", "orders/:id", ":x/new", "orders/new"]
            .into_iter()
            .filter_map(|path| fit(path, &["orders", "new"]).map(|(specificity, _)| (specificity, path)))
            .collect();
        fits.sort();
        let order: Vec<_> = fits.into_iter().map(|(_, path)| path).collect();
        assert_eq!(order, ["orders/new", "orders/:id", ":x/new", ":a/:b"]);
        assert_eq!(fit("orders/:id", &["orders", "7"]).unwrap().1, [("id".to_owned(), "7".to_owned())]);
        assert!(fit("orders/:id", &["orders"]).is_none() && fit("orders", &["orders", "7"]).is_none());
    }

    #[test]
    fn a_mask_makes_the_shape_that_a_fitting_path_has() {
        let mask = Mask::of("orders/:id/lines/:n");
        assert_eq!((mask.0, mask.segments()), (0b1_0101, 4));
        assert_eq!(mask.shape(&["orders", "7", "lines", ":"]).as_deref(), Some("orders/:/lines/:"));
        assert_eq!(mask.shape(&["orders", "7"]), None);
        for hostile in ["", ":", ":id", "a/b", "a\0"] {
            assert_eq!(mask.shape(&[hostile, "7", "lines", "1"]), None, "{hostile:?} is no literal segment");
        }
        assert_eq!(Mask::of(&["a"; PATH_SEGMENTS_MAX].join("/")).segments(), PATH_SEGMENTS_MAX);
        assert_eq!(Mask(0).segments(), 0);
    }

    proptest! {
        /// Looking for the shapes of all masks, smallest first, finds what trying every path would.
        #[test]
        fn masks_find_what_trying_every_path_would(
            paths in prop::collection::vec(prop::collection::vec("[ab]|:[xy]", 1..4), 1..12),
            segments in prop::collection::vec("[abc]|:|:x|a/b", 1..4),
        ) {
            let paths: Vec<String> = paths.into_iter().map(|path| path.join("/")).collect();
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            let tried = paths.iter().filter_map(|path| Some((fit(path, &segments)?.0, path_and_shape(path).ok()?.1))).min();
            let mut masks: Vec<Mask> = paths.iter().map(|path| Mask::of(path)).collect();
            masks.sort_unstable();
            let stored: Vec<String> = paths.iter().map(|path| path_and_shape(path).unwrap().1).collect();
            let found = masks.iter().filter_map(|mask| mask.shape(&segments)).find(|shape| stored.contains(shape));
            prop_assert_eq!(found, tried.map(|(_, shape)| shape));
        }
    }
}
