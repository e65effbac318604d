//! Files that nobody means well with, or that spreadsheets write: each is read, or refused in words.

use super::file::{FileFormat, MAX_ROWS, RawFile, read};
use domain::support::import::{ImportField, ImportKind, ImportProblem};
use proptest::prelude::*;

const HEADER: &str = "customer,subject,description,created_at\n";

fn csv(bytes: &[u8]) -> Result<RawFile, String> {
    read(ImportKind::Tickets, FileFormat::Csv, bytes).map_err(|problem| problem.document().code.to_string())
}

fn ndjson(text: &str) -> Result<RawFile, String> {
    read(ImportKind::Tickets, FileFormat::Ndjson, text.as_bytes())
        .map_err(|problem| problem.document().code.to_string())
}

fn refused(bytes: &[u8]) -> String {
    csv(bytes).expect_err("it is refused")
}

#[test]
fn what_spreadsheets_write_is_read() {
    let semicolons = "\u{feff}Client;Objet;Description;Créé le\r\na@b.fr;\"Un; deux\";\"Ligne 1\nLigne 2 \"\"citée\"\"\";2025-03-31\r\n";
    let file = csv(semicolons.as_bytes()).unwrap();
    assert!(file.rows.len() == 1 && file.rows[0].cells.len() == 4 && file.rows[0].line == 2);
    let tabs = HEADER.replace(',', "\t") + "a@b.fr\tAbc\td\t2025-03-31";
    assert_eq!(csv(tabs.as_bytes()).unwrap().rows[0].cells.len(), 4);
    let lines = format!("{HEADER}a@b.fr,\"A\nbc\",d,2025-03-31\n\na@b.fr,Abc,d,2025-03-31,,,\n");
    let file = csv(lines.as_bytes()).unwrap();
    assert_eq!(file.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 5]);
    assert!(file.rows.iter().all(|row| row.flaw.is_none()), "empty cells at the end of a line are none");
}

#[test]
fn what_is_no_file_of_rows_is_refused_in_words() {
    assert_eq!(refused(b""), "import_empty");
    assert_eq!(refused(HEADER.as_bytes()), "import_empty");
    assert_eq!(refused(b"customer,subject\na@b.fr,Abc\n"), "import_columns_missing");
    assert_eq!(refused(b"email,customer\na@b.fr,a@b.fr\n"), "import_column_twice");
    assert_eq!(refused(&[HEADER.as_bytes(), b"a@b.fr,Caf\xe9,d,2025-03-31\n"].concat()), "import_encoding");
    assert_eq!(refused(b"\xff\xfec\0u\0s\0"), "import_encoding");
    assert_eq!(refused(&[HEADER.as_bytes(), b"a@b.fr,A\0bc,d,2025-03-31\n"].concat()), "import_nul");
    assert_eq!(refused(b"PK\x03\x04\x14\0\x06\0"), "import_nul");
}

#[test]
fn too_much_of_anything_is_refused() {
    let columns = "x,".repeat(1_000_000) + "y\n1\n";
    assert_eq!(refused(columns.as_bytes()), "import_too_many_columns");
    let rows = HEADER.to_owned() + &"a@b.fr,Abc,d,2025-03-31\n".repeat(MAX_ROWS + 1);
    assert_eq!(refused(rows.as_bytes()), "import_too_many_rows");
    let keys = (0..200).map(|key| format!("\"k{key}\":1,")).collect::<Vec<_>>().concat();
    assert_eq!(ndjson(&format!("{{{keys}\"z\":1}}")).expect_err("too many"), "import_too_many_columns");
    let cell = format!("{HEADER}a@b.fr,{},d,2025-03-31\n", "x".repeat(300_000));
    let flaw = csv(cell.as_bytes()).unwrap().rows[0].flaw;
    assert_eq!(flaw, Some((Some(ImportField::Subject), ImportProblem::TooMuch)));
    let open = format!("{HEADER}a@b.fr,\"{}", "never closed ".repeat(1_000));
    assert_eq!(csv(open.as_bytes()).unwrap().rows[0].cells.len(), 2, "a quote that is never closed is one long cell");
}

#[test]
fn a_row_with_other_cells_is_a_flaw_of_that_row() {
    let text = format!("{HEADER}a@b.fr,Abc,d,2025-03-31\na@b.fr,Abc,d,2025-03-31,more\nlost\na@b.fr,Abc,d\n");
    let flaws: Vec<_> = csv(text.as_bytes()).unwrap().rows.iter().map(|row| row.flaw).collect();
    let wrong = Some((None, ImportProblem::WrongCellCount));
    assert_eq!(flaws, [None, wrong, wrong, None]);
}

#[test]
fn lines_that_are_no_objects_are_flaws_of_those_rows() {
    let good = r#"{"email":"a@b.fr","subject":"Abc","description":"d","created_at":"2025-03-31"}"#;
    let text = [good, "nonsense", "[1]", r#"{"subject":{"deep":1}}"#, r#"{"subject":"a","subject":"b"}"#].join("\n\n");
    let file = ndjson(&text).unwrap();
    let flaws: Vec<_> = file.rows.iter().map(|row| row.flaw.map(|(_, problem)| problem)).collect();
    let wrong = Some(ImportProblem::NotReadable);
    assert_eq!(flaws, [None, wrong, wrong, wrong, wrong]);
    assert_eq!(file.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
}

proptest! {
    #[test]
    fn whatever_is_sent_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for kind in [ImportKind::Tickets, ImportKind::Articles] {
            for format in [FileFormat::Csv, FileFormat::Ndjson] {
                let _ = read(kind, format, &bytes);
            }
        }
        let with_header = [HEADER.as_bytes(), &bytes].concat();
        if let Ok(file) = csv(&with_header) {
            prop_assert!(file.rows.iter().zip(1..).all(|(row, number)| row.row == number));
        }
    }
}
