//! Authors' files of any kind: compiling ends, rendering ends, bounds are kept.

#![cfg_attr(feature = "libfuzzer", no_main)]

use mail::compose::{CompileOptions, PART_OCTETS_MAX, SourceKind, Values, compile};

fuzz::target!(|input: (u8, &str, &str)| {
    let (kind, source, name) = input;
    let kind = [SourceKind::Mjml, SourceKind::Markdown, SourceKind::Html][usize::from(kind % 3)];
    let options = CompileOptions {
        fallback_subject: Some("x".to_owned()),
        known_tags: ["name", "list"].map(str::to_owned).into(),
        ..CompileOptions::default()
    };
    let Ok(compiled) = compile(source, kind, &options) else { return };
    let row = format!("{{\"name\": {:?}}}", name.replace(|c: char| c.is_control() || !c.is_ascii(), " "));
    let Ok(values) = Values::from_json(&row) else { return };
    if let Ok(rendered) = compiled.render(&values) {
        assert!(rendered.html.len() <= PART_OCTETS_MAX && rendered.text.len() <= PART_OCTETS_MAX);
        assert!(!rendered.subject.contains(['\r', '\n', '\0']));
    }
});
