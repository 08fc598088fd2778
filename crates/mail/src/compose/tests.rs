//! Compiling and rendering, told as cases.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

const COLUMNS: [&str; 5] = ["First Name", "city", "points", "items", "name"];

fn options() -> CompileOptions {
    CompileOptions { known_tags: COLUMNS.iter().map(|c| (*c).to_owned()).collect(), ..Default::default() }
}

fn html(body: &str) -> String {
    format!("---\nsubject: Hi\n---\n{body}")
}

fn compiled(source: &str, kind: SourceKind) -> Compiled {
    compile(source, kind, &options()).unwrap_or_else(|e| panic!("{e}"))
}

fn refusal(source: &str, kind: SourceKind) -> String {
    compile(source, kind, &options()).map_or_else(|e| e.to_string(), |_| "compiled".to_owned())
}

fn values(json: &str) -> Values {
    Values::from_json(json).unwrap()
}

fn anna() -> Values {
    values(
        r#"{"First Name":"Anna <b>","city":"","points":12,"items":["tea","<milk>"],
            "unsubscribe_url":"https://example.org/u?a=1&b=2","view_url":"https://example.org/v","postal_address":"1 Way"}"#,
    )
}

fn body_of(page: &str) -> &str {
    let start = page.find("<body>").map_or(0, |at| at + 6);
    &page[start..page.find("</body>").unwrap_or(page.len())]
}

#[test]
fn markdown_becomes_a_page_and_a_text() {
    let source = "---\nsubject: \"News for {{ first_name }}\"\npreheader: Tea & {{ first_name }}\nfrom_name: Café Anna\n---\n\
        # Hello {{ first_name | default('friend') }}\n\nYou live in {{ city or \"a town\" }}, see \
        [our page](https://example.org/a?x=1&y={{ points }}).\n\n{% for item in items %}\n- {{ item }}\n{% endfor %}\n\n\
        {% if points > 10 %}**Many** points.{% endif %}\n\n---\n\n[Unsubscribe]({{ unsubscribe_url }}) · <https://example.org/>\n";
    let message = compiled(source, SourceKind::Markdown);
    assert_eq!(message.from_name(), Some("Café Anna"));
    assert_eq!(message.subject_template(), "News for {{ first_name }}");
    assert_eq!(message.warnings(), [] as [&str; 0]);
    let shown = message.render(&anna()).unwrap();
    assert_eq!(shown.subject, "News for Anna <b>");
    assert_eq!(shown.preheader.as_deref(), Some("Tea & Anna <b>"));
    expect![[r#"
        Hello Anna <b>

        You live in a town, see our page (https://example.org/a?x=1&y=12).

        - tea
        - <milk>

        Many points.

        ----------

        Unsubscribe (https://example.org/u?a=1&b=2) · https://example.org/
    "#]]
    .assert_eq(&shown.text);
    expect![[r#"
        <!DOCTYPE html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"></head><body style="margin: 0;padding: 0;background: #ffffff;"><div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all">Tea &amp; Anna &lt;b&gt;</div><div class="letter" style="max-width: 600px;margin: 0 auto;padding: 24px 16px;color: #1f2328;font: 16px/1.5 Helvetica,Arial,sans-serif;"><h1 style="font-size: 26px;line-height: 1.25;margin: 0 0 16px;">Hello Anna &lt;b&gt;</h1>
        <p style="margin: 0 0 16px;">You live in a town, see <a href="https://example.org/a?x=1&amp;y=12" style="color: #0b57d0;">our page</a>.</p>

        <ul style="margin: 0 0 16px;">
        <li>tea</li>
        </ul>

        <ul style="margin: 0 0 16px;">
        <li>&lt;milk&gt;</li>
        </ul>

        <p style="margin: 0 0 16px;"><strong>Many</strong> points.</p>
        <hr style="border: 0;border-top: 1px solid #d0d7de;margin: 28px 0;">
        <p style="margin: 0 0 16px;"><a href="https://example.org/u?a=1&amp;b=2" style="color: #0b57d0;">Unsubscribe</a> · <a href="https://example.org/" style="color: #0b57d0;">https://example.org/</a></p>
        </div>"#]].assert_eq(body_of(&shown.html));
    assert_eq!(shown.empty_tags, [] as [&str; 0]);
}

#[test]
fn mjml_becomes_a_page_and_a_text() {
    let source = r#"<mjml>
  <mj-head><mj-title>Hello {{ first_name }} &amp; all</mj-title><mj-preview>Short {{ city }}</mj-preview></mj-head>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello <b>{{ first_name }}</b>, {% if points > 10 and "a" < "b" %}many{% else %}few{% endif %} points.</mj-text>
      <mj-button href="https://example.org/{{ points }}">Book now</mj-button>
      <mj-image src="https://example.org/a.png" alt="A cup of tea" />
      <mj-table><tr><td>Item</td><td>Price</td></tr>{% for item in items %}<tr><td>{{ item }}</td><td>1 €</td></tr>{% endfor %}</mj-table>
    </mj-column></mj-section>
    <mj-raw>{% if city %}</mj-raw>
    <mj-section><mj-column><mj-text>In {{ city }}</mj-text></mj-column></mj-section>
    <mj-raw>{% endif %}</mj-raw>
    <mj-section><mj-column><mj-text><a href="{{ unsubscribe_url }}">Unsubscribe</a> {{ postal_address }}</mj-text></mj-column></mj-section>
  </mj-body>
</mjml>"#;
    let message = compiled(source, SourceKind::Mjml);
    assert_eq!(message.warnings(), [] as [&str; 0]);
    let shown = message.render(&anna()).unwrap();
    assert_eq!(shown.subject, "Hello Anna <b> & all");
    expect![[r#"
        Hello Anna <b>, many points.

        Book now (https://example.org/12)

        A cup of tea

        Item Price
        tea 1 €
        <milk> 1 €

        Unsubscribe (https://example.org/u?a=1&b=2) 1 Way
    "#]]
    .assert_eq(&shown.text);
    assert!(shown.html.contains("&lt;milk&gt;</td>"), "{}", shown.html);
    assert!(shown.html.contains("https://example.org/u?a=1&amp;b=2"));
    assert!(!shown.html.contains("tagx") && !shown.html.contains(">In "), "{}", shown.html);
    assert_eq!(message.links().len(), 2, "{:?}", message.links());
    assert_eq!(shown.empty_tags, ["city"]);
}

#[test]
fn html_keeps_loops_in_tables_and_its_own_braces() {
    let source = html(
        "<style>@media x{#a{color:red}} p{color:blue}</style><p title=\"{{ name | default(\"it's\") }}\">A {% raw %}{{ raw }}{% endraw %}</p>\
         {# a note #}<table>{% for item in items %}<tr><td>{{ loop.index }}. {{ item }}</td></tr>{% endfor %}</table>",
    );
    let shown = compiled(&source, SourceKind::Html).render(&anna()).unwrap();
    expect![[r#"<!DOCTYPE html><html><head><style>@media x{#a{color:red}} </style></head><body><p title="it&#39;s" style="color: blue;">A {{ raw }}</p><table><tbody><tr><td>1. tea</td></tr><tr><td>2. &lt;milk&gt;</td></tr></tbody></table></body></html>"#]].assert_eq(&shown.html);
    expect![[r#"
        A {{ raw }}

        1. tea
        2. <milk>
    "#]]
    .assert_eq(&shown.text);
}

#[test]
fn the_subject_comes_from_the_first_place_that_has_one() {
    let subject = |source: &str, given: Option<&str>, fallback: Option<&str>| {
        let options = CompileOptions {
            subject: given.map(str::to_owned),
            fallback_subject: fallback.map(str::to_owned),
            ..options()
        };
        compile(source, SourceKind::Html, &options).map(|m| {
            let warned = if m.warnings().is_empty() { "" } else { " (warned)" };
            format!("{}{warned}", m.render(&anna()).unwrap().subject)
        })
    };
    let titled = "<html><head><title>Title &lt;{{ first_name }}&gt;</title></head><body>x</body></html>";
    assert_eq!(subject(&html("x"), Some("given"), None), Ok("Hi".to_owned()));
    assert_eq!(subject(titled, Some("given {{ points }}"), None), Ok("given 12".to_owned()));
    assert_eq!(subject(titled, None, Some("name")), Ok("Title <Anna <b>>".to_owned()));
    assert_eq!(subject("x", None, Some("Spring {{ sale")), Ok("Spring {{ sale (warned)".to_owned()));
    assert_eq!(subject("x", None, None), Err(ComposeError::NoSubject));
    assert_eq!(subject("x", Some("  "), None), Err(ComposeError::NoSubject));
    let error = subject("x", Some("Hi {{ nmae }}"), None).unwrap_err().to_string();
    assert_eq!(error, "the given subject, column 7: the audience has no column \"nmae\"; did you mean name?");
}

#[test]
fn mistakes_are_told_with_line_and_column_of_the_whole_file() {
    let check = |source: &str, kind: SourceKind, expected: Expect| expected.assert_eq(&refusal(source, kind));
    use SourceKind::{Html, Markdown, Mjml};
    check(
        "---\nsubject: Hi\n---\n\nDear {{ fisrt_name }},",
        Markdown,
        expect![[r#"line 5, column 9: the audience has no column "fisrt_name"; did you mean first_name or name?"#]],
    );
    check(
        "---\nsubject: Hi {{ nobody }}\n---\n\nDear",
        Markdown,
        expect![[
            r#"line 2, column 16: the audience has no column "nobody"; there is: city, first_name, items, name, points, postal_address, preferences_url, unsubscribe_url, view_url"#
        ]],
    );
    check(&html("a\n  {{ name "), Html, expect!["line 5, column 3: this tag is never closed: }} is missing"]);
    check(&html("a\nb {{ name | }} c"), Html, expect!["line 5, column 3: the name of a filter is missing after |"]);
    check(
        &html("a\n{% if name %}b"),
        Html,
        expect!["line 5, column 1: this {% if %} is never closed: {% endif %} is missing"],
    );
    check(
        &html("{{ name | upcase }}"),
        Html,
        expect![[
            r#"line 4, column 1: there is no filter "upcase"; there is: abs, capitalize, count, d, default, e, escape, first, float, int, join, last, length, lower, replace, reverse, round, safe, sort, times, title, trim, truncate, upper, urlencode"#
        ]],
    );
    check(
        &html("{% set x = 1 %}"),
        Html,
        expect![
            "line 4, column 1: {% set %} cannot be used in a message: if, elif, else, for and raw are what there is"
        ],
    );
    check(
        &html("{% include 'x' %}"),
        Html,
        expect![
            "line 4, column 1: {% include %} cannot be used in a message: if, elif, else, for and raw are what there is"
        ],
    );
    check(
        &html("{% for a in [name ~ name] %}{% endfor %}"),
        Html,
        expect!["line 4, column 1: a loop runs over a value or range(…), not over a computed one"],
    );
    check(
        &html("{{ debug() }}"),
        Html,
        expect![[
            r#"line 4, column 4: the audience has no column "debug"; there is: city, first_name, items, name, points, postal_address, preferences_url, unsubscribe_url, view_url"#
        ]],
    );
    check(
        &html("<mjml><mj-body><mj-text>a</mj-txt></mj-body></mjml>"),
        Mjml,
        expect!["line 4, column 26: </mj-txt> cannot stand here: <mj-text> is open"],
    );
    check(
        &html("<mjml>\n<mj-body>\n  <mj-unknown/></mj-body></mjml>"),
        Mjml,
        expect!["line 6, column 3: <mj-unknown> is no element of MJML, or cannot stand here"],
    );
    // Found by fuzzing: the parser below MJML panics at these.
    for broken in ["<![if x", "<!--[if mso]", "<!--[if mso]x", "<![endif x]>", "<!--<![endif]"] {
        check(
            &html(&format!("<mjml><mj-body>\n{broken}</mj-body></mjml>")),
            Mjml,
            expect![
                "line 5, column 1: this condition for a mail client is not ended: write <!--[if mso]> … <![endif]-->"
            ],
        );
    }
    check(&html("<mjml><mj-body>\n<mj-section>"), Mjml, expect!["line 5, column 1: this <mj-section> is never closed"]);
    check(
        &html("<p>no mjml</p>"),
        Mjml,
        expect!["line 4, column 1: this cannot stand here; is an element before it not closed?"],
    );
    check("---\nsubject: Hi\n---\n  \n", Html, expect!["the message is empty"]);
}

#[test]
fn marketing_mail_needs_an_unsubscribe_place() {
    let options = CompileOptions { needs_unsubscribe: true, ..options() };
    let check = |body: &str| compile(&html(body), SourceKind::Html, &options).map(|m| m.warnings().len());
    let error = check("Hello").unwrap_err();
    assert_eq!(error, ComposeError::NoUnsubscribe);
    assert!(error.to_string().contains("<a href=\"{{ unsubscribe_url }}\">Unsubscribe</a>"), "{error}");
    assert_eq!(check("<a href='{{ unsubscribe_url }}'>x</a>"), Ok(0));
    assert_eq!(check("<a href='https://example.org/unsubscribe?id={{ points }}'>x</a>"), Ok(1));
    assert_eq!(check("<a href='/unsubscribe'>x</a>"), Err(ComposeError::NoUnsubscribe));
}

#[test]
fn a_compiled_message_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Compiled>();
    shared::<Values>();
}

#[test]
fn columns_with_letters_of_any_language_can_be_merged() {
    let options = CompileOptions { known_tags: ["Größe".to_owned(), "名前".to_owned()].into(), ..options() };
    let message = compile(&html("{{ größe }} {{ 名前 }}"), SourceKind::Html, &options).unwrap();
    assert_eq!(message.render(&values(r#"{"Größe":"M","名前":"京"}"#)).unwrap().text, "M 京\n");
}

#[test]
fn doubtful_things_are_warned_of() {
    let warnings = |body: &str| compiled(&html(body), SourceKind::Html).warnings().join("\n");
    assert!(warnings("<script>1</script>").contains("<script> does not work in mail"));
    assert!(warnings("<a href='/x'>y</a>").contains("a link has a relative address"));
    assert!(warnings("<img src='../x.png'>").contains("an image has a relative address"));
    assert!(warnings(&"<p>long</p>".repeat(10_000)).contains("Gmail cuts messages off"));
    assert!(
        warnings("<img src='https://e.org/x' onerror='run()'>").contains("<img> has onerror: mail programs run no")
    );
    assert!(warnings("<p ONCLICK='run()'>x</p>").contains("<p> has onclick"));
    let refresh = "<meta http-equiv='Refresh' content='0;url=https://example.org'>";
    assert!(warnings(refresh).contains("a <meta> leads on to another page"));
    assert!(warnings("<p>invoice_\u{202E}fdp.exe</p>").contains("the message has a sign that turns letters around"));
    assert!(warnings("<p>invoice_&#x202E;fdp.exe</p>").contains("the message has a sign"));
    assert_eq!(warnings("<a href='https://example.org'>y</a> <a href='{{ view_url }}'>z</a><a href='#top'>t</a>"), "");
    assert_eq!(
        warnings("<p one='1' dir='rtl'>\u{5E9}\u{5DC}\u{5D5}\u{5DD}</p><meta http-equiv='x-y' content='z'>"),
        ""
    );
}

#[test]
fn letters_that_are_turned_around_are_warned_of_wherever_they_stand() {
    let source =
        "---\nsubject: Bill \u{202E}fdp.exe\npreheader: see \u{202D}it\nfrom_name: An\u{202E}na\n---\n<p>Hello</p>";
    let options = CompileOptions { text: Some("\u{202E}olleH".to_owned()), ..options() };
    let warnings = compile(source, SourceKind::Html, &options).unwrap().warnings().join("\n");
    for part in ["the subject", "the preheader", "the sender's name", "the text part"] {
        assert!(warnings.contains(&format!("{part} has a sign that turns letters around")), "{part}: {warnings}");
    }
}

#[test]
fn the_text_part_keeps_links_readable() {
    let text = |body: &str| compiled(&html(body), SourceKind::Html).render(&anna()).unwrap().text;
    assert_eq!(text("<a href='https://example.org'>the page</a>"), "the page (https://example.org)\n");
    assert_eq!(text("<a href='https://example.org'>https://example.org</a>"), "https://example.org\n");
    assert_eq!(text("<a href='mailto:a@example.org'>a@example.org</a>"), "a@example.org\n");
    assert_eq!(
        text("<a href='https://example.org'><img src='https://e.org/x' alt='Tea'></a>"),
        "Tea (https://example.org)\n"
    );
    assert_eq!(text("<a href='{{ view_url }}'>{{ view_url }}</a>"), "https://example.org/v\n");
    assert_eq!(text("a<div style='display:none'>hidden</div><p>b</p><!-- note -->"), "a\n\nb\n");
    assert_eq!(text(&format!("<p>{}</p>", "word ".repeat(60).trim())), format!("{}\n", "word ".repeat(60).trim()));
}

#[test]
fn empty_cells_take_the_fallback_and_are_counted_without_one() {
    let message =
        compiled(&html("{{ city }}|{{ city | default('?') }}|{{ city or '!' }}|{{ name }}"), SourceKind::Html);
    let shown = message.render(&values(r#"{"city":"  ","name":null}"#)).unwrap();
    assert_eq!(shown.empty_tags, ["city", "name"]);
    assert!(shown.text.contains("|?|"), "{}", shown.text);
}

#[test]
fn a_value_that_is_asked_for_first_leaves_no_gap() {
    let gaps = |body: &str| {
        let options = CompileOptions { known_tags: ["city".to_owned(), "vip".to_owned()].into(), ..options() };
        let message = compile(&html(body), SourceKind::Html, &options).unwrap();
        message.bare_tags().contains("city")
    };
    for body in [
        "{% if city %}, in {{ city }} too{% endif %}",
        "{% if city and vip %}{{ city }}{% endif %}",
        "{% if city != '' and city is defined and city is not none %}{{ city }}{% endif %}",
        "{% if not city %}anywhere{% else %}{{ city }}{% endif %}",
        "{% if not city %}anywhere{% elif vip %}{{ city }}{% endif %}",
        "{% if city %}{% for n in range(3) %}{% if vip %}{{ city }}{% endif %}{% endfor %}{% endif %}",
        "{{ city or 'a town' }}",
    ] {
        assert!(!gaps(body), "{body}");
    }
    for body in [
        "{{ city }}",
        "{% if city %}{{ city }}{% endif %}{{ city }}",
        "{% if vip %}{{ city }}{% endif %}",
        "{% if city or vip %}{{ city }}{% endif %}",
        "{% if city %}there{% else %}{{ city }}{% endif %}",
        "{% if 'city' %}{{ city }}{% endif %}",
        "{% if vip == 'gold' and city %}{{ city }}{% endif %}{% for n in range(2) %}{{ city }}{% endfor %}",
    ] {
        assert!(gaps(body), "{body}");
    }
}

#[test]
fn a_tag_finds_its_column_whatever_its_case_and_ours_are_written_as_they_are() {
    let options = CompileOptions { known_tags: ["Stadt".to_owned(), "postal_address".to_owned()].into(), ..options() };
    let message = compile(&html("{{ STADT }} {{ stadt }} {{ Stadt }}"), SourceKind::Html, &options).unwrap();
    assert_eq!(message.render(&values(r#"{"Stadt":"Graz"}"#)).unwrap().text, "Graz Graz Graz\n");
    let wrong = compile(&html("{{ Postal_Address }}"), SourceKind::Html, &options);
    assert!(matches!(wrong, Err(ComposeError::UnknownTag { .. })), "{wrong:?}");
}

#[test]
fn a_page_that_begins_with_a_condition_is_a_whole_page_either_way() {
    let message = compiled(&html("{% if city %}<p>only there</p>{% endif %}<p>all</p>"), SourceKind::Html);
    for (city, shown) in [("", "<p>all</p>"), ("Ulm", "<p>only there</p><p>all</p>")] {
        let person = values(&format!(r#"{{"city":"{city}"}}"#));
        let page = message.render(&person).unwrap().html;
        assert_eq!(page, format!("<!DOCTYPE html><html><head></head><body>{shown}</body></html>"));
    }
}

#[test]
fn numbers_are_multiplied_and_text_is_not() {
    let person = values(r#"{"city":"2.5","points":3,"name":"Anna"}"#);
    let text = |body: &str| compiled(&html(body), SourceKind::Html).render(&person).map(|shown| shown.text);
    let product =
        text("<p>{{ points | times(4) }}, {{ city | times(points) }}, {{ '7' | times('2') }}: 2 * 3</p>").unwrap();
    assert!(product.contains("12, 7.5, 14: 2 * 3"), "{product}");
    assert!(matches!(text("<p>{{ name | times(2) }}</p>"), Err(RenderError::Template { .. })));
    let huge = text("<p>{{ 9223372036854775807 | times(2) }}</p>").unwrap();
    assert!(huge.contains("18446744073709552000"), "{huge}");
}

#[test]
fn bombs_are_stopped() {
    let render = |body: &str| compiled(&html(body), SourceKind::Html).render(&anna()).map(|_| ());
    let loops = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    assert_eq!(render(loops), Err(RenderError::TooMuchWork { part: "HTML part" }));
    let long = format!("{{% for a in range(9000) %}}{}{{% endfor %}}", "x".repeat(1000));
    assert_eq!(render(&long), Err(RenderError::TooLarge { part: "HTML part", max: PART_OCTETS_MAX }));
    let grown = format!("{{{{ 'aaaaaaaaaa'{} | length }}}}", " | replace('a', 'aaaaaaaaaa')".repeat(12));
    assert!(matches!(render(&grown), Err(RenderError::Template { .. })), "{:?}", render(&grown));
    for repeated in ["{{ 'x' * 100000000 }}", "{% if name * 100000000 %}{% endif %}", "{{ ([1] * 100000000) | join }}"]
    {
        assert!(refusal(&html(repeated), SourceKind::Html).contains("a product is written"), "{repeated}");
    }
    assert!(matches!(render("{{ range(100000) | join('xxxxxxxx') }}"), Err(RenderError::Template { .. })));
    let wide = format!("{{{{ {} }}}}", "name~".repeat(500));
    assert!(refusal(&html(&wide), SourceKind::Html).contains("a tag may have 2000 characters"));
    let deep = format!("{{{{ {}name{} }}}}", "(".repeat(900), ")".repeat(900));
    assert_ne!(refusal(&html(&deep), SourceKind::Html), "compiled");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_value_becomes_markup(value in "\\PC{0,40}|[<>&\"'{}%# a-z/=]{0,40}") {
        let message = compiled(&html("<p title=\"{{ name }}\">{{ name }}|{{ city | upper }}</p>"), SourceKind::Html);
        let person: Values = [("name", value.as_str()), ("city", value.as_str())].into_iter().collect();
        let shown = message.render(&person).unwrap();
        let inner = body_of(&shown.html);
        prop_assert_eq!(inner.matches('<').count(), 2, "{}", inner);
        prop_assert_eq!(inner.matches('"').count(), 2, "{}", inner);
    }

    #[test]
    fn nothing_an_author_writes_panics(
        source in "(\\PC|\n|\\{\\{|\\}\\}|\\{%|%\\}|\\{#|---\n|<p>|<td|<!--|<style>|name|subject: |'|\\{% if name %\\}|\\{% endif %\\}){0,25}",
        kind in 0..3,
    ) {
        let kind = [SourceKind::Html, SourceKind::Markdown, SourceKind::Mjml][kind as usize];
        let source = if kind == SourceKind::Mjml { format!("<mjml><mj-body><mj-text>{source}</mj-text></mj-body></mjml>") } else { source };
        let options = CompileOptions { fallback_subject: Some("x".to_owned()), ..options() };
        // What compiles may still fail for a person (a minus before a text); then it says so.
        if let Ok(Ok(shown)) = compile(&source, kind, &options).map(|message| message.render(&anna())) {
            prop_assert!(!shown.html.contains("tagx"), "{}", source);
        }
    }
}
