//! Files of people from anywhere: reading ends, the lines only grow, and what becomes of a row can be read back.

#![cfg_attr(feature = "libfuzzer", no_main)]

use engine::import::Columns;
use engine::import::person::Reading;
use engine::import::records::{COLUMNS_MAX, FIELD_BYTES_MAX, Row, Rows};
use engine::import::survey::survey;
use mail::values::{Values, ValuesError};
use model::Timestamp;
use std::collections::BTreeSet;

fuzz::target!(|octets: &[u8]| {
    let Ok(survey) = survey(&mut &octets[..], None) else { return };
    assert_eq!(survey.size_bytes, octets.len() as u64);
    let mut source = &octets[survey.mark_bytes..];
    let mut rows = Rows::open(&mut source, survey.encoding, None).expect("memory can be read");
    let (mut header, mut row, mut line) = (Row::default(), Row::default(), 0);
    let Ok(Some(Ok(()))) = rows.next(&mut header) else { return };
    let Ok(columns) = Columns::read(&header, &rows.peek(200), &Default::default()) else { return };
    let tags: Vec<&str> = columns.all().iter().filter_map(|column| column.tag.as_deref()).collect();
    assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), tags.len(), "no two tags are the same: {tags:?}");
    let now = Timestamp::from_millis(1_795_000_000_000);
    let reading = Reading::new(&columns, now).typed(&header.fields().map(str::to_owned).collect());
    while let Some(told) = rows.next(&mut row).expect("memory can be read") {
        assert!(row.line > line, "the lines only grow");
        line = row.line;
        let Ok(()) = told else { continue };
        assert!(row.width() <= COLUMNS_MAX && row.fields().all(|field| field.len() <= FIELD_BYTES_MAX));
        let person = reading.person(&row, &mut |_| {});
        let kept = Values::from_json(&person.row.attributes);
        assert!(matches!(kept, Ok(_) | Err(ValuesError::TooLarge { .. })), "{}", person.row.attributes);
    }
});
