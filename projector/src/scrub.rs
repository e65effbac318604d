//! Taking clear texts out of tables after a subject's key was destroyed. What is sealed stays: nobody opens it any more.
//!
//! Works on every table of the schema, of whichever generation: a column that has a sealed one beside it is clear text.

use crate::ddl::subject_of;
use kernel::{Column, SubjectId, TenantId};
use sqlx::{AssertSqlSafe, PgPool, query, query_as, raw_sql};

/// What was taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Clear texts.
    pub texts: u64,
    /// Tables that may hold any.
    pub tables: u32,
}

/// Takes the clear texts about these subjects out of all tables. Their keys must have been destroyed before: a writer that
/// is under way is waited for, and later ones know. A repeat finds nothing more. `pool` works as the engine.
///
/// # Errors
/// Postgres does not answer; a repeat goes on.
pub async fn scrub(pool: &PgPool, subjects: &[(TenantId, SubjectId)]) -> Result<Scrubbed, sqlx::Error> {
    let mut scrubbed = Scrubbed::default();
    let tables: Vec<(String, Vec<String>)> = query_as(
        "select c.table_name::text, array_agg(c.column_name::text order by c.ordinal_position) \
         from information_schema.columns c \
         join information_schema.columns s on s.table_schema = c.table_schema and s.table_name = c.table_name \
         and s.column_name = c.column_name || $1 \
         join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name \
         where c.table_schema = 'read' and t.table_type = 'BASE TABLE' group by c.table_name order by c.table_name",
    )
    .bind(Column::SEALED)
    .fetch_all(pool)
    .await?;
    let (tenants, ids): (Vec<_>, Vec<_>) = subjects.iter().map(|(tenant, subject)| (tenant.0, subject.0)).unzip();
    for (table, columns) in tables {
        scrubbed.tables += 1;
        let mut transaction = pool.begin().await?;
        // Waits for whoever writes rows now; whoever comes after asks which keys were destroyed.
        let lock = raw_sql(AssertSqlSafe(format!("lock table read.\"{table}\" in share row exclusive mode")));
        match lock.execute(&mut *transaction).await {
            Ok(_) => {}
            // A generation that was retired meanwhile.
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => continue,
            Err(error) => return Err(error),
        }
        for column in columns {
            let subject = subject_of(&format!("{column}{}", Column::SEALED));
            let update = format!(
                "update read.\"{table}\" set \"{column}\" = null where \"{column}\" is not null \
                 and (tenant_id, {subject}) in (select * from unnest($1::uuid[], $2::uuid[]))"
            );
            let done = query(AssertSqlSafe(update)).bind(&tenants).bind(&ids).execute(&mut *transaction).await?;
            scrubbed.texts += done.rows_affected();
        }
        transaction.commit().await?;
    }
    Ok(scrubbed)
}
