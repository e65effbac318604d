//! Many rows: filtered and sorted by allow-list, a page at a time.

mod statement;

use self::statement::{bind, statement, storable};
use crate::cursor::Cursor;
use crate::detail::Page;
use crate::parameters::{Parameters, invalid};
use crate::personal;
use crate::reading::{Seen, Services, timed};
use crate::search::{self, Searched};
use crate::visible::Sight;
use axum::body::Body;
use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderValue, Response, Uri};
use event_store::tenant;
use kernel::{Labelled, Position, Reach, ReadModel, Scope};
use platform::Problem;
use platform::auth::Identity;
use platform::headers::POSITION;
use platform::request_log::RequestLog;
use sqlx::Row;
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

/// Rows per page at most.
pub(crate) const MAX_LIMIT: i64 = 100;

/// What a row must be to stay, given the values of a filter.
#[derive(Clone, Copy)]
enum Test {
    /// The column has one of them.
    Is,
    /// Whether the column counts anything is one of them.
    Some,
    /// The list in the column holds one of them.
    Holds,
    /// The column is that or later.
    From,
    /// The column is before that.
    Before,
}

/// A filter of a list: `?status=open,in_progress` keeps the rows whose column has one of the values.
pub(crate) struct Filter {
    /// The parameter's name.
    pub(crate) name: &'static str,
    /// The column.
    column: &'static str,
    test: Test,
    /// What a value may be, for people and for the API's description.
    pub(crate) expected: &'static str,
    /// Reads one value into the stored spelling.
    read: fn(&str) -> Option<String>,
}

impl Filter {
    /// By id.
    pub(crate) const fn id(column: &'static str) -> Self {
        Self {
            name: column,
            column,
            test: Test::Is,
            expected: "UUIDs",
            read: |text| text.parse::<Uuid>().ok().map(|id| id.to_string()),
        }
    }

    /// By whole number.
    pub(crate) const fn number(column: &'static str) -> Self {
        Self {
            name: column,
            column,
            test: Test::Is,
            expected: "whole numbers",
            read: |text| text.parse::<i64>().ok().map(|n| n.to_string()),
        }
    }

    /// By yes or no.
    pub(crate) const fn boolean(column: &'static str) -> Self {
        Self {
            name: column,
            column,
            test: Test::Is,
            expected: "true or false",
            read: |text| text.parse::<bool>().ok().map(|yes| yes.to_string()),
        }
    }

    /// By a value with a form of its own, in any spelling that commands accept.
    pub(crate) const fn parsed<T: FromStr + ToString>(column: &'static str, expected: &'static str) -> Self {
        Self {
            name: column,
            column,
            test: Test::Is,
            expected,
            read: |text| text.parse::<T>().ok().map(|value| value.to_string()),
        }
    }

    /// By whether a column counts anything.
    pub(crate) const fn some(column: &'static str) -> Self {
        Self { test: Test::Some, ..Self::boolean(column) }
    }

    /// By what a list in a column holds.
    pub(crate) const fn holds<T: FromStr + ToString>(
        name: &'static str,
        column: &'static str,
        expected: &'static str,
    ) -> Self {
        Self { name, test: Test::Holds, ..Self::parsed::<T>(column, expected) }
    }

    /// By a period: from this time on.
    pub(crate) const fn from(name: &'static str, column: &'static str) -> Self {
        Self { name, column, test: Test::From, expected: "RFC 3339 time", read: |text| Some(text.replace(' ', "+")) }
    }

    /// By a period: before this time.
    pub(crate) const fn before(name: &'static str, column: &'static str) -> Self {
        Self { test: Test::Before, ..Self::from(name, column) }
    }

    /// By an enumerated value, in any spelling that commands accept.
    pub(crate) const fn labelled<L: Labelled + serde::de::DeserializeOwned>(column: &'static str) -> Self {
        Self {
            name: column,
            column,
            test: Test::Is,
            expected: L::NAME,
            read: |text| serde_json::from_value::<L>(text.into()).ok().map(|value| value.as_str().to_owned()),
        }
    }

    fn values(&self, text: &str) -> Result<Vec<String>, Problem> {
        text.split(',')
            .map(|value| {
                (self.read)(value).ok_or_else(|| {
                    invalid(self.name)
                        .detail(format!("{value:?} is not usable: expected {}, separated by commas", self.expected))
                })
            })
            .collect()
    }
}

/// A query for many rows of a read model.
pub(crate) trait List: Send + Sync + 'static {
    /// The read model that answers it.
    type Model: ReadModel<Row: ToSchema>;
    /// `support.list_tickets`.
    const NAME: &'static str;
    /// What the actor's token must permit.
    const SCOPE: Scope;
    /// What callers may filter by.
    const FILTERS: &'static [Filter] = &[];
    /// What callers may sort by, `-` for downwards, several columns with commas; the first is the default. Never
    /// a nullable column unless the rows without a value are to be left out.
    const SORTS: &'static [&'static str];
    /// Rows per page unless told otherwise.
    const LIMIT: i64 = 20;
    /// The read models in which callers may look for words with `q`; each has an index over words and names the list's
    /// rows, which one id identifies.
    const SEARCHED: &'static [Searched] = &[];
    /// The column that holds the id in the path, for lists of what belongs to one thing.
    const PARENT: Option<&'static str> = None;

    /// The one thing that a question names, where it is no words but a number: a filter and its value.
    fn named(_typed: &str) -> Option<(&'static Filter, String)> {
        None
    }

    /// Which rows the actor may see.
    const REACH: Reach;
    /// The `uuid` columns that say whose a row is, unless everybody in the tenant sees all rows.
    const OWNERS: &'static [&'static str] = &[];
}

struct Asked {
    min_position: Option<Seen>,
    limit: i64,
    sort: &'static str,
    cursor: Option<Cursor>,
    filters: Vec<(&'static Filter, Vec<String>)>,
    words: Option<String>,
}

fn asked<L: List>(query: Option<&str>) -> Result<Asked, Problem> {
    let mut parameters = Parameters::parse(query)?;
    let min_position = parameters.min_position()?;
    let limit = parameters.take_as("limit", "a number from 1 to 100")?.unwrap_or(L::LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(invalid("limit").detail("expected a number from 1 to 100"));
    }
    let sort = match parameters.take("sort") {
        None => L::SORTS[0],
        Some(wanted) => L::SORTS
            .iter()
            .copied()
            .find(|sort| *sort == wanted)
            .ok_or_else(|| invalid("sort").detail(format!("expected one of: {}", L::SORTS.join(", "))))?,
    };
    let cursor = match parameters.take("cursor") {
        None => None,
        Some(text) => Some(Cursor::decode(&text, L::NAME, sort, order::<L>(sort).0.len())?),
    };
    let mut filters = Vec::new();
    for filter in L::FILTERS {
        if let Some(text) = parameters.take(filter.name) {
            filters.push((filter, storable::<L>(filter, filter.values(&text)?)?));
        }
    }
    let words = if L::SEARCHED.is_empty() { None } else { parameters.take(search::PARAMETER) };
    let mut words = words.map(search::typed).transpose()?;
    if let Some((filter, value)) = words.as_deref().and_then(L::named) {
        filters.push((filter, vec![value]));
        words = None;
    }
    parameters.finish(&known::<L>())?;
    Ok(Asked { min_position, limit, sort, cursor, filters, words })
}

/// Every parameter that the list knows.
pub(crate) fn known<L: List>() -> Vec<&'static str> {
    let searched = (!L::SEARCHED.is_empty()).then_some(search::PARAMETER);
    L::FILTERS
        .iter()
        .map(|filter| filter.name)
        .chain(searched)
        .chain(["sort", "limit", "cursor", "min_position"])
        .collect()
}

/// The columns that place a row: the sort's, then the key's; and whether they go downwards.
fn order<L: List>(sort: &'static str) -> (Vec<&'static str>, bool) {
    let (columns, down) = sort.strip_prefix('-').map_or((sort, false), |columns| (columns, true));
    let mut columns: Vec<&str> = columns.split(',').collect();
    let table = L::Model::TABLE;
    let key = table.columns[..table.key].iter().map(|column| column.name);
    let missing: Vec<&str> = key.filter(|name| !columns.contains(name)).collect();
    columns.extend(missing);
    (columns, down)
}

/// Answers the query over HTTP.
pub(crate) async fn answer<L: List>(
    services: &Services,
    headers: &HeaderMap,
    parent: Option<Uuid>,
    uri: &Uri,
    log: &RequestLog,
) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(headers, L::SCOPE, L::NAME, log).await?;
    let asked = asked::<L>(uri.query())?;
    services.wait(L::Model::NAME, asked.min_position).await?;
    if asked.words.is_some() {
        for searched in L::SEARCHED {
            services.wait(searched.model, asked.min_position).await?;
        }
    }
    let page = page::<L>(services, &identity, parent, &asked, log).await?;
    log.position(Position(page.as_of_position));
    let position = HeaderValue::from(page.as_of_position);
    let next = page.next_cursor.as_deref().and_then(|cursor| next_link(uri, cursor));
    let mut response = personal::respond(personal::text(personal::of_tables(), &page)?);
    response.headers_mut().insert(POSITION, position);
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    Ok(response)
}

async fn page<L: List>(
    services: &Services,
    identity: &Identity,
    parent: Option<Uuid>,
    asked: &Asked,
    log: &RequestLog,
) -> Result<Page<<L::Model as ReadModel>::Row>, Problem> {
    let sight = services.sight(L::REACH, L::OWNERS, identity).await?;
    let asking = Asking { services, identity, sight: &sight, parent, asked, log };
    let Some(words) = &asked.words else {
        return asking.read::<L>(Among::All).await.map(|read| read.page);
    };
    let near = asking.read::<L>(Among::Next(search::NEAR)).await?;
    if near.is_over() {
        return Ok(near.page);
    }
    // As often as here they fill a page before the index would have named them all.
    let expected = i64::try_from(near.page.items.len()).unwrap_or_default() * search::FAR / search::NEAR;
    if expected >= asked.limit {
        let far = asking.read::<L>(Among::Next(search::FAR)).await?;
        if far.is_over() {
            return Ok(far.page);
        }
    }
    let among = match search::few(services, identity.tenant_id, L::SEARCHED, words, log).await? {
        Some(few) => Among::These(few),
        None => Among::All,
    };
    asking.read::<L>(among).await.map(|read| read.page)
}

/// The rows in which a page is looked for.
enum Among {
    /// All; those that hold the words, if there are words.
    All,
    /// Of so many rows that come next, those that hold the words.
    Next(i64),
    /// Those that hold the words are known.
    These(Vec<Uuid>),
}

/// A page that was read.
struct Read<R> {
    page: Page<R>,
    /// Whether there are rows that were not looked at.
    is_cut: bool,
}

impl<R> Read<R> {
    /// Whether nothing belongs on the page that is not on it.
    fn is_over(&self) -> bool {
        self.page.next_cursor.is_some() || !self.is_cut
    }
}

/// One question to a list.
struct Asking<'a> {
    services: &'a Services,
    identity: &'a Identity,
    sight: &'a Sight,
    parent: Option<Uuid>,
    asked: &'a Asked,
    log: &'a RequestLog,
}

impl Asking<'_> {
    async fn read<L: List>(&self, among: Among) -> Result<Read<<L::Model as ReadModel>::Row>, Problem> {
        let (sql, texts) = statement::<L>(self.sight, self.parent, self.asked, among)?;
        let query = tenant::query(self.identity.tenant_id, &sql).bind(L::Model::NAME).bind(self.asked.limit + 1);
        let rows = timed(self.log, bind(query, texts).fetch_all(&self.services.pool)).await?;
        // The first row is the checkpoint, of the same snapshot as the others.
        let position = rows.first().and_then(|row| row.get::<Option<i64>, _>(1)).unwrap_or_default();
        let mut texts: Vec<&str> = rows.iter().filter_map(|row| row.get::<Option<&str>, _>(0)).collect();
        let more = i64::try_from(texts.len()).is_ok_and(|count| count > self.asked.limit);
        texts.truncate(usize::try_from(self.asked.limit).unwrap_or_default());
        let next_cursor = match texts.last() {
            Some(last) if more => Some(cursor_after::<L>(self.asked.sort, last)?.encode()),
            _ => None,
        };
        let items = texts.into_iter().map(personal::read_row).collect::<Result<_, _>>()?;
        let is_cut = rows.iter().any(|row| row.get(2));
        Ok(Read { page: Page { items, next_cursor, as_of_position: position }, is_cut })
    }
}

fn cursor_after<L: List>(sort: &'static str, row: &str) -> Result<Cursor, Problem> {
    let row: serde_json::Value = serde_json::from_str(row).map_err(|error| Problem::internal(&error))?;
    let values = order::<L>(sort)
        .0
        .into_iter()
        .map(|column| row[column].as_str().map_or_else(|| row[column].to_string(), ToOwned::to_owned))
        .collect();
    Ok(Cursor { list: L::NAME.to_owned(), sort: sort.to_owned(), values })
}

/// RFC 8288: the same list from the next cursor on.
pub(crate) fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="))
        .collect();
    let query: Vec<String> = kept.into_iter().map(ToOwned::to_owned).chain([format!("cursor={cursor}")]).collect();
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_keeps_the_filters_and_replaces_the_cursor() {
        let uri: Uri = "/v1/things?status=open&cursor=00&limit=5".parse().unwrap();
        assert_eq!(next_link(&uri, "ab").unwrap(), "</v1/things?status=open&limit=5&cursor=ab>; rel=\"next\"");
    }
}
