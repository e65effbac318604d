//! What an import promises.

use super::*;
use kernel::specs::{context, given, state_of};
use kernel::{ActorId, Command as _, Context, Event as _};
use proptest::prelude::*;

const IMPORT: Uuid = Uuid::from_u128(0x1111);
const OLIVIA: ActorId = ActorId(Uuid::from_u128(0x0111));

fn cx() -> Context {
    context(OLIVIA, IMPORT, &[RUN.as_str()])
}

fn sum(digit: &str) -> Checksum {
    Checksum::parse(&digit.repeat(64)).unwrap()
}

fn begin(rows: i32) -> BeginImport {
    BeginImport { kind: ImportKind::Tickets, file_name: None, sha256: sum("a"), rows }
}

fn begun(rows: i32) -> Event {
    Event::Begun { kind: ImportKind::Tickets, file_name: None, sha256: sum("a"), rows }
}

fn outcome(row: i32, accepted: bool) -> RowOutcome {
    let made_id = accepted.then(|| ImportId(IMPORT).made_by(row));
    let problem = (!accepted).then_some(ImportProblem::NoSuchCustomer);
    RowOutcome { row, line: row + 1, made_id, field: None, problem }
}

fn rows(of: impl IntoIterator<Item = i32>) -> RecordImportRows {
    RecordImportRows { rows: of.into_iter().map(|row| outcome(row, row % 3 != 0)).collect() }
}

fn recorded(of: impl IntoIterator<Item = i32>) -> Event {
    Event::RowsRecorded { rows: rows(of).rows }
}

#[test]
fn a_file_is_begun_once_and_another_file_under_its_key_is_refused() {
    given([]).when(&begin(3), &cx()).answers([begun(3)]);
    given([begun(3)]).when(&begin(3), &cx()).changes_nothing();
    let other = BeginImport { sha256: sum("b"), ..begin(3) };
    given([begun(3)]).when(&other, &cx()).is_rejected(&Rejection::OtherFile);
    given([begun(3), Event::RollbackBegun {}]).when(&begin(3), &cx()).is_rejected(&Rejection::RolledBack);
}

#[test]
fn the_last_rows_complete_it_and_rows_that_were_told_change_nothing() {
    given([begun(3)]).when(&rows(1..=2), &cx()).answers([recorded(1..=2)]);
    given([begun(3), recorded(1..=2)])
        .when(&rows(1..=3), &cx())
        .answers([recorded([3]), Event::Completed { accepted: 2, refused: 1 }]);
    given([begun(3), recorded(1..=2)]).when(&rows(1..=2), &cx()).changes_nothing();
    let over = Event::Completed { accepted: 2, refused: 1 };
    given([begun(3), recorded(1..=3), over]).when(&rows(1..=3), &cx()).changes_nothing();
}

#[test]
fn rows_are_told_in_order_and_of_what_is_begun() {
    given([begun(9)]).when(&rows([2]), &cx()).is_rejected(&Rejection::NotTheNextRows);
    given([begun(9)]).when(&rows([1, 3]), &cx()).is_rejected(&Rejection::NotTheNextRows);
    given([begun(1)]).when(&rows([1, 2]), &cx()).is_rejected(&Rejection::NotTheNextRows);
    given([begun(999)]).when(&rows(1..=ROWS_AT_ONCE + 1), &cx()).is_rejected(&Rejection::NotTheNextRows);
    given([]).when(&rows([1]), &cx()).is_rejected(&Rejection::NotFound);
    given([begun(3), Event::RollbackBegun {}]).when(&rows([1]), &cx()).is_rejected(&Rejection::RolledBack);
}

#[test]
fn a_rollback_goes_as_far_as_something_may_have_been_made() {
    given([]).when(&RollBackImport {}, &cx()).is_rejected(&Rejection::NotFound);
    given([begun(500), recorded(1..=2)]).when(&RollBackImport {}, &cx()).answers([Event::RollbackBegun {}]);
    let back = || [begun(500), recorded(1..=2), Event::RollbackBegun {}];
    given(back()).when(&RollBackImport {}, &cx()).changes_nothing();
    let undone = vec![UndoneRow { row: 1, undone: true }, UndoneRow { row: 2, undone: false }];
    let part = RecordUndoneRows { rows: undone.clone(), after: 0, up_to: 2 };
    let told = Event::RowsUndone { rows: undone, up_to: 2 };
    given(back()).when(&part, &cx()).answers([told.clone()]);
    given(back().into_iter().chain([told.clone()])).when(&part, &cx()).changes_nothing();
    let rest = RecordUndoneRows { rows: vec![], after: 2, up_to: 102 };
    given(back().into_iter().chain([told.clone()]))
        .when(&rest, &cx())
        .answers([Event::RowsUndone { rows: vec![], up_to: 102 }, Event::RolledBack { undone: 1, left: 1 }]);
    let beyond = RecordUndoneRows { rows: vec![], after: 2, up_to: 103 };
    given(back().into_iter().chain([told])).when(&beyond, &cx()).is_rejected(&Rejection::NotTheNextRows);
    given([begun(3)]).when(&part, &cx()).is_rejected(&Rejection::NotTheNextRows);
}

proptest! {
    /// However a file is cut, and whatever is told twice after a crash: every row has one outcome and the counts are right.
    #[test]
    fn every_row_is_told_once(total in 1i32..300, cuts in proptest::collection::vec(1i32..=ROWS_AT_ONCE, 1..40)) {
        let mut import: Import = state_of([begun(total)]);
        let mut told = Vec::new();
        for (step, cut) in cuts.iter().chain(std::iter::repeat_n(&ROWS_AT_ONCE, 10)).enumerate() {
            let done = import.progress().unwrap().done;
            // Every third time as after a crash: from a few rows before.
            let from = if step % 3 == 0 { (done - 5).max(0) } else { done };
            let decided = rows(from + 1..=total.min(from + cut)).decide(&import, &cx()).unwrap();
            for event in &decided.events {
                if let Event::RowsRecorded { rows } = event {
                    told.extend(rows.iter().map(|row| row.row));
                }
                import = import.evolve(event);
            }
        }
        let progress = import.progress().unwrap();
        prop_assert_eq!(progress.status, ImportStatus::Completed);
        prop_assert_eq!(told, (1..=total).collect::<Vec<_>>());
        prop_assert_eq!((progress.accepted, progress.refused), (total - total / 3, total / 3));
    }
}

#[test]
fn the_examples_are_one_import() {
    let import: Import = state_of(Event::examples());
    let progress = import.progress().unwrap();
    assert_eq!((progress.accepted, progress.refused, progress.undone, progress.left), (1, 1, 1, 0));
    assert_eq!(progress.status, ImportStatus::RolledBack);
    assert!(!import.is_running());
}
