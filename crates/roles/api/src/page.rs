use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Items on a page when nobody says how many.
const LIMIT_DEFAULT: u32 = 50;
/// The most items on a page.
const LIMIT_MAX: u32 = 1_000;

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Items on the page, 1 to 1000; 50 when absent.
    #[param(minimum = 1, maximum = 1000, default = 50)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Asks for the next page, as `cursor`; null when this is the last.
    pub next_cursor: Option<String>,
}

/// How many items a page shall have.
pub(crate) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::field("limit", format!("1 to {LIMIT_MAX}")))
    }
}

/// A page of items of which one more than `limit` was fetched, when there are so many.
pub(crate) fn cut<S, T>(
    mut rows: Vec<S>,
    limit: u32,
    key: fn(&S) -> &str,
    view: impl Fn(S) -> T,
) -> Page<T> {
    let limit = limit as usize;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| key(row).to_owned());
    Page { items: rows.into_iter().map(view).collect(), next_cursor }
}
