//! A table as a Parquet file: one row group, snappy, the payload's fields in a group `data`.

use super::columns::{Column, Kind, Table, Values};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::fmt::Write as _;
use std::sync::Arc;

/// The file's bytes.
pub(super) fn written(table: Table) -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(&schema(&table.columns))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("sillage ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let mut file = SerializedFileWriter::new(Vec::with_capacity(table.rows * 64), schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in table.columns {
        let mut writer = group.next_column()?.ok_or_else(|| ParquetError::General("too few columns".into()))?;
        write(column, writer.untyped())?;
        writer.close()?;
    }
    group.close()?;
    file.into_inner()
}

fn schema(columns: &[Column]) -> String {
    let field = |column: &Column| {
        let repetition = if column.is_optional { "optional" } else { "required" };
        let (physical, logical) = match column.kind {
            Kind::Text => ("binary", " (STRING)"),
            Kind::Boolean => ("boolean", ""),
            Kind::Int32 => ("int32", ""),
            Kind::Int64 => ("int64", ""),
            Kind::Double => ("double", ""),
            Kind::Time => ("int64", " (TIMESTAMP(MICROS,true))"),
            Kind::Date => ("int32", " (DATE)"),
        };
        format!("{repetition} {physical} {}{logical};\n", column.name)
    };
    let mut message = String::from("message event {\n");
    message.extend(columns.iter().filter(|column| !column.in_data).map(field));
    let payload: String = columns.iter().filter(|column| column.in_data).map(field).collect();
    if !payload.is_empty() {
        let _ = write!(message, "required group data {{\n{payload}}}\n");
    }
    message + "}\n"
}

fn write(column: Column, writer: &mut ColumnWriter<'_>) -> Result<()> {
    let levels: Option<Vec<i16>> =
        column.is_optional.then(|| column.present.iter().map(|is_there| i16::from(*is_there)).collect());
    let levels = levels.as_deref();
    let other = || ParquetError::General(format!("column {} has another type", column.name));
    match (writer, column.values) {
        (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
            let values: Vec<ByteArray> = values.into_iter().map(ByteArray::from).collect();
            writer.write_batch(&values, levels, None)
        }
        (ColumnWriter::BoolColumnWriter(writer), Values::Boolean(values)) => writer.write_batch(&values, levels, None),
        (ColumnWriter::Int32ColumnWriter(writer), Values::Int32(values)) => writer.write_batch(&values, levels, None),
        (ColumnWriter::Int64ColumnWriter(writer), Values::Int64(values)) => writer.write_batch(&values, levels, None),
        (ColumnWriter::DoubleColumnWriter(writer), Values::Double(values)) => writer.write_batch(&values, levels, None),
        (_, Values::Text(_) | Values::Boolean(_) | Values::Int32(_) | Values::Int64(_) | Values::Double(_)) => {
            return Err(other());
        }
    }
    .map(drop)
}
