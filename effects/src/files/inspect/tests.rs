//! The whole collection, and what is kept of what is taken.

use super::*;
use domain::files::{FileName, FilePurpose};
use test_support::files::{GPS_CANARY, Sample, good, hostile, photo_with_place};

/// As the platform takes it: first the name, then the bytes.
fn taken(sample: &Sample) -> Result<Clean, String> {
    let policy = FilePurpose::TicketAttachment.policy();
    let name = FileName::parse(&sample.name).map_err(|error| error.to_string())?;
    let named = name.kind().ok_or("no ending")?;
    inspect(named, policy.kinds, &Bytes::from(sample.bytes.clone())).map_err(|reason| reason.to_string())
}

#[test]
fn nothing_hostile_is_taken() {
    let samples = hostile();
    assert!(samples.len() >= 60, "{}", samples.len());
    let unsafe_ones: Vec<String> = samples
        .iter()
        .filter(|sample| taken(sample).is_ok())
        .map(|sample| format!("{}: {}", sample.name, sample.about))
        .collect();
    assert_eq!(unsafe_ones, Vec::<String>::new());
}

#[test]
fn what_people_send_is_taken() {
    let samples = good();
    assert!(samples.len() >= 10);
    let refused: Vec<String> = samples
        .iter()
        .filter_map(|sample| Some(format!("{} ({}): {}", sample.name, sample.about, taken(sample).err()?)))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn what_is_kept_of_a_picture_tells_no_place_and_stands_upright() {
    let sample = Sample { about: "a photo", name: "a.jpg".to_owned(), bytes: photo_with_place() };
    let clean = taken(&sample).unwrap();
    // Taken lying on its side: 40 × 30 is 30 × 40.
    assert_eq!(clean.measures, Some((30, 40)));
    for bytes in [&clean.kept, &clean.thumbnail.as_ref().unwrap().1] {
        assert!(find(bytes, GPS_CANARY).is_none() && find(bytes, b"Exif").is_none());
        assert!(find(&sample.bytes, GPS_CANARY).is_some(), "the search is broken");
    }
    // What is kept is taken again, as it is.
    for sample in good() {
        let (kept, name) = (taken(&sample).unwrap(), sample.name.clone());
        let again = Sample { bytes: kept.kept.to_vec(), ..sample };
        assert_eq!(taken(&again).unwrap().kind, kept.kind, "{name}");
    }
}
