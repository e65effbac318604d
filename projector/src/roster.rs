//! The roster: which generations there are for the read models of this process, and what operators want of each.

use crate::control::Generation;
use crate::part::Part;
use crate::projection::Projection;
use crate::report::Held;
use crate::status::State;
use kernel::Position;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row, query};

/// What happens when a generation has caught up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchMode {
    /// Readers are switched to it.
    #[default]
    Auto,
    /// It waits for an operator's word.
    Ask,
    /// It is only there to be looked at.
    Never,
}

impl SwitchMode {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ask => "ask",
            Self::Never => "never",
        }
    }

    /// Reads a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Auto, Self::Ask, Self::Never].into_iter().find(|mode| mode.as_str() == name)
    }
}

/// How much of the machine a build may take. Live traffic slows it further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = BuildBudget)]
pub struct Budget {
    /// Events per second at most.
    pub events_per_second: Option<u32>,
    /// Percent of the time at most.
    pub percent: Option<u8>,
}

impl Budget {
    /// What keeps a build from all of its time, where live traffic leaves these percent of it.
    pub(crate) fn holder(self, left: u32) -> Option<Held> {
        let (share, own) = (self.share(left), self.share(100));
        if share < own { Some(Held::Live) } else { (own < 100).then_some(Held::Budget) }
    }

    /// Of these percent of the time that live traffic leaves, how many a build may take.
    pub(crate) fn share(self, left: u32) -> u32 {
        u32::from(self.percent.unwrap_or(100)).clamp(1, 100).min(left).max(1)
    }
}

/// What is wanted of a generation now.
#[expect(clippy::struct_excessive_bools, reason = "each is a column or follows from some, and all are independent")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Its table is to be dropped: nobody may fold it any more.
    pub(crate) gone: bool,
    /// Readers are shown it.
    pub(crate) serving: bool,
    /// Readers should be switched to it once it is at the end of the log.
    pub(crate) comes_next: bool,
    pub(crate) paused: bool,
    /// Here a part waits for the others.
    pub(crate) hold_at: Option<Position>,
    pub(crate) budget: Budget,
    /// Bytes that the rows of a build may take in memory.
    pub(crate) memory: Option<usize>,
}

impl Orders {
    /// Whether nothing is to be folded for the time being by who stands here.
    pub(crate) fn stands_still(&self, at: Position) -> bool {
        self.paused || self.hold_at.is_some_and(|hold| hold <= at)
    }
}

/// A generation that this process can fold.
pub(crate) struct Entry {
    pub(crate) generation: Generation,
    pub(crate) state: State,
    pub(crate) orders: Orders,
}

/// The generations of these read models' versions. Those that are gone are listed too, until their tables are dropped.
pub(crate) async fn read(pool: &PgPool, models: &[Box<dyn Projection>]) -> Result<Vec<Entry>, sqlx::Error> {
    let names: Vec<&str> = models.iter().map(|model| model.name()).collect();
    let rows = query(
        "select p.name, p.generation, p.version, p.serving, p.state, p.paused, p.switch = 'auto' and not p.serving \
         and not exists (select from projection.projections s where s.name = p.name and s.serving \
         and s.version = p.version and s.generation > p.generation), p.events_per_second, p.percent, p.memory_mb, \
         pt.part, pt.of, case when pt.hold_until > clock_timestamp() then pt.hold_at end \
         from projection.projections p left join projection.parts pt using (name, generation) \
         where p.name = any($1) and p.dropped_at is null order by p.name, p.generation, pt.part",
    )
    .bind(&names)
    .fetch_all(pool)
    .await?;
    let entries = rows.iter().map(|row| entry(row, models));
    entries.filter_map(Result::transpose).collect()
}

/// `None` for a version that this process does not have.
fn entry(row: &PgRow, models: &[Box<dyn Projection>]) -> Result<Option<Entry>, sqlx::Error> {
    let (name, version): (&str, i32) = (row.try_get(0)?, row.try_get(2)?);
    let Some(model) = models.iter().find(|model| model.name() == name && model.version() == version) else {
        return Ok(None);
    };
    let part = match row.try_get(10)? {
        Some(number) => Part { number, of: row.try_get(11)? },
        None => Part::WHOLE,
    };
    let generation = Generation { name: model.name(), number: row.try_get(1)?, version, part };
    let state: &str = row.try_get(4)?;
    let state = State::parse(state).ok_or_else(|| sqlx::Error::Decode(format!("unknown {state}").into()))?;
    let positive = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let percent: Option<i32> = row.try_get(8)?;
    let memory_mb = positive(row.try_get(9)?).and_then(|mb| usize::try_from(mb).ok());
    let orders = Orders {
        gone: state.is_gone(),
        serving: row.try_get(3)?,
        comes_next: row.try_get(6)?,
        paused: row.try_get(5)?,
        hold_at: row.try_get::<Option<i64>, _>(12)?.map(Position),
        budget: Budget {
            events_per_second: positive(row.try_get(7)?),
            percent: percent.and_then(|percent| u8::try_from(percent).ok()),
        },
        memory: memory_mb.map(|mb| mb << 20),
    };
    Ok(Some(Entry { generation, state, orders }))
}
