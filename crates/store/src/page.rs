//! Pages of lists, newest first. A cursor is the id at the border: every page costs the same, however deep.
//!
//! A list is read from segments: what the indexer has derived, and the recent tail straight from the table. Filters
//! without an index of their own are applied while reading; how much one page may read for them is bounded
//! ([`EXAMINED_MAX`]), so a page can come back short, or even empty, with a cursor to go on from.

use smallvec::SmallVec;

use crate::db::{Arg, Db, Row};
use crate::{Error, Result, args};

/// Items of one page.
pub const PAGE_MAX: usize = 500;
/// Rows that are read for one page, whether they match or not.
pub const EXAMINED_MAX: usize = 20_000;
/// Rows of one query while looking for matches.
const CHUNK_MAX: usize = 2_000;

/// How much one page may read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Rows, whether they match or not.
    pub(crate) examined_max: usize,
    /// Rows of one query.
    pub(crate) chunk_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { examined_max: EXAMINED_MAX, chunk_max: CHUNK_MAX }
    }
}

/// One page, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items; fewer than asked for, even none, when a rare match is looked for. There are more if `older` says so.
    pub items: Vec<T>,
    /// Pass as `before` for the next older page; `None` at the end.
    pub older: Option<i64>,
    /// Pass as `after` for the next newer page; `None` if nothing newer was there.
    pub newer: Option<i64>,
}

/// The part of a list that is asked for, by id; both bounds are excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Only ids above; if it is given without `before`, the page next to it is returned.
    pub after: Option<i64>,
    /// Only ids below.
    pub before: Option<i64>,
    /// Only ids above, wherever the page is.
    pub floor: Option<i64>,
    /// Only ids below, wherever the page is.
    pub ceiling: Option<i64>,
}

/// A part of a list with texts to read it: ids above `$1` and below `$2`, at most `$3`; `$4` is the key, if there is one.
pub(crate) struct Segment {
    pub(crate) newest_first: &'static str,
    pub(crate) oldest_first: &'static str,
    pub(crate) key: Option<Arg>,
    pub(crate) above: i64,
    pub(crate) below: i64,
}

impl<T> Page<T> {
    /// The same page of something made from each item.
    pub(crate) fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), older: self.older, newer: self.newer }
    }
}

impl Segment {
    /// All of a table.
    pub(crate) fn whole([newest_first, oldest_first]: [&'static str; 2], key: Option<Arg>) -> Self {
        Self { newest_first, oldest_first, key, above: -1, below: i64::MAX }
    }
}

/// Reads a page from segments, the newest segment first.
pub(crate) async fn read_page<T>(
    db: &Db,
    segments: &[Segment],
    span: Span,
    limit: usize,
    read: impl Fn(&mut Row) -> Result<T>,
    matches: impl Fn(&T) -> bool,
) -> Result<Page<T>> {
    read_page_within(Bounds::default(), db, segments, span, limit, read, matches).await
}

/// The same with other bounds, for rows that are dear to read.
pub(crate) async fn read_page_within<T>(
    bounds: Bounds,
    db: &Db,
    segments: &[Segment],
    span: Span,
    limit: usize,
    read: impl Fn(&mut Row) -> Result<T>,
    matches: impl Fn(&T) -> bool,
) -> Result<Page<T>> {
    if limit == 0 || limit > PAGE_MAX {
        return Err(Error::Invalid(format!("a page has 1 to {PAGE_MAX} items, not {limit}")));
    }
    let upwards = span.after.is_some() && span.before.is_none();
    let low = span.after.unwrap_or(-1).max(span.floor.unwrap_or(-1));
    let high = span.before.unwrap_or(i64::MAX).min(span.ceiling.unwrap_or(i64::MAX));
    let mut scan = Scan { bounds, upwards, limit, examined: 0, items: Vec::new(), ids: Vec::new(), border: None };
    let order: SmallVec<[&Segment; 2]> = if upwards { segments.iter().rev().collect() } else { segments.iter().collect() };
    let mut more = false;
    for segment in order {
        more = scan.segment(db, segment, low, high, &read, &matches).await?;
        if more {
            break;
        }
    }
    Ok(scan.into_page(span, more))
}

struct Scan<T> {
    bounds: Bounds,
    upwards: bool,
    limit: usize,
    examined: usize,
    items: Vec<T>,
    ids: Vec<i64>,
    /// Where to go on, if something may be left.
    border: Option<i64>,
}

impl<T> Scan<T> {
    /// Reads on in a segment; whether the page is done before everything was read.
    async fn segment(
        &mut self,
        db: &Db,
        segment: &Segment,
        low: i64,
        high: i64,
        read: &impl Fn(&mut Row) -> Result<T>,
        matches: &impl Fn(&T) -> bool,
    ) -> Result<bool> {
        let (mut low, mut high) = (low.max(segment.above), high.min(segment.below));
        let sql = if self.upwards { segment.oldest_first } else { segment.newest_first };
        let mut chunk = (self.limit + 1).min(self.bounds.chunk_max);
        while low < high {
            let mut arguments = args![low, high, chunk as i64];
            arguments.extend(segment.key.clone());
            let rows = db.read(sql, arguments).await?;
            let count = rows.len();
            for mut row in rows {
                if self.items.len() == self.limit {
                    return Ok(true);
                }
                let id = row.int(0)?;
                let item = read(&mut row)?;
                self.examined += 1;
                self.border = Some(id);
                if matches(&item) {
                    self.items.push(item);
                    self.ids.push(id);
                }
                *if self.upwards { &mut low } else { &mut high } = id;
            }
            if count < chunk {
                break;
            }
            if self.examined >= self.bounds.examined_max {
                return Ok(true);
            }
            chunk = (chunk * 2).min(self.bounds.chunk_max);
        }
        // Another segment may follow; if none does, nothing is left.
        Ok(false)
    }

    fn into_page(mut self, span: Span, more: bool) -> Page<T> {
        let border = self.border.filter(|_| more);
        if self.upwards {
            self.items.reverse();
            // What lies below the first page upwards is where the cursor came from.
            let older = self.ids.first().copied().or(span.after.map(|after| after.saturating_add(1)));
            Page { items: self.items, older, newer: border }
        } else {
            let newer = span.before.and(self.ids.first().copied().or(span.before.map(|before| before.saturating_sub(1))));
            Page { items: self.items, older: border, newer }
        }
    }
}
